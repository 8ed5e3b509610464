"""`ringline keys` on a store of its own."""

import base64
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ringline.cli.database import Database
from ringline.store.keys import account_of

from .command import ringline

pytestmark = pytest.mark.unit


def _account_of(data: Path, secret: str) -> str | None:
    database = Database(sa.make_url(f"sqlite:///{data / 'ringline.db'}"))
    try:
        return database.read(account_of, secret)
    finally:
        database.close()


def test_a_key_is_made_listed_and_revoked(tmp_path: Path) -> None:
    secret = ringline("keys", "create", "--name", "laptop", "--data", tmp_path).out.strip()
    assert secret.startswith("KEY")
    assert _account_of(tmp_path, secret) is not None

    listed = ringline("keys", "list", "--data", tmp_path)
    assert "laptop" in listed.out
    assert secret not in listed.out
    assert secret[:8] in listed.out

    said = ringline("keys", "revoke", secret[:8], "--data", tmp_path)
    assert (said.status, said.out) == (0, "revoked; 0 keys are left\n")
    assert _account_of(tmp_path, secret) is None


def test_json_gives_what_programs_need(tmp_path: Path) -> None:
    made = ringline("keys", "create", "--name", "ci", "--json", "--data", tmp_path).json
    assert _account_of(tmp_path, made["key"]) is not None
    [listed] = ringline("keys", "list", "--json", "--data", tmp_path).json
    assert (listed["id"], listed["name"], listed["revoked_at"]) == (made["id"], "ci", None)
    assert made["key"] not in str(listed)
    assert ringline("keys", "revoke", made["id"], "--data", tmp_path).status == 0
    [listed] = ringline("keys", "list", "--json", "--data", tmp_path).json
    assert listed["revoked_at"]


def test_all_keys_belong_to_one_account(tmp_path: Path) -> None:
    first, second = (ringline("keys", "create", "--data", tmp_path).out.strip() for _ in range(2))
    assert first != second
    assert _account_of(tmp_path, first) == _account_of(tmp_path, second) is not None


def test_a_second_account_has_keys_of_its_own(tmp_path: Path) -> None:
    made = ringline("accounts", "create", "branch", "--data", tmp_path).out.strip()
    own = ringline("keys", "create", "--data", tmp_path).out.strip()
    by_name, by_id = (
        ringline("keys", "create", "--account", whose, "--data", tmp_path).out.strip()
        for whose in ("branch", made)
    )
    assert _account_of(tmp_path, by_name) == _account_of(tmp_path, by_id) == made
    assert _account_of(tmp_path, own) not in (None, made)
    listed = ringline("accounts", "list", "--json", "--data", tmp_path).json
    assert [one["name"] for one in listed] == ["default", "branch"]
    assert ["branch" in line for line in ringline("keys", "list", "--data", tmp_path).lines] == [
        *(False, False),
        *(True, True),
    ]
    publics = [
        ringline("keys", "public", *whose, "--data", tmp_path).out
        for whose in ((), ("--account", "default"), ("--account", "branch"))
    ]
    assert publics[0] == publics[1] != publics[2]


def test_accounts_have_names_of_their_own_and_are_not_guessed(tmp_path: Path) -> None:
    for name, said in (
        ("branch", ""),
        ("branch", "ringline: there is an account branch already; `ringline accounts list` shows all\n"),
        ("default", "ringline: there is an account default already; `ringline accounts list` shows all\n"),
        (" ", "ringline: give the account a name\n"),
    ):
        assert ringline("accounts", "create", name, "--data", tmp_path).err == said
    wrong = ringline("keys", "create", "--account", "brunch", "--data", tmp_path)
    assert (wrong.status, wrong.err) == (
        1,
        "ringline: there is no account brunch; `ringline accounts create` makes one\n",
    )
    assert ringline("keys", "list", "--json", "--data", tmp_path).json == []


def test_an_unknown_key_cannot_be_revoked(tmp_path: Path) -> None:
    ringline("keys", "create", "--data", tmp_path)
    said = ringline("keys", "revoke", "KEYnothing", "--data", tmp_path)
    assert said.status == 1
    assert (
        said.err
        == "ringline: no one key that is alive is called KEYnothing; give an id from `ringline keys list`\n"
    )


def test_the_public_key_is_one_and_stays(tmp_path: Path) -> None:
    key = ringline("keys", "public", "--data", tmp_path).out.strip()
    Ed25519PublicKey.from_public_bytes(base64.b64decode(key))
    assert ringline("keys", "public", "--json", "--data", tmp_path).json == {"public": key}


def test_listing_makes_no_store(tmp_path: Path) -> None:
    said = ringline("keys", "list", "--data", tmp_path / "none")
    assert said.status == 1
    assert said.err.startswith(f"ringline: there is no store at {tmp_path / 'none' / 'ringline.db'}. Start")
    assert not (tmp_path / "none").exists()
