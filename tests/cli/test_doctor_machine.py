"""What the doctor says of the machine, the data folder and the store."""

import os
import resource
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from ringline.cli.doctor import keeping, machine
from ringline.cli.doctor.findings import Finding, Level
from ringline.core.settings import (
    CallSettings,
    RecognitionSettings,
    Settings,
    SpeechSettings,
    StorageSettings,
    StoreSettings,
)
from ringline.speech.engines.local_transcriber import QUICK
from ringline.speech.engines.moonshine_files import DECODER, ENCODER, TOKENIZER
from ringline.speech.engines.silero_detection import MODEL as DETECTOR
from ringline.store.tables import server_secrets
from tests.storage.s3 import S3

from . import story
from .command import ringline

pytestmark = pytest.mark.unit


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_the_clock_of_this_machine() -> None:
    monotonic, wall = machine.check_clock()
    assert monotonic.level is Level.OK
    assert wall.level is not Level.FAIL


@pytest.mark.parametrize(("got", "level"), [("fifo", "ok"), ("nice", "ok"), ("none", "warn")])
def test_priority(got: machine.Priority, level: str) -> None:
    assert machine.check_priority(got).level.value == level


def test_asking_for_priority_changes_no_other_thread() -> None:
    before = os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)
    assert machine.obtainable_priority() in ("fifo", "nice", "none")
    assert (os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)) == before


@pytest.fixture
def few_descriptors() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("few_descriptors")
def test_descriptors_are_counted_by_calls() -> None:
    assert machine.check_descriptors(Settings(calls=CallSettings(limit=200))).level is Level.OK
    finding = machine.check_descriptors(Settings(calls=CallSettings(limit=201)))
    assert finding.level is Level.WARN
    assert finding.text == "1000 open files are allowed; 201 calls (calls.limit) need about 1004"


def _folder(data: Path) -> list[Finding]:
    return list(keeping.check_folder(data))


def test_a_folder_of_our_own(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert "will be made" in _folder(data / "deeper")[0].text
    data.mkdir(mode=0o750)
    assert _folder(data)[0] == Finding(Level.OK, f"data folder {data}: ours alone")
    data.chmod(0o755)
    open_to_all = _folder(data)[0]
    assert (open_to_all.level, open_to_all.advice) == (Level.WARN, f"chmod o-rwx {data}")


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.touch()
    [finding] = _folder(file)
    assert (finding.level, finding.text) == (Level.FAIL, f"{file} is not a folder")


@pytest.mark.parametrize(
    ("free", "level"), [(100_000_000, "fail"), (1_000_000_000, "warn"), (50_000_000_000, "ok")]
)
def test_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(free, 0, free))
    assert _folder(tmp_path)[-1].level.value == level


def test_a_store_that_works_is_left_as_it_was(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    assert "there will be one" in keeping.check_store(settings).text
    database = story.create(tmp_path / "ringline.db")
    finding = keeping.check_store(settings)
    assert finding.level is Level.OK
    assert "reachable, writable" in finding.text
    assert database.read(lambda conn: conn.execute(sa.select(server_secrets)).all()) == []
    database.close()


def test_a_store_of_another_version(tmp_path: Path) -> None:
    database = story.create(tmp_path / "ringline.db")
    database.write(lambda conn: conn.exec_driver_sql("update alembic_version set version_num = 'r9999'"))
    database.close()
    finding = keeping.check_store(Settings(data=tmp_path))
    assert finding.level is Level.WARN
    assert "has schema r9999" in finding.text


def test_a_store_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "ringline.db").write_bytes(b"x" * 4096)
    finding = keeping.check_store(Settings(data=tmp_path))
    assert finding.level is Level.FAIL
    assert "file is not a database" in finding.text


def test_a_store_that_somebody_writes_to_for_too_long(tmp_path: Path) -> None:
    database = story.create(tmp_path / "ringline.db")
    lock = sa.create_engine(f"sqlite:///{tmp_path / 'ringline.db'}").connect()
    lock.exec_driver_sql("BEGIN IMMEDIATE")
    finding = keeping.check_store(Settings(data=tmp_path))
    lock.close()
    database.close()
    assert finding.level is Level.FAIL
    assert "database is locked" in finding.text


def test_a_database_that_is_not_there_keeps_its_password_to_itself(tmp_path: Path) -> None:
    url = "postgresql+psycopg://me:hush@127.0.0.1:1/ringline"
    finding = keeping.check_store(Settings(data=tmp_path, store=StoreSettings(url=url)))
    assert finding.level is Level.FAIL
    assert "hush" not in finding.text
    assert "me:***@127.0.0.1" in finding.text


