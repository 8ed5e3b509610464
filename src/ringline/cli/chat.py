"""`ringline chat`: talk to a model of a running server, in a terminal or through a pipe."""

import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from typing import Annotated, Any

import httpx
import msgspec
import typer

from ringline.cli.failure import fail
from ringline.cli.options import Config, settings_of
from ringline.cli.output import printable
from ringline.core.errors import RinglineError

PATH = "/v2/ai/chat/completions"
PATIENCE = httpx.Timeout(10.0, read=600.0)
"""Seconds; a model that is loaded first may be silent for long."""

HELP = (
    'A line that ends with \\ goes on; text may stand between lines of """. /reset begins anew, ctrl-d ends.'
)
FENCE = '"""'

Message = dict[str, str]

Address = Annotated[str | None, typer.Option("--url", metavar="URL", help="The server; default: this one.")]
Key = Annotated[str | None, typer.Option("--key", help="API key; default: RINGLINE_API_KEY.")]


class NoAnswer(RinglineError):
    """The server refused or broke off; the message says why."""


def chat(
    model: Annotated[str, typer.Argument(metavar="[MODEL]", help="Default: the server's own.")] = "",
    system: Annotated[str | None, typer.Option(metavar="TEXT", help="What the model is to be.")] = None,
    url: Address = None,
    key: Key = None,
    config: Config = None,
) -> None:
    """Talk to a model. What comes through a pipe is one question."""
    settings = settings_of(config, None)
    secret = key or settings.api_key.get_secret_value()
    if not secret:
        raise fail("no API key; give --key or set RINGLINE_API_KEY")
    base = (url or f"http://{settings.http.host}:{settings.http.port}").rstrip("/").removesuffix("/v2")
    headers = {"authorization": f"Bearer {secret}"}
    with httpx.Client(base_url=base, headers=headers, timeout=PATIENCE, trust_env=False) as http:
        talk = Talk(http, model, system)
        if sys.stdin.isatty():
            _converse(talk)
        else:
            _ask_once(talk, sys.stdin.read())


class Talk:
    """What was said so far, and the server that goes on with it."""

    def __init__(self, http: httpx.Client, model: str, system: str | None) -> None:
        self._http = http
        self._model = model
        self._first: list[Message] = [{"role": "system", "content": system}] if system else []
        self.messages = list(self._first)

    def reset(self) -> None:
        """Forget what was said."""
        self.messages = list(self._first)

    def ask(self, text: str) -> Generator[str, None, None]:
        """The answer as it comes; however far it came, it is a part of the talk.

        Raises `NoAnswer`; a question without any answer is forgotten.
        """
        self.messages.append({"role": "user", "content": text})
        heard: list[str] = []
        try:
            for piece in self._stream():
                heard.append(piece)
                yield piece
        finally:
            if heard:
                self.messages.append({"role": "assistant", "content": "".join(heard)})
            else:
                self.messages.pop()

    def _stream(self) -> Iterator[str]:
        body: dict[str, Any] = {"messages": self.messages, "stream": True}
        body |= {"model": self._model} if self._model else {}
        try:
            with self._http.stream("POST", PATH, json=body) as answer:
                if not answer.is_success:
                    raise NoAnswer(_reason(answer))
                yield from pieces(answer.iter_lines())
        except httpx.HTTPError as error:
            raise NoAnswer(
                f"no server at {self._http.base_url} ({error}); start one with ringline serve, or give --url"
            ) from error


def pieces(lines: Iterator[str]) -> Iterator[str]:
    """The texts of a stream of chunks; raises `NoAnswer` when it says that it broke off."""
    for line in lines:
        if not line.startswith("data: {"):
            continue
        chunk = msgspec.json.decode(line.removeprefix("data: "))
        if "error" in chunk:
            raise NoAnswer(str(chunk["error"]["message"]))
        for choice in chunk["choices"]:
            if text := choice["delta"].get("content"):
                yield text


def read_turn(read: Callable[[str], str]) -> str:
    """One message of a person; `read(prompt)` gives a line and raises EOFError at the end."""
    line = read("> ")
    if line.strip() == FENCE:
        return "\n".join(iter(lambda: _unless_fence(read("… ")), None))
    lines = [line]
    while lines[-1].endswith("\\"):
        lines[-1] = lines[-1][:-1]
        lines.append(read("… "))
    return "\n".join(lines)


def _unless_fence(line: str) -> str | None:
    return None if line.strip() == FENCE else line


def _converse(talk: Talk) -> None:
    typer.echo(HELP)
    while True:
        try:
            text = read_turn(input).strip()
        except KeyboardInterrupt:
            typer.echo()  # what was typed is thrown away, as a shell does
            continue
        except EOFError:
            typer.echo()
            return
        if text == "/reset":
            talk.reset()
        elif text:
            _answer(talk, text)


def _answer(talk: Talk, text: str) -> None:
    """Print an answer; ctrl-c ends it, and the model stops writing."""
    try:
        with closing(talk.ask(text)) as answer:
            _print(answer)
    except KeyboardInterrupt:
        typer.echo(" …")
    except NoAnswer as reason:
        typer.echo(f"ringline: {printable(str(reason))}", err=True)


def _ask_once(talk: Talk, text: str) -> None:
    if not text.strip():
        raise fail("nothing came through the pipe; give a question on standard input")
    try:
        _print(talk.ask(text.strip()))
    except NoAnswer as reason:
        raise fail(printable(str(reason))) from reason


def _print(answer: Iterable[str]) -> None:
    for piece in answer:
        typer.echo("\n".join(printable(line) for line in piece.split("\n")), nl=False)
    typer.echo()


def _reason(answer: httpx.Response) -> str:
    answer.read()
    if not answer.headers.get("content-type", "").startswith("application/json"):
        return f"the server says {answer.status_code} {answer.text[:300]}"
    return " ".join(str(problem["detail"]) for problem in answer.json()["errors"])
