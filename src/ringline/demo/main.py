"""`ringline demo`: the command."""

import asyncio
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from ringline.core.log import configure
from ringline.core.settings import LogSettings

MISSING = 2
"""Exit status where something is not installed that the demo needs."""

NEEDS = {
    "telnyx": "the demo's voice app is written with it: pip install 'telnyx[webhooks]'",
    "nacl": "the SDK verifies webhooks with it: pip install 'telnyx[webhooks]'",
    "espeakng_loader": "the server and the phones speak with it: pip install 'ringline[speech]'",
}


def main(
    out: Annotated[Path, typer.Option(help="Folder for the recording, the timeline and its page.")] = Path(
        "demo-out"
    ),
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the server's data and log too, in OUT/server.")
    ] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Plain text, as it is in a pipe.")] = False,
    busy: Annotated[
        bool, typer.Option("--busy", help="Bob's phone refuses all calls: see a demo that fails.")
    ] = False,
) -> None:
    """Watch a voice app answer a real SIP call on this machine; exit status 0 only if every check held."""
    for name, why in NEEDS.items():
        if find_spec(name) is None:
            typer.echo(f"ringline: {name} is not installed; {why}", err=True)
            raise typer.Exit(MISSING)
    from ringline.demo.play import play  # noqa: PLC0415 - needs what was looked for above

    configure(LogSettings(level="error", format="pretty"))
    raise typer.Exit(0 if asyncio.run(play(out, keep=keep, plain=plain, busy=busy)) else 1)
