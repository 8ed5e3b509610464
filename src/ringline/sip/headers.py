"""A message's header fields: ordered, verbatim, found by name in any case or compact form (RFC 3261 §7.3)."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar, cast

from ringline.sip.grammar import split_commas
from ringline.sip.params import TOKEN, SipError, encode

T = TypeVar("T")

COMPACT: Final = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
"""One-letter names (IANA, SIP header fields)."""

LISTS: Final = frozenset(
    {
        "accept",
        "accept-contact",
        "accept-encoding",
        "accept-language",
        "alert-info",
        "allow",
        "allow-events",
        "call-info",
        "contact",
        "content-encoding",
        "content-language",
        "diversion",
        "error-info",
        "history-info",
        "in-reply-to",
        "p-asserted-identity",
        "p-associated-uri",
        "p-preferred-identity",
        "path",
        "proxy-require",
        "reason",
        "record-route",
        "reject-contact",
        "require",
        "route",
        "security-client",
        "security-server",
        "security-verify",
        "service-route",
        "supported",
        "unsupported",
        "via",
        "warning",
    }
)
"""Header fields whose value is a comma-separated list; the others may hold commas that mean nothing."""

_keys: dict[str, str] = {}
_KEYS_LIMIT: Final = 1024
_KEY_LENGTH: Final = 64


def key(name: str) -> str:
    """The full name in lower case: `v` and `VIA` are both `via`."""
    found = _keys.get(name)
    if found is None:
        lowered = name.lower()
        found = COMPACT.get(lowered, lowered)
        # names come from the network; the memory for them is bounded
        if len(_keys) < _KEYS_LIMIT and len(name) <= _KEY_LENGTH:
            _keys[name] = found
    return found


class Headers:
    """Ordered header fields. Changing one forgets the typed values that were read from it."""

    __slots__ = ("_items", "_typed")

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self._items: list[tuple[str, str, str]] = []  # name as written, key, value
        self._typed: dict[str, dict[object, object]] = {}  # key → reader → value
        for name, value in items:
            self.add(name, value)

    @classmethod
    def received(cls, items: list[tuple[str, str]]) -> "Headers":
        """From a parser that has split lines at every CR and LF and checked the names."""
        headers = cls()
        headers._items = [(name, key(name), value) for name, value in items]
        return headers

    def get(self, name: str) -> str | None:
        """The first value, whole; None when absent."""
        wanted = key(name)
        for _, own, value in self._items:
            if own == wanted:
                return value
        return None

    def get_all(self, name: str) -> list[str]:
        """All values in order; those of list headers split at commas, empty elements left out."""
        wanted = key(name)
        values = [value for _, own, value in self._items if own == wanted]
        if wanted not in LISTS:
            return values
        return [element for value in values for element in split_commas(value) if element]

    def repeated(self) -> set[str]:
        """The names, full and in lower case, that stand on more than one line."""
        seen: set[str] = set()
        twice: set[str] = set()
        for _, own, _ in self._items:
            (twice if own in seen else seen).add(own)
        return twice

    def has_option(self, name: str, option: str) -> bool:
        """Whether a list header (Supported, Require, Allow, …) names this option, without regard to case."""
        option = option.lower()
        return any(element.lower() == option for element in self.get_all(name))

    def add(self, name: str, value: str) -> None:
        """Append one line; raises `SipError` for a name or value that would break the message's framing."""
        line = self._checked(name, value)
        self._items.append(line)
        self._typed.pop(line[1], None)

    def prepend(self, name: str, value: str) -> None:
        """Put one line before all others (Via, Record-Route)."""
        line = self._checked(name, value)
        self._items.insert(0, line)
        self._typed.pop(line[1], None)

    def set(self, name: str, value: str) -> None:
        """One line of this name, in the place of the first, or at the end."""
        line = self._checked(name, value)
        first = next((at for at, item in enumerate(self._items) if item[1] == line[1]), len(self._items))
        after = [item for item in self._items[first:] if item[1] != line[1]]
        self._items[first:] = [line, *after]
        self._typed.pop(line[1], None)

    def remove(self, name: str) -> None:
        """Drop every line of this name, if any."""
        wanted = key(name)
        self._items = [item for item in self._items if item[1] != wanted]
        self._typed.pop(wanted, None)

    def replace_top(self, name: str, value: str | None) -> None:
        """Replace the first element of a list header (None: remove it); its other elements stay."""
        wanted = key(name)
        for at, (written, own, old) in enumerate(self._items):
            if own != wanted:
                continue
            rest = [element for element in split_commas(old)[1:] if element]
            left = rest if value is None else [value, *rest]
            self._items[at : at + 1] = [self._checked(written, ", ".join(left))] if left else []
            break
        self._typed.pop(wanted, None)

    def typed(self, name: str, read: Callable[["Headers"], T]) -> T:
        """What `read` makes of the header of this name, kept until that header changes.

        `name` is the full name in lower case; `read` must look at no other header, and be one object each
        time.
        """
        kept = self._typed.get(name)
        if kept is None:
            kept = self._typed[name] = {}
        if read not in kept:
            kept[read] = read(self)
        return cast(T, kept[read])

    def copy(self) -> "Headers":
        """An independent copy."""
        other = Headers()
        other._items = list(self._items)
        return other

    @staticmethod
    def _checked(name: str, value: str) -> tuple[str, str, str]:
        if not TOKEN.fullmatch(name):
            raise SipError(f"{name!r} is not a header name")
        if "\r" in value or "\n" in value:
            raise SipError(f"the value of {name} holds a line break")
        if not value.isascii():
            encode(value)
        return name, key(name), value

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((name, value) for name, _, value in self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._items == other._items

    __hash__ = None  # type: ignore[assignment]  # mutable, so not a key; mypy wants a method here

    def __repr__(self) -> str:
        return f"Headers({list(self)!r})"
