"""Where an INVITE goes, and how a target is reached (design: interfaces that stay, inbound and dial)."""

import pytest

from ringline.calls.options import DialTarget
from ringline.calls.state import Application
from ringline.node.directory import Phone, Picture, Subdomain
from ringline.node.routing import Called, Destination, Nowhere, Prove, ToApplication, ToParty, route
from ringline.node.targets import Destination as Reached
from ringline.node.targets import Own, Targets

pytestmark = pytest.mark.unit

SHOP = Application("1", "ann", webhook_url="http://app")
OPEN = Phone("desk", "7", "ann", "", "", "unrestricted")
SHY = Phone("shy", "8", "ann", "", "", "internal")
SILENT = Phone("silent", "10", "ann", "", "", "disabled")
FEW = Phone("few", "11", "ann", "", "", "disabled", ("PCMA",), 1)
OTHERS = Phone("rival", "9", "bob", "", "", "disabled")
PICTURE = Picture(
    applications={"1": SHOP},
    subdomains={"open": Subdomain("1", from_anyone=True), "closed": Subdomain("1", from_anyone=False)},
    phones={phone.user: phone for phone in (OPEN, SHY, SILENT, FEW, OTHERS)},
    phones_by_connection={phone.connection_id: phone for phone in (OPEN, SHY, SILENT, OTHERS)},
    numbers={"+15550001": "1", "+15550007": "7", "+15550099": "gone"},
)
HERE = frozenset({"127.0.0.1", "ringline"})


def routed(
    user: str,
    *,
    host: str = "127.0.0.1",
    from_user: str = "stranger",
    proven: str | None = None,
    default: str = "",
    trunk: bool = False,
) -> Destination:
    called = Called(user, host, proven or from_user, proven)
    return route(PICTURE, called, own_names=HERE, default_application=default, has_trunk=trunk)


@pytest.mark.parametrize("user", ["+15550001", "15550001"])
def test_a_number_of_an_application(user: str) -> None:
    assert routed(user) == ToApplication(SHOP)


def test_a_number_of_a_phone() -> None:
    assert routed("+15550007") == ToParty("sip:desk", "ann")


@pytest.mark.parametrize("user", ["+15550002", "nobody", "+15550099", "shy", "silent", ""])
def test_everything_else_is_nowhere(user: str) -> None:
    assert routed(user) == Nowhere()


def test_subdomains_take_any_user_from_whom_they_allow() -> None:
    assert routed("sales", host="open.sip.example") == ToApplication(SHOP)
    assert routed("sales", host="closed.sip.example") == Nowhere()
    assert routed("sales", host="closed.sip.example", proven="desk") == ToApplication(SHOP)


def test_phones_are_called_by_uri_by_whom_they_allow() -> None:
    assert routed("desk") == routed("desk", proven="rival") == ToParty("sip:desk", "ann")
    assert routed("shy", proven="desk") == ToParty("sip:shy", "ann")
    assert routed("shy", proven="rival") == Nowhere()
    assert routed("silent", proven="desk") == Nowhere()


def test_who_claims_to_be_a_phone_of_ours_must_prove_it() -> None:
    for user in ("+15550001", "nobody"):
        assert routed(user, from_user="desk") == Prove()


def test_no_open_relay() -> None:
    assert routed("+4930123456", trunk=True) == Nowhere()
    assert routed("+4930123456", trunk=True, proven="desk") == ToParty("+4930123456", "ann")
    assert routed("+4930123456", trunk=False, proven="desk") == Nowhere()


def test_the_default_application_takes_the_rest() -> None:
    assert routed("whatever", default="1") == ToApplication(SHOP)
    assert routed("whatever", default="not there") == Nowhere()


def targets(*, trunk: str = "", registered: tuple[str, ...] = ()) -> Targets:
    own = Own("127.0.0.1", 5070, HERE, trunk)
    return Targets(lambda: own, lambda: PICTURE, lambda user: user in registered)


def found(to: str, *, account: str = "ann", transport: str = "UDP", **options: object) -> Reached | None:
    target = DialTarget(to=to, from_="+1", transport=transport)  # type: ignore[arg-type]
    return targets(**options).find(target, account)  # type: ignore[arg-type]


def test_a_uri_is_reached_directly() -> None:
    assert found("sip:bob@10.0.0.9:5080") == Reached("sip:bob@10.0.0.9:5080", "udp")
    assert found("sip:bob@far.example;transport=tcp") == Reached("sip:bob@far.example;transport=tcp", "tcp")
    assert found("sip:bob@far.example", transport="TCP") == Reached("sip:bob@far.example", "tcp")
    assert found("sip:bob@[::1") is None


def test_a_registered_phone_is_reached_over_its_registration() -> None:
    reached = found("sip:desk@127.0.0.1:5070", registered=("desk",))
    assert reached == Reached("sip:desk@127.0.0.1", "udp", registered_user="desk")
    assert found("sip:desk@127.0.0.1:5070") == Reached("sip:desk@127.0.0.1:5070", "udp")
    assert found("sip:desk") == Reached("sip:desk@127.0.0.1", "udp", registered_user="desk")
    assert found("sip:desk", account="bob") is None


def test_a_phone_is_offered_what_its_connection_says() -> None:
    assert found("sip:few", registered=("few",)) == Reached(
        "sip:few@127.0.0.1", "udp", registered_user="few", codecs=("PCMA",), channel_limit=1
    )


def test_numbers_go_to_their_owner_the_trunk_or_nowhere() -> None:
    assert found("+15550007") == Reached("sip:+15550007@127.0.0.1", "udp", registered_user="desk")
    assert found("+15550001") == Reached("sip:+15550001@127.0.0.1:5070", "udp")
    assert found("+4930123456") is None
    trunk = "sip:carrier.example:5090;transport=tcp"
    assert found("+4930123456", trunk=trunk) == Reached("sip:+4930123456@carrier.example:5090", "tcp")
