"""`ringline chat` against a running server whose engine is scripted: through a pipe and in a terminal."""

import asyncio
import os
import pty
import signal
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from ringline.cli.chat import NoAnswer, pieces, read_turn
from ringline.testing import Engine, Server
from ringline.testing.engine import Reply
from tests.cli.command import ringline

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[Engine]:
    async with Engine() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    async with Server(tmp_path_factory.mktemp("server"), settings=engine.settings) as running:
        yield running


def command(server: Server, *words: str) -> tuple[str, ...]:
    here = ("--url", server.url, "--key", server.api_key)
    return (sys.executable, "-m", "ringline", "chat", *words, *here)


async def piped(said: str, *words: str) -> tuple[int, str, str]:
    """Run a command with a text on its standard input."""
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(said.encode()), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


@pytest.mark.asyncio(loop_scope="module")
async def test_a_pipe_is_one_question(server: Server, engine: Engine) -> None:
    status, out, err = await piped("hello\nthere\n", *command(server, "scripted", "--system", "Be short."))
    assert (status, out, err) == (0, "You said: hello\nthere\n", "")
    assert [one["role"] for one in engine.asked[-1]["messages"]] == ["system", "user"]


@pytest.mark.asyncio(loop_scope="module")
async def test_what_does_not_work_is_one_line(server: Server) -> None:
    assert (await piped("hi", *command(server, "nobody")))[0::2] == (
        1,
        "ringline: The model 'nobody' does not exist. GET /v2/ai/models lists those that do.\n",
    )
    nothing = await piped(" \n", *command(server))
    assert (nothing[0], "nothing came through the pipe" in nothing[2]) == (1, True)
    away = (sys.executable, "-m", "ringline", "chat", "--url", "http://127.0.0.1:9", "--key", "k")
    status, _, err = await piped("hi", *away)
    assert (status, "start one with ringline serve" in err) == (1, True)


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, *words: str) -> None:
        self._words = words
        self.seen = ""

    async def __aenter__(self) -> "Terminal":
        self._ours, theirs = pty.openpty()
        self._process = await asyncio.create_subprocess_exec(
            *self._words,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={**os.environ, "TERM": "dumb"},
            # What runs in the background of a shell is deaf to ctrl-c, and so would be its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        os.close(theirs)
        os.set_blocking(self._ours, False)
        self._new = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._ours, self._read)
        return self

    async def __aexit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._ours)
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        os.close(self._ours)

    async def until(self, text: str) -> str:
        """Wait until the terminal shows a text after what was taken before; takes up to its end."""
        async with asyncio.timeout(60):
            while text not in self.seen:
                self._new.clear()
                await self._new.wait()
        taken, _, self.seen = self.seen.partition(text)
        return taken

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def interrupt(self) -> None:
        """Ctrl-c."""
        os.kill(self._process.pid, signal.SIGINT)

    async def ended(self) -> int:
        return await asyncio.wait_for(self._process.wait(), 30)

    def _read(self) -> None:
        try:
            self.seen += os.read(self._ours, 65536).decode(errors="replace").replace("\r\n", "\n")
        except OSError:  # the other end is closed
            asyncio.get_running_loop().remove_reader(self._ours)
        self._new.set()


@pytest.mark.asyncio(loop_scope="module")
async def test_a_talk_goes_on_is_reset_and_stopped(server: Server, engine: Engine) -> None:
    async with Terminal(*command(server)) as terminal:
        await terminal.until("> ")
        terminal.type("one\\\ntwo\n")
        await terminal.until("You said: one\ntwo\n")
        await terminal.until("> ")
        terminal.type("three\n")
        await terminal.until("You said: three\n")
        assert [one["role"] for one in engine.asked[-1]["messages"]] == ["user", "assistant", "user"]

        await terminal.until("> ")
        terminal.type("/reset\n")
        await terminal.until("> ")
        engine.script = lambda _request: Reply("word " * 200_000)
        terminal.type("go on for ever\n")
        await terminal.until("word word")
        assert len(engine.asked[-1]["messages"]) == 1
        terminal.interrupt()
        await terminal.until(" …\n")
        await terminal.until("> ")
        engine.script = lambda _request: Reply("still here")
        terminal.type("hello?\n")
        await terminal.until("still here\n")
        await terminal.until("> ")
        terminal.type("\x04")
        assert await terminal.ended() == 0


def test_turns_of_several_lines() -> None:
    def typed(*lines: str) -> str:
        left = iter(lines)
        return read_turn(lambda _prompt: next(left))

    assert typed("one") == "one"
    assert typed("one\\", "two\\", "three") == "one\ntwo\nthree"
    assert typed('"""', "one\\", "", "two", '"""') == "one\\\n\ntwo"


def test_a_stream_that_breaks_off_says_why() -> None:
    def lines() -> Iterator[str]:
        yield 'data: {"choices":[{"delta":{"content":"par"}}]}'
        yield ""
        yield 'data: {"error":{"message":"The engine is gone."}}'

    heard: list[str] = []
    with pytest.raises(NoAnswer, match="The engine is gone"):
        heard.extend(pieces(lines()))
    assert heard == ["par"]


def test_no_key_is_told() -> None:
    said = ringline("chat")
    assert (said.status, "no API key" in said.err) == (1, True)
