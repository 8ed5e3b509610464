"""`ringline accounts`: whose keys, calls and resources there are; none sees anything of another."""

from datetime import timedelta
from typing import Annotated

import sqlalchemy as sa
import typer

from ringline.cli.database import opened
from ringline.cli.options import AsJson, Config, Data, settings_of
from ringline.cli.output import columns, moment, print_json
from ringline.core.clock import SystemClock
from ringline.core.errors import ConfigError
from ringline.core.ids import Ids
from ringline.store import accounts
from ringline.store.accounts import Account

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Accounts: each sees its own calls and resources only."
)

Whose = Annotated[
    str,
    typer.Option("--account", metavar="ACCOUNT", help="An account's name or id; the server's first without."),
]


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it; no other may have the name.")],
    config: Config = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make an account. `ringline keys create --account NAME` gives it a key."""
    with opened(settings_of(config, data), create=True) as database:
        account = database.write(_create, name)
    if as_json:
        print_json(account)
    else:
        typer.echo(account.id)


@app.command("list")
def list_(config: Config = None, data: Data = None, as_json: AsJson = False) -> None:
    """All accounts, oldest first."""
    with opened(settings_of(config, data)) as database:
        found = database.read(accounts.list_accounts)
    if as_json:
        print_json(found)
        return
    columns(("id", "name", "created"), [(one.id, one.name, moment(one.created_at)) for one in found])


def account_called(conn: sa.Connection, whose: str) -> Account:
    """The account of this name or id; the server's first, made now if there is none, for an empty one.

    Raises `ConfigError` for one that is not there.
    """
    if not whose:
        return accounts.default_account(conn, ids=Ids(), now=SystemClock().utc())
    for account in accounts.list_accounts(conn):
        if whose in (account.name, account.id):
            return account
    raise ConfigError(f"there is no account {whose}; `ringline accounts create` makes one")


def _create(conn: sa.Connection, name: str) -> Account:
    if not name.strip():
        raise ConfigError("give the account a name")
    now = SystemClock().utc()
    # The oldest account is the server's own: in an empty store that one is made first, and is older.
    accounts.default_account(conn, ids=Ids(), now=now - timedelta(microseconds=1))
    if name in [one.name for one in accounts.list_accounts(conn)]:
        raise ConfigError(f"there is an account {name} already; `ringline accounts list` shows all")
    return accounts.create_account(conn, name, ids=Ids(), now=now)
