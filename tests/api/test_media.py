"""Stored media over HTTP (spec voice-api §6.6)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from ringline.api.ports import ApiSettings
from ringline.store import media
from tests.api.conftest import client_of
from tests.api.house import KEY, House
from tests.api.seeds import WAV

pytestmark = pytest.mark.unit

MP3 = b"ID3\x04\x00" + b"\x00" * 40


@asynccontextmanager
async def serving(answer: bytes) -> AsyncIterator[str]:
    """A web server on loopback that answers every request alike; yields a URL on it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/file"


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (len(body), body)


def bare(status: str, header: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{header}content-length: 0\r\nconnection: close\r\n\r\n".encode()


async def uploaded(api: httpx.AsyncClient, name: str, content: bytes = WAV, **members: str) -> dict[str, str]:
    """Upload a file by form."""
    answer = await api.post(
        "/media", files={"media": ("any.bin", content)}, data={"media_name": name, **members}
    )
    assert answer.status_code == 201, answer.text
    data: dict[str, str] = answer.json()["data"]
    return data


def objects(house: House) -> list[Path]:
    return [path for path in (house.folder / "objects").rglob("*") if path.is_file()]


async def test_a_form_upload_comes_back_byte_for_byte(api: httpx.AsyncClient, house: House) -> None:
    data = await uploaded(api, "Grüße & co.wav")

    assert data == {
        "media_name": "Grüße & co.wav",
        "content_type": "audio/wav",
        "created_at": "2030-01-01T00:00:00Z",
        "updated_at": "2030-01-01T00:00:00Z",
        "expires_at": "2030-01-03T00:00:00Z",
    }
    got = await api.get("/media/Grüße & co.wav/download")
    assert (got.content, got.headers["content-type"]) == (WAV, "audio/wav")
    assert [path.name for path in house.folder.iterdir() if path.name.startswith("upload-")] == []


async def test_a_url_is_fetched(api: httpx.AsyncClient) -> None:
    async with serving(ok(MP3)) as url:
        answer = await api.post("/media", json={"media_url": url, "ttl_secs": "60"})

    data = answer.json()["data"]
    assert (answer.status_code, data["content_type"], data["expires_at"]) == (
        201,
        "audio/mpeg",
        "2030-01-01T00:01:00Z",
    )
    assert (await api.get(f"/media/{data['media_name']}/download")).content == MP3


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (ok(b"<html>not audio</html>"), "10014"),
        (bare("404 Not Found"), "10015"),
        (bare("302 Found", "location: http://169.254.169.254/\r\n"), "10003"),
        (b"nonsense\r\n\r\n", "10015"),
        (ok(WAV + b"\x00" * 5000), "10015"),
    ],
    ids=["type", "missing", "redirect", "nonsense", "large"],
)
async def test_a_url_that_brings_no_audio_leaves_nothing(house: House, answer: bytes, code: str) -> None:
    house.settings = ApiSettings(max_media_bytes=4000)
    async with client_of(house, KEY) as api, serving(answer) as url:
        refused = await api.post("/media", json={"media_url": url, "media_name": "x"})
        missing = await api.get("/media/x")

    (error,) = refused.json()["errors"]
    assert (refused.status_code, error["code"], error["source"]) == (422, code, {"pointer": "/media_url"})
    assert missing.status_code == 404
    assert objects(house) == []
    assert [path.name for path in house.folder.iterdir() if path.name.startswith("upload-")] == []


@pytest.mark.parametrize(
    ("send", "code", "pointer"),
    [
        ({"json": {}}, "10004", "/media_url"),
        ({"json": {"media_url": "file:///etc/passwd"}}, "10003", "/media_url"),
        ({"json": {"media_url": "http://a/b", "media_name": "../../etc"}}, "10015", "/media_name"),
        ({"json": {"media_url": "http://a/b", "ttl_secs": 0}}, "10033", "/ttl_secs"),
        ({"json": {"media_url": "http://a/b", "ttl_secs": 630_720_001}}, "10033", "/ttl_secs"),
        ({"files": {"media": ("a.txt", b"words")}}, "10014", "/media"),
        ({"files": {"other": ("a.wav", WAV)}}, "10004", "/media_url"),
        ({"files": {"media": ("a.wav", WAV)}, "data": {"ttl_secs": "soon"}}, "10026", "/ttl_secs"),
        ({"files": {"media": ("a.wav", WAV)}, "data": {"media_name": "a/b"}}, "10015", "/media_name"),
    ],
)
async def test_wrong_uploads(
    api: httpx.AsyncClient, send: dict[str, object], code: str, pointer: str
) -> None:
    answer = await api.post("/media", **send)  # type: ignore[arg-type]  # files, data or json

    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["code"], error["source"]) == (422, code, {"pointer": pointer})


