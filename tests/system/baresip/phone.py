"""One baresip process, driven over its control socket (`ctrl_tcp`: JSON in netstrings)."""

import asyncio
import json
import shutil
import wave
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ringline.testing import Heard, wav

MODULES = Path("/usr/lib/baresip/modules")
MISSING = shutil.which("baresip") is None
WAIT_S = 15.0

CONFIG = """\
poll_method epoll
sip_listen 127.0.0.1:{sip}
net_interface 127.0.0.1
call_local_timeout 120
audio_source aufile,{folder}/mouth.wav
audio_player aubridge,nil
ausrc_format s16
auplay_format s16
rtp_ports {rtp}-{rtp_end}
snd_path {folder}
module_path {modules}
module g711.so
module g722.so
module aufile.so
module aubridge.so
module sndfile.so
module uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
"""


class Baresip:
    """`async with Baresip(folder, account, …) as phone:`; `account` is a line of baresip's accounts file.

    `says` is its microphone, at the codec's own rate: baresip does not resample. What it heard is known when
    its call is over.
    """

    def __init__(self, folder: Path, account: str, *, says: NDArray[np.int16], rate: int, port: int) -> None:
        """`port` and the forty behind it are the phone's: SIP (UDP, TCP), control, RTP."""
        self.events: list[dict[str, Any]] = []
        self.port = port
        self._folder = folder
        self._account = account
        self._mouth = wav(says, rate)
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._replies = 0

    async def __aenter__(self) -> Self:
        """Start it and take its control socket."""
        folder, port = self._folder, self.port
        folder.mkdir(parents=True)
        values = {"folder": folder, "sip": port, "control": port + 3, "rtp": port + 4, "rtp_end": port + 40}
        (folder / "config").write_text(CONFIG.format(modules=MODULES, **values))
        (folder / "accounts").write_text(self._account + "\n")
        (folder / "contacts").touch()
        (folder / "mouth.wav").write_bytes(self._mouth)
        with (folder / "log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                "baresip",
                *("-4", "-f", str(folder)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
            )
        reader = await self._connect(port + 3)
        self._reading = asyncio.create_task(self._read(reader))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        if self._writer:
            self._writer.close()
        if self._reading:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._process and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def do(self, command: str, params: str = "") -> None:
        """Give it a command of its menu: `dial`, `hold`, `resume`, `sndcode`, `hangup`, …"""
        assert self._writer is not None
        text = json.dumps({"command": command, "params": params, "token": command})
        self._writer.write(f"{len(text)}:{text},".encode())

    async def until(self, kind: str, wait_s: float = WAIT_S) -> dict[str, Any]:
        """The first event of this type not waited for before."""
        try:
            async with asyncio.timeout(wait_s):
                while True:
                    for number, event in enumerate(self.events):
                        if event.get("type") == kind:
                            return self.events.pop(number)
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError as error:
            log = (self._folder / "log").read_text(errors="replace")[-1500:]
            raise AssertionError(f"no {kind}; events: {self.events}; log: {log}") from error

    async def registered(self) -> None:
        """Wait until it is taken in; that may come before its control socket listens, and is in its log."""
        async with asyncio.timeout(WAIT_S):
            while b"[1 binding]" not in (self._folder / "log").read_bytes():  # noqa: ASYNC110 - a file does not tell
                await asyncio.sleep(0.05)

    def heard(self) -> Heard:
        """What it heard, once its call is over; a resumed call begins another file."""
        heard: Heard | None = None
        for path in sorted(self._folder.glob("dump-*-dec.wav")):
            with wave.open(str(path)) as file:
                heard = heard or Heard(file.getframerate())
                heard.add(np.frombuffer(file.readframes(file.getnframes()), np.int16))
        assert heard is not None
        return heard

    async def _connect(self, port: int) -> asyncio.StreamReader:
        async with asyncio.timeout(WAIT_S):
            while True:
                try:
                    reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
                except ConnectionRefusedError:
                    await asyncio.sleep(0.05)
                else:
                    return reader

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while head := await reader.readuntil(b":"):
            message = json.loads(await reader.readexactly(int(head[:-1])))
            await reader.readexactly(1)
            if message.get("event"):
                self.events.append(message)
                self._changed.set()
