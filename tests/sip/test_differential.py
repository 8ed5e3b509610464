"""The same text through `sipmessage`, an independent parser: where both take it, both read the same.

It refuses much that is legal (folded lines, `*98#`, underscores in hosts), so only what it takes is compared,
and each test asks that this be a good share.
"""

import random
import string
from pathlib import Path

import pytest

from ringline.sip.grammar import NameAddr, Params, Uri, Via
from ringline.sip.message import Request, parse

sipmessage = pytest.importorskip("sipmessage")
pytestmark = pytest.mark.unit

HERE = Path(__file__).parent
# Where the peer is wrong: in `intmeth` it resolves percent escapes in a branch, where `%` is a character
# (RFC 3261 §25.1); in `longreq` it loses headers with a space before the colon (§7.3.1).
PEER_WRONG = {"intmeth", "longreq"}
MESSAGES = [
    path
    for folder in ("torture", "data")
    for path in sorted((HERE / folder).glob("*.[db][ai][tn]"))
    if path.stem not in PEER_WRONG
]
ROUNDS = 300


def word(chance: random.Random, letters: str = string.ascii_letters + string.digits + "-._~") -> str:
    return "".join(chance.choices(letters, k=chance.randint(1, 10)))


def params(chance: random.Random) -> str:
    names = dict.fromkeys(word(chance, string.ascii_lowercase) for _ in range(chance.randrange(4)))
    names.pop("self", None)  # sipmessage cannot take a parameter of this name
    return "".join(f";{name}" + chance.choice(["", f"={word(chance)}"]) for name in names)


def host(chance: random.Random) -> str:
    named = ".".join(word(chance, string.ascii_lowercase) for _ in range(chance.randint(1, 3)))
    return chance.choice(
        [named, f"192.0.2.{chance.randrange(256)}", f"[2001:db8::{chance.randrange(1, 9999)}]"]
    )


def port(chance: random.Random) -> str:
    return chance.choice(["", f":{chance.randrange(1, 65536)}"])


def uri(chance: random.Random) -> str:
    user = chance.choice(["", f"{word(chance)}@", f"{word(chance)}:{word(chance)}@", "+15550100@", "a%40b@"])
    return f"{chance.choice(['sip', 'sips'])}:{user}{host(chance)}{port(chance)}{params(chance)}"


def pairs(theirs: object) -> dict[str, str | None]:
    return dict(theirs.items())  # type: ignore[attr-defined]  # the peer has no types here


def ours(values: Params) -> dict[str, str | None]:
    return dict(values)


def test_uris() -> None:
    chance = random.Random(1)
    for _ in range(ROUNDS):
        text = uri(chance)
        mine, peer = Uri.parse(text), sipmessage.URI.parse(text)
        assert (mine.scheme, mine.host, mine.port) == (peer.scheme, peer.host.strip("[]"), peer.port)
        assert (mine.user_key or None, mine.password or None) == (peer.user, peer.password)
        assert ours(mine.params) == pairs(peer.parameters)


def test_addresses() -> None:
    chance = random.Random(2)
    for _ in range(ROUNDS):
        display = chance.choice(["", word(chance), f'"{word(chance)}, \\"{word(chance)}\\""'])
        text = f"{display} <{uri(chance)}>{params(chance)}"
        mine, peer = NameAddr.parse(text), sipmessage.Address.parse(text)
        assert (mine.display, mine.uri.host) == (peer.name, peer.uri.host.strip("[]"))
        assert ours(mine.params) == pairs(peer.parameters)
        assert ours(mine.uri.params) == pairs(peer.uri.parameters)


def test_vias() -> None:
    chance = random.Random(3)
    for _ in range(ROUNDS):
        transport = chance.choice(["UDP", "TCP", "TLS", "WSS"])
        text = f"SIP/2.0/{transport} {host(chance)}{port(chance)};branch=z9hG4bK1{params(chance)}"
        mine, peer = Via.parse(text), sipmessage.Via.parse(text)
        assert (mine.transport, mine.host, mine.port) == (peer.transport, peer.host.strip("[]"), peer.port)
        assert ours(mine.params) == pairs(peer.parameters)


def test_messages() -> None:
    compared = 0
    for path in MESSAGES:
        try:
            mine = parse(path.read_bytes())
            peer = sipmessage.Message.parse(path.read_bytes())
            its_vias, its_from, its_cseq = peer.via, peer.from_address, peer.cseq
        except (ValueError, KeyError, TypeError):  # one of the two refuses
            continue
        compared += 1
        assert (mine.call_id, mine.cseq.number, mine.cseq.method) == (
            peer.call_id,
            its_cseq.sequence,
            its_cseq.method,
        )
        assert [(via.transport, via.host, via.branch) for via in mine.vias] == [
            (via.transport.upper(), via.host.strip("[]"), via.parameters.get("branch")) for via in its_vias
        ]
        assert (mine.from_.tag, mine.from_.uri.host) == (
            its_from.parameters.get("tag"),
            its_from.uri.host.strip("[]"),
        )
        if isinstance(mine, Request):
            assert mine.method == peer.method
        else:
            assert (mine.status, mine.reason) == (peer.code, peer.phrase)
    assert compared >= 20
