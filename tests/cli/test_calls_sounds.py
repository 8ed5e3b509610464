"""Recordings in what `ringline calls` writes: heard and seen with `--reveal`, named without it."""

import base64
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ringline.cli import sounds
from ringline.cli.database import Database
from ringline.core.clock import MILLISECOND
from ringline.media.files import encode_mp3, encode_wav
from ringline.store import recordings
from ringline.store.recordings import Recording
from ringline.testing import tone
from ringline.timeline import log
from ringline.timeline.entries import AnyBody, Entry, RecordingSaved, RecordingStarted
from ringline.timeline.export import from_zip

from . import story
from .command import ringline

pytestmark = pytest.mark.unit

STEREO = np.stack([tone(600, 1.0), np.zeros(8000, np.int16)], axis=1).reshape(-1)
WAV = encode_wav(STEREO, 8000, channels=2)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A store with a session of two legs, nothing recorded."""
    made = story.create(tmp_path / "ringline.db")
    story.write_call(made, story.leg(1), event_id="11111111-0000-4000-8000-000000000001")
    story.write_call(made, story.leg(2, session=1), event_id="11111111-0000-4000-8000-000000000002")
    yield made
    made.close()


def keep(
    database: Database, data: Path, name: str, content: bytes | None, *, leg: int = 1, kind: str = "wav"
) -> None:
    """Write a finished recording of a leg as the server does; its file is missing when `content` is None."""
    of = story.leg(leg, session=1)
    key = f"recordings/00/{name}.{kind}"
    row = Recording(
        id=name,
        account_id=of.account_id,
        call_control_id=of.call_control_id,
        call_leg_id=of.leg_id,
        call_session_id=of.session_id,
        connection_id=of.connection_id,
        from_=of.from_,
        to=of.to,
        channels="dual",
        format="mp3" if kind == "mp3" else "wav",
        recording_started_at=story.at(300),
        recording_ended_at=story.at(1300),
        duration_millis=1000,
        file_name=f"{name}.{kind}",
        object_key=key,
        size_bytes=len(content or b""),
        created_at=story.at(1400),
        updated_at=story.at(1400),
    )
    database.write(recordings.add, row)
    bodies: list[tuple[int, AnyBody]] = [(300, RecordingStarted(name)), (1300, RecordingSaved(name))]
    for seq, (ms, body) in enumerate(bodies, 2 * ord(name[0])):
        entry = Entry(seq, ms * MILLISECOND, story.at(ms), of.leg_id, of.session_id, body)
        database.write(log.append, [entry])
    if content is not None:
        file = data / "objects" / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def exported(data: Path, *options: str) -> tuple[str, str]:
    """What was said, and the page."""
    file = data / "call.zip"
    said = ringline("calls", "export", "s1", "-o", file, *options, "--data", data)
    assert said.status == 0, said.err
    assert from_zip(file.read_bytes()).legs[0].hangup_source == "callee"
    with zipfile.ZipFile(file) as archive:
        return said.out, archive.read("call.html").decode()


def heard_in(page: str) -> list[bytes]:
    return [base64.b64decode(one) for one in re.findall(r'<audio [^>]*src="data:[^,]*,([^"]*)"', page)]


def test_the_page_holds_the_sound_and_its_picture(database: Database, tmp_path: Path) -> None:
    keep(database, tmp_path, "a", WAV)
    mp3 = encode_mp3(tone(600, 1.0), 8000)
    keep(database, tmp_path, "b", mp3, kind="mp3")
    said, page = exported(tmp_path, "--reveal")
    assert "2 recordings" in said
    assert heard_in(page) == [WAV, mp3]
    assert page.count('class="wave ') == 3


def test_what_people_said_is_not_in_it_unless_asked_for(database: Database, tmp_path: Path) -> None:
    keep(database, tmp_path, "a", WAV)
    said, page = exported(tmp_path)
    assert "0 recordings" in said
    assert "recording a: its sound is what people said: --reveal puts it in" in said
    assert heard_in(page) == []
    assert 'class="wave ' not in page
    assert "--reveal puts it in" in page


def test_what_is_too_large_or_gone_is_named(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sounds, "MAX_BYTES", len(WAV) + 10)
    keep(database, tmp_path, "a", WAV)
    keep(database, tmp_path, "b", WAV)
    keep(database, tmp_path, "c", None)
    said, page = exported(tmp_path, "--reveal")
    assert heard_in(page) == [WAV]
    for words in ("too many for this file", "its sound is not there any more"):
        assert words in said
        assert words in page


def test_the_page_of_one_leg_has_its_own_recordings(database: Database, tmp_path: Path) -> None:
    keep(database, tmp_path, "a", WAV)
    keep(database, tmp_path, "b", encode_wav(STEREO, 8000), leg=2)
    file = tmp_path / "page.html"
    ringline("calls", "show", "1e9", "--reveal", "--html", file, "--data", tmp_path)
    assert heard_in(file.read_text()) == [WAV]


def test_a_waveform_shows_when_and_on_which_side() -> None:
    samples = np.concatenate([np.zeros(16_000, np.int16), STEREO])
    left, right = sounds.waveform(encode_wav(samples, 8000, channels=2), "wav")
    assert len(left) == len(right) == sounds.PEAKS
    assert max(left[:499]) == 0
    assert min(left[501:]) > 0.5
    assert max(left) == 1
    assert max(right) == 0


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"", "wav"), (b"RIFF", "wav"), (WAV[:50], "wav"), (WAV[:47], "wav"), (b"", "mp3"), (b"ID3", "mp3")],
)
def test_a_damaged_file_has_no_waveform_or_a_flat_one(content: bytes, kind: str) -> None:
    assert not any(map(any, sounds.waveform(content, kind)))
