"""`ringline train`: sends examples to a server, has a model trained on them, and shows how it goes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from ringline.cli.failure import fail
from ringline.cli.options import Config, settings_of
from ringline.cli.output import console, printable, seconds

JOBS = "/v2/ai/fine_tuning/jobs"
EVERY_S = 0.5
BLOCK = 256 * 1024
PAGE = 100
"""Events that are asked for at once."""

Address = Annotated[str | None, typer.Option("--url", metavar="URL", help="The server; default: this one.")]
Key = Annotated[str | None, typer.Option("--key", help="API key; default: RINGLINE_API_KEY.")]


def train(
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="A .jsonl or text file here, or BUCKET/KEY on the server."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model that is to learn.")] = None,
    epochs: Annotated[str, typer.Option(help="Passes over the examples, or auto.")] = "auto",
    suffix: Annotated[str | None, typer.Option(help="A part of the new model's name.")] = None,
    bucket: Annotated[str, typer.Option(help="Bucket that FILE is put into.")] = "training",
    watch: Annotated[str | None, typer.Option(metavar="JOB", help="Only watch a job.")] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Stay until the job has ended.")] = True,
    url: Address = None,
    key: Key = None,
    config: Config = None,
) -> None:
    """Train a model on a file and watch; the job goes on when this command is ended."""
    if (watch is None) == (file is None):
        raise fail("give a FILE to train on, or --watch JOB")
    settings = settings_of(config, None)
    secret = key or settings.api_key.get_secret_value()
    if not secret:
        raise fail("no API key; give --key or set RINGLINE_API_KEY")
    base = (url or f"http://{settings.http.host}:{settings.http.port}").rstrip("/").removesuffix("/v2")
    with Server(base, secret) as server:
        if watch is None:
            assert file is not None
            if model is None:
                raise fail("say which model is to learn: --model NAME (ringline models list)")
            wanted: dict[str, Any] = {"model": model, "hyperparameters": {"n_epochs": _epochs(epochs)}}
            wanted |= {"suffix": suffix} if suffix else {}
            source = Path(file)
            if source.is_file():
                file = server.upload(source, bucket)
            watch = str(server.post(JOBS, wanted | {"training_file": file})["id"])
            console().print(printable(watch))
        if wait and _watched(server, watch)["status"] != "succeeded":
            raise typer.Exit(1)


class Server:
    """The API of a server; what it refuses ends the command with its own words."""

    def __init__(self, base: str, key: str) -> None:
        self._base = base
        self._http = httpx.Client(
            base_url=base, headers={"authorization": f"Bearer {key}"}, timeout=30, trust_env=False
        )

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **query: str | int) -> Any:
        """The JSON at a path."""
        return self._ask("GET", path, params=query).json()

    def post(self, path: str, body: object) -> Any:
        """What comes of sending JSON to a path."""
        return self._ask("POST", path, json=body).json()

    def upload(self, file: Path, bucket: str) -> str:
        """Put a file into a bucket, which is made if it is not there; returns what a job calls it."""
        self._ask("PUT", f"/s3/{quote(bucket)}", allowed=(httpx.codes.CONFLICT,))
        size = str(file.stat().st_size)
        content = _pieces(file)
        self._ask(
            "PUT",
            f"/s3/{quote(bucket)}/{quote(file.name)}",
            content=content,
            headers={"content-length": size},
        )
        return f"{bucket}/{file.name}"

    def _ask(self, method: str, path: str, allowed: tuple[int, ...] = (), **more: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **more)
        except httpx.HTTPError as error:
            raise fail(
                f"no server at {self._base} ({error}); start one with ringline serve, or give --url"
            ) from error
        if answer.is_success or answer.status_code in allowed:
            return answer
        raise fail(printable(_reason(answer)))


def _reason(answer: httpx.Response) -> str:
    if not answer.headers.get("content-type", "").startswith("application/json"):
        return f"{answer.request.url.path}: the server says {answer.status_code} {answer.text[:300]}"
    problems = answer.json().get("errors", [])
    return (
        " ".join(str(problem.get("detail")) for problem in problems)
        or f"the server says {answer.status_code}"
    )


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while piece := opened.read(BLOCK):
            yield piece


def _epochs(text: str) -> int | str:
    if text == "auto":
        return text
    if not text.isdecimal():
        raise fail(f"--epochs {text}: give a number, or auto")
    return int(text)


def _watched(server: Server, job_id: str) -> Any:
    """Show a job until it has ended; returns it."""
    out, path = console(), f"{JOBS}/{quote(job_id, safe='')}"
    seen: set[str] = set()
    with _bar(out) as (bar, task):
        while True:
            # Asked before its events: an end and what is told of it are there at the same moment.
            job = server.get(path)
            for event in _fresh(server, path, seen):
                _show(out, bar, task, event)
            if job["finished_at"] is not None:
                return job
            time.sleep(EVERY_S)


def _fresh(server: Server, path: str, seen: set[str]) -> list[Any]:
    """What was not shown yet, oldest first."""
    fresh: list[Any] = []
    more: dict[str, str | int] = {"limit": PAGE}
    while True:
        page = server.get(f"{path}/events", **more)
        new = [event for event in page["data"] if event["id"] not in seen]
        fresh += new
        seen.update(event["id"] for event in new)
        if not page["has_more"] or len(new) < len(page["data"]):
            return fresh[::-1]
        more["after"] = page["data"][-1]["id"]


@contextmanager
def _bar(out: Console) -> Iterator[tuple[Progress, TaskID]]:
    """A bar at the bottom of a terminal; nothing elsewhere."""
    screen = Console(markup=False, highlight=False, emoji=False)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TextColumn("{task.fields[told]}"),
        console=screen,
        disable=not out.is_terminal,
        transient=True,
    )
    with bar:
        yield bar, bar.add_task("training", total=1, told="", visible=False)


def _show(out: Console, bar: Progress, task: TaskID, event: Any) -> None:
    data = event["data"]
    if event["type"] != "metrics":
        (bar.console if out.is_terminal else out).print(printable(event["message"]))
        return
    told = (
        f"loss {data['train_loss']:.4f}  {data['tokens_per_second']:.0f} tokens/s  "
        f"{seconds(data['eta_seconds'])} left"
    )
    if out.is_terminal:
        bar.update(task, completed=data["step"], total=data["total_steps"], told=told, visible=True)
    else:
        out.print(f"step {data['step']}/{data['total_steps']}  {told}")
