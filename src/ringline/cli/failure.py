"""How a command fails: one line on standard error that says what to do, exit status 1."""

import typer


def fail(message: str) -> typer.Exit:
    """Say what is wrong; to be raised."""
    typer.echo(f"ringline: {message}", err=True)
    return typer.Exit(1)
