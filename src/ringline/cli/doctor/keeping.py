"""What ringline keeps: the data folder, the disk, the store, models and speech engines."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from ringline.cli.config import without_secrets
from ringline.cli.database import Database, newest_schema, store_file, store_url
from ringline.cli.doctor.findings import Finding, fail, ok, warn
from ringline.cli.output import size
from ringline.core.clock import SystemClock
from ringline.core.errors import ConfigError, RinglineError
from ringline.core.ids import Ids
from ringline.core.settings import Settings
from ringline.inference.registry import load_registry
from ringline.inference.weights import list_models
from ringline.speech.engines.local_transcriber import moonshine_transcriber
from ringline.speech.engines.silero_detection import ADVICE as PULL_DETECTOR
from ringline.speech.engines.silero_detection import MODEL as DETECTOR
from ringline.speech.engines.silero_detection import is_here
from ringline.speech.engines.speaker import espeak_speaker, piper_speaker
from ringline.speech.recognition_service import CONFIGURE
from ringline.storage.objects import ObjectStore, new_key
from ringline.store.keys import server_secret
from ringline.workers.admission import Limits

LITTLE = 2_000_000_000
"""Bytes: a few days of recordings (a stereo WAV minute is 1.9 MB)."""
TOO_LITTLE = 200_000_000
S3_WITHIN_S = 15.0


def check_folder(data: Path) -> Iterator[Finding]:
    """The data folder: ours to write, nobody else's to read, with room."""
    wanted = data.absolute()
    existing = next(folder for folder in (wanted, *wanted.parents) if os.path.exists(folder))
    if not existing.is_dir():
        yield fail(f"{existing} is not a folder", "give another --data")
        return
    if not os.access(existing, os.W_OK | os.X_OK):
        yield fail(f"{existing} cannot be written by user {os.geteuid()}", f"chown {os.geteuid()} {existing}")
    elif existing != wanted:
        yield ok(f"data folder {data} will be made at the first start")
    elif data.stat().st_mode & 0o007:
        yield warn(
            f"data folder {data} is open to other users; it holds webhook keys and recordings",
            f"chmod o-rwx {data}",
        )
    else:
        yield ok(f"data folder {data}: ours alone")
    free = shutil.disk_usage(existing).free
    if free < TOO_LITTLE:
        yield fail(f"{size(free)} of disk are left", "make room: calls cannot be kept on a full disk")
    elif free < LITTLE:
        yield warn(f"{size(free)} of disk are left", "make room, or lower timeline.retention_days")
    else:
        yield ok(f"{size(free)} of disk are free")


def check_store(settings: Settings) -> Finding:
    """Reachable, of our schema, and writable: something is written and taken back."""
    url = store_url(settings)
    shown = url.render_as_string(hide_password=True)
    file = store_file(url)
    if file is not None and not os.path.exists(file):
        return ok(f"store {shown}: there will be one at the first start")
    database: Database | None = None
    try:
        database = Database(url)
        schema = database.schema()
        if schema is None:
            return ok(f"store {shown} is empty; its tables are made at the first start")
        if schema != newest_schema():
            return warn(
                f"store {shown} has schema {schema}, this version works on {newest_schema()}",
                "start this version's `ringline serve` once; it keeps a copy and brings it up to date",
            )
        database.write(_write_and_undo)
    except RinglineError as error:
        return fail(f"store {shown}: {error}", "is the database there, and may this user write to it?")
    finally:
        if database is not None:
            database.close()
    return ok(f"store {shown}: reachable, writable, schema {schema}")


async def check_objects(settings: Settings) -> Finding:
    """Where recordings go: an object is written to S3 and taken away again; a folder was checked before."""
    url = settings.storage.url
    if not url:
        return ok(f"recordings and media go to {settings.data / 'objects'}")
    shown = without_secrets(url)
    try:
        objects = ObjectStore.open(url, settings.data / "objects")
        key = new_key(Ids(), "files", "txt")
        async with asyncio.timeout(S3_WITHIN_S):
            await objects.put(key, b"ringline doctor")
            await objects.delete(key)
    except TimeoutError:
        return fail(
            f"{shown} does not answer within {S3_WITHIN_S:g} s", "is the endpoint right, and reachable?"
        )
    except RinglineError as error:
        return fail(
            f"{shown}: {error}",
            "are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY set, and may they write there?",
        )
    return ok(f"recordings and media go to {shown}: written and deleted")


def check_models(settings: Settings) -> Finding:
    """Which weights are here; none is no fault, for each serves a part that may not be wanted."""
    folder = settings.models_folder()
    present = [one.model.name for one in list_models(load_registry(), folder) if one.present]
    if present:
        return ok(f"models in {folder}: {', '.join(present)}")
    return ok(f"no models in {folder}; `ringline models list` shows what there is to pull")


def check_speech(settings: Settings) -> Finding:
    """Whether `speak` has a voice."""
    limits = Limits(in_flight=1, waiting=1)
    found = [f"{settings.speech.remote_url} (remote)"] if settings.speech.remote_url else []
    try:
        found += ["piper"] if piper_speaker(settings.models_folder(), limits) else []
    except ConfigError as error:
        return fail(str(error), "remove the voice, or pull it again: ringline models pull piper-joe")
    better = bool(found)
    found += ["espeak-ng"] if espeak_speaker(limits) else []
    if better:
        return ok(f"speech engines, best first: {', '.join(found)}")
    how = "pip install 'ringline[speech]' && ringline models pull piper-joe, or set speech.remote_url"
    if found:
        return warn("only espeak-ng speaks here, which sounds like a machine", how)
    return warn("nothing here can speak: speak commands will be refused", how)


def check_recognition(settings: Settings) -> Finding:
    """Whether what callers say can be written down, and who finds where they speak."""
    one, folder = settings.recognition, settings.models_folder()
    found = [f"{one.remote_url} (remote)"] if one.remote_url else []
    if local := moonshine_transcriber(folder, Limits(in_flight=1, waiting=1)):
        found += local.names[1:]
    if not found:
        return warn("nothing here understands callers: transcription will be refused", CONFIGURE)
    pulled = is_here(folder / DETECTOR)
    if one.vad == "silero" and not pulled:
        return fail("recognition.vad is silero, and silero-vad is not here", PULL_DETECTOR)
    finder = "silero-vad" if pulled and one.vad != "energy" else "loudness"
    return ok(f"recognition engines, best first: {', '.join(found)}; {finder} finds speech")


def _write_and_undo(conn: sa.Connection) -> None:
    with conn.begin_nested() as undone:
        server_secret(conn, f"doctor {Ids().uuid()}", ids=Ids(), now=SystemClock().utc())
        undone.rollback()
