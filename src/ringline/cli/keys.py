"""`ringline keys`: API keys, and the key that apps verify webhooks with."""

from typing import Annotated

import sqlalchemy as sa
import typer

from ringline.cli.database import opened
from ringline.cli.failure import fail
from ringline.cli.options import AsJson, Config, Data, settings_of
from ringline.cli.output import columns, moment, print_json
from ringline.core.clock import SystemClock
from ringline.core.ids import Ids
from ringline.store import accounts, keys
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
    config: Config = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key. It is shown this once: only a hash of it is kept."""
    secret = keys.new_secret(Ids())
    with opened(settings_of(config, data), create=True) as database:
        key = database.write(_create, secret, name)
    if as_json:
        print_json({"id": key.id, "key": secret, "name": key.name})
    else:
        typer.echo(secret)


@app.command("list")
def list_(config: Config = None, data: Data = None, as_json: AsJson = False) -> None:
    """All keys, oldest first."""
    with opened(settings_of(config, data)) as database:
        found = database.read(keys.list_keys)
    if as_json:
        print_json(found)
        return
    columns(
        ("id", "begins with", "name", "created", "revoked"),
        [(key.id, key.prefix, key.name, moment(key.created_at), moment(key.revoked_at)) for key in found],
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
def public(config: Config = None, data: Data = None, as_json: AsJson = False) -> None:
    """The public key of webhooks: what the SDK takes as TELNYX_PUBLIC_KEY."""
    with opened(settings_of(config, data), create=True) as database:
        seed = database.write(signing_seed)
    key = Signer(seed).public_key
    if as_json:
        print_json({"public": key})
    else:
        typer.echo(key)


def signing_seed(conn: sa.Connection) -> bytes:
    """The signing key of the server's account, made now if there is none."""
    ids, now = Ids(), SystemClock().utc()
    return keys.signing_seed(conn, accounts.default_account(conn, ids=ids, now=now).id, ids=ids, now=now)


def _create(conn: sa.Connection, secret: str, name: str) -> ApiKey:
    ids, now = Ids(), SystemClock().utc()
    account = accounts.default_account(conn, ids=ids, now=now)
    return keys.create_key(conn, account.id, secret, name=name, ids=ids, now=now)