@pytest.fixture
async def s3(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[S3]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "access")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    server = S3()
    await server.start()
    yield server
    await server.stop()


async def test_objects_in_s3_are_written_and_taken_away(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(data=tmp_path, storage=StorageSettings(url=f"s3://bucket/calls?endpoint={s3.url}"))
    finding = await keeping.check_objects(settings)
    assert finding.level is Level.OK
    assert finding.text.endswith("written and deleted")
    assert s3.objects == {}
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody else")
    refused = await keeping.check_objects(settings)
    assert refused.level is Level.FAIL
    assert "AWS_SECRET_ACCESS_KEY" in refused.advice


async def test_objects_in_a_folder_need_no_visit(tmp_path: Path) -> None:
    assert (await keeping.check_objects(Settings(data=tmp_path))).level is Level.OK
    assert os.listdir(tmp_path) == []


async def test_an_object_store_that_is_none(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, storage=StorageSettings(url="ftp://bucket"))
    finding = await keeping.check_objects(settings)
    assert finding.level is Level.FAIL
    assert "is not s3://" in finding.text


def test_speech_from_elsewhere_counts(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, speech=SpeechSettings(remote_url="http://tts.example/v1"))
    finding = keeping.check_speech(settings)
    assert finding.level is Level.OK
    assert "http://tts.example/v1 (remote)" in finding.text


def test_a_broken_voice_is_found(tmp_path: Path) -> None:
    voice = tmp_path / "models" / "piper-joe"
    voice.mkdir(parents=True)
    (voice / "joe.onnx").touch()
    (voice / "joe.onnx.json").write_text("not JSON")
    finding = keeping.check_speech(Settings(data=tmp_path))
    assert finding.level is Level.FAIL
    assert "is no Piper voice configuration" in finding.text


def test_nobody_understands_callers_until_something_is_there(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    finding = keeping.check_recognition(settings)
    assert finding.level is Level.WARN
    assert finding.advice
    assert "ringline models pull moonshine-tiny-en" in finding.advice

    for name in (ENCODER, DECODER, TOKENIZER):
        file = tmp_path / "models" / QUICK / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    finding = keeping.check_recognition(settings)
    assert finding.level is Level.OK
    assert "moonshine-tiny-en; loudness finds speech" in finding.text

    detector = tmp_path / "models" / DETECTOR
    detector.parent.mkdir()
    detector.touch()
    assert "silero-vad finds speech" in keeping.check_recognition(settings).text


def test_recognition_from_elsewhere_counts(tmp_path: Path) -> None:
    recognition = RecognitionSettings(remote_url="http://stt.example/v1", remote_key=SecretStr("hidden"))
    finding = keeping.check_recognition(Settings(data=tmp_path, recognition=recognition))
    assert finding.level is Level.OK
    assert "http://stt.example/v1 (remote); loudness" in finding.text
    assert "hidden" not in finding.text

    strict = recognition.model_copy(update={"vad": "silero"})
    finding = keeping.check_recognition(Settings(data=tmp_path, recognition=strict))
    assert finding.level is Level.FAIL
    assert finding.advice
    assert "ringline models pull silero-vad" in finding.advice


def test_the_whole_report(tmp_path: Path) -> None:
    free = {"RINGLINE_HTTP_PORT": "0", "RINGLINE_SIP_PORT": "0"}
    said = ringline("doctor", "--data", tmp_path, environ=free)
    assert said.status == 0, said.out
    subjects = {line.split()[1] for line in said.lines[:-1] if not line.startswith(" ")}
    assert subjects == {
        "ports",
        "addresses",
        "exposure",
        "clock",
        "media",
        "kernel",
        "data",
        "objects",
        "speech",
    }
    assert said.lines[-1].endswith(" 0 failed")

    broken = ringline(
        "doctor",
        "--json",
        "--data",
        tmp_path,
        environ={**free, "RINGLINE_SIP_HOST": "0.0.0.0", "RINGLINE_SIP_PROT": "1"},
    )

    assert broken.status == 1
    assert broken.json[0] == {
        "subject": "settings",
        "level": "warn",
        "text": "RINGLINE_SIP_PROT is no setting; did you mean RINGLINE_SIP_PORT?",
        "advice": "correct its name, or unset it",
    }
    failed = [one for one in broken.json if one["level"] == "fail"]
    assert [one["subject"] for one in failed] == ["addresses", "addresses"]
    assert all(one["advice"] for one in failed)
