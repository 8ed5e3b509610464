"""Where bytes go: a transport, an address and, for streams, one connection."""

from dataclasses import dataclass
from ipaddress import ip_address

DEFAULT_PORT = 5060
DEFAULT_TLS_PORT = 5061
RELIABLE = frozenset({"TCP", "TLS", "WS", "WSS"})


@dataclass(frozen=True, slots=True)
class Flow:
    """One way to reach a peer (RFC 5626 §2).

    `connection` names an existing stream; 0 on a stream transport means "any to this address, opened if
    there is none". UDP always has 0. IPv6 hosts stand without brackets.
    """

    transport: str
    host: str
    port: int
    connection: int = 0

    @property
    def reliable(self) -> bool:
        """Whether the transport delivers by itself, so that requests are not sent again (§17)."""
        return self.transport in RELIABLE

    @property
    def peer(self) -> str:
        """`host:port` for people and for the timeline."""
        return f"{bracketed(self.host)}:{self.port}"


def bracketed(host: str) -> str:
    """The host as a URI or Via writes it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def is_address(host: str) -> bool:
    """Whether `host` is an IP literal, so that no lookup is needed (RFC 3263 §4.2)."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
