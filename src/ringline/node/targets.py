"""How a dialled target is reached: a SIP URI directly, a registered phone, our own apps, or the trunk."""

from collections.abc import Callable
from dataclasses import dataclass

from ringline.calls.options import DialTarget
from ringline.node.directory import Phone, Picture
from ringline.node.routing import normal_number
from ringline.sip.grammar import Uri
from ringline.sip.message import SipError


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the INVITE goes; a registered user is reached over the connection that registered."""

    uri: str
    transport: str
    registered_user: str | None = None
    codecs: tuple[str, ...] = ()
    """What the phone's connection lets it be offered; empty for all."""
    channel_limit: int | None = None
    """Calls to the phone at once."""


@dataclass(frozen=True, slots=True)
class Own:
    """How others see us."""

    host: str
    port: int
    names: frozenset[str]
    trunk: str


class Targets:
    """Finds destinations in the directory's picture."""

    def __init__(
        self, own: Callable[[], Own], picture: Callable[[], Picture], registered: Callable[[str], bool]
    ) -> None:
        self._own = own
        self._picture = picture
        self._registered = registered

    def find(self, target: DialTarget, account_id: str) -> Destination | None:
        """The destination, or None where nobody owns the target (404)."""
        if target.to.startswith(("sip:", "sips:")):
            return self._uri(target, account_id)
        return self._number(normal_number(target.to), target.transport.lower())

    def _uri(self, target: DialTarget, account_id: str) -> Destination | None:
        own, transport = self._own(), target.transport.lower()
        text, _, host = target.to.partition("@")
        if not host:
            return self._phone(text.removeprefix("sip:"), account_id, transport)
        try:
            uri = Uri.parse(target.to)
        except SipError:
            return None
        if uri.host in own.names and (uri.port or 5060) == own.port and self._registered(uri.user):
            return self._phone(uri.user, account_id, transport)
        return Destination(target.to, uri.transport or transport)

    def _phone(self, user: str, account_id: str, transport: str) -> Destination | None:
        phone = self._picture().phones.get(user)
        if phone is None or phone.account_id != account_id:
            return None
        return self._registration(phone, user, transport)

    def _registration(self, phone: Phone, called: str, transport: str) -> Destination:
        uri = f"sip:{called}@{self._own().host}"
        return Destination(uri, transport, phone.user, phone.codecs, phone.channel_limit)

    def _number(self, number: str, transport: str) -> Destination | None:
        own, picture = self._own(), self._picture()
        connection = picture.numbers.get(number)
        phone = picture.phones_by_connection.get(connection or "")
        if phone:
            return self._registration(phone, number, transport)
        if connection in picture.applications:
            return Destination(f"sip:{number}@{own.host}:{own.port}", "udp")
        if own.trunk:
            trunk = Uri.parse(own.trunk)
            port = f":{trunk.port}" if trunk.port else ""
            return Destination(f"sip:{number}@{trunk.host}{port}", trunk.transport or transport)
        return None