@pytest.mark.parametrize("content", [b"", b"--x\r\nrubbish", b"\xff" * 50])
async def test_broken_forms_are_refused(api: httpx.AsyncClient, content: bytes) -> None:
    answer = await api.post(
        "/media", content=content, headers={"content-type": "multipart/form-data; boundary=x"}
    )

    assert answer.status_code in (400, 422)


async def test_names_are_unique_until_they_expire(
    api: httpx.AsyncClient, other: httpx.AsyncClient, house: House
) -> None:
    await uploaded(api, "intro", ttl_secs="60")
    await uploaded(other, "intro")
    again = await api.post("/media", files={"media": ("a", WAV)}, data={"media_name": "intro"})
    before = len(objects(house))

    house.clock.advance(60)
    expired = await api.get("/media/intro")
    await uploaded(api, "intro", MP3)

    assert (again.status_code, again.json()["errors"][0]["code"]) == (422, "10012")
    assert (before, len(objects(house))) == (2, 2)  # the refused file is gone, and the expired one's
    assert expired.status_code == 404
    assert (await api.get("/media/intro/download")).content == MP3
    assert (await other.get("/media/intro/download")).content == WAV


async def test_content_and_expiry_can_be_replaced(api: httpx.AsyncClient, house: House) -> None:
    await uploaded(api, "intro", ttl_secs="60")
    house.clock.advance(30)

    longer = (await api.put("/media/intro", json={"ttl_secs": 600})).json()["data"]
    changed = (await api.put("/media/intro", files={"media": ("a", MP3)})).json()["data"]
    same = (await api.put("/media/intro", json={})).json()["data"]

    assert (longer["content_type"], longer["expires_at"]) == ("audio/wav", "2030-01-01T00:10:30Z")
    assert (changed["content_type"], changed["expires_at"]) == ("audio/mpeg", "2030-01-03T00:00:30Z")
    assert same["expires_at"] == changed["expires_at"]
    assert (await api.get("/media/intro/download")).content == MP3
    assert len(objects(house)) == 1
    assert (await api.put("/media/none", json={})).status_code == 404


async def test_deleted_media_is_gone_with_its_bytes(
    api: httpx.AsyncClient, other: httpx.AsyncClient, house: House
) -> None:
    await uploaded(api, "intro")

    assert (await other.delete("/media/intro")).status_code == 404
    deleted = await api.delete("/media/intro")

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await api.delete("/media/intro")).status_code == 404
    assert objects(house) == []


async def test_lists_are_whole_unless_pages_are_asked_for(api: httpx.AsyncClient, house: House) -> None:
    for number in range(25):
        await uploaded(api, f"file {number}", MP3 if number == 0 else WAV, ttl_secs=str(60 + number))

    async def names(query: str) -> list[str]:
        return [one["media_name"] for one in (await api.get(f"/media?{query}")).json()["data"]]

    assert len(await names("")) == 25
    assert len(await names("page[size]=10&page[number]=3")) == 5
    assert await names("filter[content_type]=audio/mpeg") == ["file 0"]
    assert len(await names("filter[content_type]=audio/wav,audio/mpeg")) == 25
    house.clock.advance(61)
    assert "file 0" not in await names("")
    purged = await house.store.tx(media.purge, house.clock.utc())
    assert sorted(one.media_name for one in purged) == ["file 0", "file 1"]


async def test_part_of_a_file(api: httpx.AsyncClient) -> None:
    await uploaded(api, "intro")

    part = await api.get("/media/intro/download", headers={"range": "bytes=4-7"})
    beyond = await api.get("/media/intro/download", headers={"range": "bytes=5000-"})

    assert (part.status_code, part.content) == (206, WAV[4:8])
    assert part.headers["content-range"] == f"bytes 4-7/{len(WAV)}"
    assert (beyond.status_code, beyond.json()["errors"][0]["code"]) == (416, "10033")


async def test_bytes_that_are_lost_are_a_404(api: httpx.AsyncClient, house: House) -> None:
    await uploaded(api, "intro")
    for path in objects(house):
        path.unlink()

    assert (await api.get("/media/intro/download")).status_code == 404
