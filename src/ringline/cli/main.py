"""The `ringline` command."""

from typing import Annotated

import typer

import ringline
from ringline.cli import serve

app = typer.Typer(
    name="ringline",
    help="Programmable voice and AI inference on your own machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(ringline.__version__)
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Programmable voice and AI inference on your own machine."""
