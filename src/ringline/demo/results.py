"""What the demo leaves behind: recording, timeline, and the call's page with the recording in it."""

from pathlib import Path

from ringline.cli.sounds import waveform
from ringline.timeline.export import CallRecord, to_json
from ringline.timeline.render_html import page
from ringline.timeline.sound import Sound


def write(folder: Path, record: CallRecord, recording: bytes) -> list[Path]:
    """Write what there is; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {"timeline.json": to_json(record)}
    if recording:
        files["recording.wav"] = recording
    files["timeline.html"] = page(record.entries, sounds=_sounds(record, recording)).encode()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]


def _sounds(record: CallRecord, recording: bytes) -> list[Sound]:
    if not recording or not record.recordings:
        return []
    return [Sound(record.recordings[0], content=recording, peaks=waveform(recording, "wav"))]
