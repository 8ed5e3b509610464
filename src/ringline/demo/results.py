"""What the demo leaves behind: recording, timeline, and the call's page with the recording's waveform."""

from pathlib import Path

import numpy as np

from ringline.demo.callers import channels
from ringline.timeline.export import CallRecord, to_json
from ringline.timeline.render_html import Peaks, page

PEAKS = 1000
"""Columns of the waveform: about one for each pixel of the page."""


def write(folder: Path, record: CallRecord, recording: bytes) -> list[Path]:
    """Write what there is; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {"timeline.json": to_json(record)}
    if recording:
        files["recording.wav"] = recording
    files["timeline.html"] = page(record.entries, peaks=_peaks(record, recording)).encode()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]


def _peaks(record: CallRecord, recording: bytes) -> Peaks:
    if not recording or not record.recordings:
        return {}
    sides = [
        [np.max(np.abs(part), initial=0) for part in np.array_split(side.samples.astype(np.int32), PEAKS)]
        for side in channels(recording)
    ]
    loudest = max(1, *(peak for side in sides for peak in side))  # the picture is of when, not of how loud
    return {record.recordings[0]: tuple(tuple(float(peak / loudest) for peak in side) for side in sides)}
