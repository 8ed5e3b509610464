"""Commands that are imported when they are run.

A server takes seconds to import, a list of calls a fraction of one, `ringline --help` none of either: the
table of commands holds their names and their one-line help, and each is loaded by itself.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from ringline.cli.failure import fail
from ringline.core.errors import RinglineError


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the table. `target` is `module:name` of a function, or of a `Typer` with subcommands."""

    name: str
    target: str
    help: str

    def load(self) -> Any:
        """The command itself; ImportError when a package that it needs is missing."""
        module, _, name = self.target.partition(":")
        found = getattr(import_module(module), name)
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
            alone.command(self.name)(found)
            found = alone
        return get_command(found)


class LazyCommand(TyperCommand):
    """Stands in a group's list for a command that is loaded once it is called."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry.name, help=entry.help)
        self.entry = entry

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Load the command, which takes over from here: the context is its own."""
        return self.entry.load().make_context(*args, **kwargs)


class LazyGroup(TyperGroup):
    """A group whose commands are the entries of `table`."""

    table: tuple[Entry, ...] = ()

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for entry in self.table:
            self.add_command(LazyCommand(entry))

    def invoke(self, ctx: Any) -> Any:
        """Run the command; what it raises on purpose, and files that cannot be used, end it with one line."""
        try:
            return super().invoke(ctx)
        except RinglineError as error:
            raise fail(str(error)) from error
        except OSError as error:
            if error.filename is None:  # not about a file: the pipe behind us is gone, or it is a fault
                raise
            raise fail(f"{error.filename}: {error.strerror}") from error
