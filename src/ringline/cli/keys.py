"""`ringline keys`: API keys, and the key that apps verify webhooks with."""

from typing import Annotated

import sqlalchemy as sa
import typer

from ringline.cli.accounts import Whose, account_called
from ringline.cli.database import opened
from ringline.cli.failure import fail
from ringline.cli.options import AsJson, Config, Data, settings_of
from ringline.cli.output import columns, moment, print_json
from ringline.core.clock import SystemClock
from ringline.core.ids import Ids
from ringline.store import keys
from ringline.store.accounts import list_accounts
from ringline.store.keys import ApiKey
from ringline.webhooks.signing import Signer

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="API keys, and the public key of webhooks."
)


@app.command("create")
def create(
    name: Annotated[
        str, typer.Option(metavar="TEXT", help="What the key is for, to tell it from others.")
    ] = "",
    account: Whose = "",
    config: Config = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key. It is shown this once: only a hash of it is kept."""
    secret = keys.new_secret(Ids())
    with opened(settings_of(config, data), create=True) as database:
        key = database.write(_create, secret, name, account)
    if as_json:
        print_json({"id": key.id, "key": secret, "name": key.name})
    else:
        typer.echo(secret)


@app.command("list")
def list_(config: Config = None, data: Data = None, as_json: AsJson = False) -> None:
    """All keys, oldest first."""
    with opened(settings_of(config, data)) as database:
        found = database.read(keys.list_keys)
        names = {one.id: one.name for one in database.read(list_accounts)}
    if as_json:
        print_json(found)
        return
    columns(
        ("id", "begins with", "name", "account", "created", "revoked"),
        [
            (
                *(key.id, key.prefix, key.name, names[key.account_id]),
                *(moment(key.created_at), moment(key.revoked_at)),
            )
            for key in found
        ],
    )


@app.command("revoke")
def revoke(
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="Its id, or the beginning that `keys list` shows.")
    ],
    config: Config = None,
    data: Data = None,
) -> None:
    """End a key. A running server refuses it within five seconds."""
    with opened(settings_of(config, data)) as database:
        if not database.write(keys.revoke_key, key, SystemClock().utc()):
            raise fail(f"no one key that is alive is called {key}; give an id from `ringline keys list`")
        left = sum(one.revoked_at is None for one in database.read(keys.list_keys))
    typer.echo(f"revoked; {left} {'key is' if left == 1 else 'keys are'} left")


@app.command("public")
def public(account: Whose = "", config: Config = None, data: Data = None, as_json: AsJson = False) -> None:
    """The public key of webhooks: what the SDK takes as TELNYX_PUBLIC_KEY."""
    with opened(settings_of(config, data), create=True) as database:
        seed = database.write(signing_seed, account)
    key = Signer(seed).public_key
    if as_json:
        print_json({"public": key})
    else:
        typer.echo(key)


def signing_seed(conn: sa.Connection, account: str = "") -> bytes:
    """The signing key of an account (the server's own by default), made now if there is none."""
    found = account_called(conn, account)
    return keys.signing_seed(conn, found.id, ids=Ids(), now=SystemClock().utc())


def _create(conn: sa.Connection, secret: str, name: str, account: str) -> ApiKey:
    found = account_called(conn, account)
    return keys.create_key(conn, found.id, secret, name=name, ids=Ids(), now=SystemClock().utc())
