"""The `ringline` command."""

from typing import Annotated

import typer

import ringline
from ringline.cli.lazy import Entry, LazyGroup

COMMANDS = (
    Entry("serve", "ringline.cli.serve:serve", "Run the server."),
    Entry("demo", "ringline.demo.main:main", "Watch a voice app answer a real SIP call on this machine."),
    Entry("doctor", "ringline.cli.doctor.command:doctor", "Check this machine, the settings and your app."),
    Entry("config", "ringline.cli.config:config", "Show the effective settings and where each comes from."),
    Entry("keys", "ringline.cli.keys:app", "API keys, and the public key of webhooks."),
    Entry(
        "accounts",
        "ringline.cli.accounts:app",
        "Accounts: each sees its own calls and resources only.",
    ),
    Entry("calls", "ringline.cli.calls:app", "What calls there were, and what happened in them."),
    Entry("webhooks", "ringline.cli.webhooks:app", "Events on their way to apps."),
    Entry("models", "ringline.cli.models:app", "Model weights: what there is, and getting it."),
    Entry("chat", "ringline.cli.chat:chat", "Talk to a model of a running server."),
    Entry("train", "ringline.cli.train:train", "Teach a model by examples, and watch it learn."),
)


class Commands(LazyGroup):
    """The commands of `ringline`."""

    table = COMMANDS


app = typer.Typer(
    name="ringline",
    cls=Commands,
    help="Programmable voice and AI inference on your own machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


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
