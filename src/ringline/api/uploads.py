"""Media on its way in: from a form or from a URL, into a file, looked at, into the object store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from ringline.api import errors
from ringline.api.models.media import MP3, MediaBody, sniff
from ringline.api.ports import ApiDeps
from ringline.core.errors import NotAllowed
from ringline.core.net import FetchError
from ringline.storage.objects import new_key

CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that is in the object store now."""

    key: str
    content_type: str
    size: int


@asynccontextmanager
async def received(request: Request) -> AsyncIterator[tuple[MediaBody, UploadFile | None]]:
    """The members and the file of an upload, JSON or multipart; the file is closed afterwards.

    Raises `RequestValidationError`.
    """
    if not request.headers.get("content-type", "").startswith("multipart/"):
        yield _checked(await request.body()), None
        return
    async with request.form(max_files=1, max_fields=10) as form:
        file = form.get("media")
        members = {name: value for name, value in form.items() if isinstance(value, str) and value}
        yield _validated(members), file if isinstance(file, UploadFile) else None


async def store(deps: ApiDeps, body: MediaBody, file: UploadFile | None) -> Stored | None:
    """Put the file, or what is behind `media_url`, into the object store; None when neither is given.

    Raises `ApiError`: the URL may not or cannot be fetched, or what came is neither WAV nor MP3.
    """
    if file is None and body.media_url is None:
        return None
    path = deps.scratch / f"upload-{deps.ids.uuid()}"
    try:
        if file is not None:
            await _save(file, path)
            pointer = "/media"
        else:
            await _fetch(deps, str(body.media_url), path)
            pointer = "/media_url"
        content_type = sniff(_head(path))
        if content_type is None:
            raise errors.invalid("10014", pointer, "Media must be WAV or MP3.")
        key = new_key(deps.ids, "media", "mp3" if content_type == MP3 else "wav")
        await deps.objects.put(key, path)
        return Stored(key, content_type, path.stat().st_size)
    finally:
        path.unlink(missing_ok=True)


async def _fetch(deps: ApiDeps, url: str, path: Path) -> None:
    settings = deps.settings
    try:
        await deps.guard.download(
            url, path, max_bytes=settings.max_media_bytes, timeout_s=settings.fetch_timeout_s
        )
    except NotAllowed as reason:
        raise errors.invalid("10003", "/media_url", f"{reason}.") from reason
    except FetchError as reason:
        raise errors.invalid("10015", "/media_url", f"The file could not be fetched: {reason}.") from reason


async def _save(file: UploadFile, path: Path) -> None:
    with path.open("wb") as target:
        while chunk := await file.read(CHUNK):
            target.write(chunk)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(16)


def _checked(body: bytes) -> MediaBody:
    try:
        return MediaBody.model_validate_json(body)
    except ValidationError as error:
        raise _as_request_error(error) from error


def _validated(members: dict[str, str]) -> MediaBody:
    try:
        return MediaBody.model_validate(members)
    except ValidationError as error:
        raise _as_request_error(error) from error


def _as_request_error(error: ValidationError) -> RequestValidationError:
    return RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in error.errors()])
