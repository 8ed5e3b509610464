"""Bindings of users to the places where they can be reached (RFC 3261 §10.3, flows after RFC 5626). Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from ringline.core.clock import SECOND
from ringline.sip.flow import Flow
from ringline.sip.grammar import NameAddr, Uri
from ringline.sip.params import SipError


@dataclass(frozen=True, slots=True)
class Registration:
    """One binding: where `user` is, until `expires_ns`.

    `contact` becomes the request URI, `flow` is the way that the REGISTER came, `path` are Route values (RFC
    3327) that replace the flow when an edge has put them there. `instance` is RFC 5626's, with its reg-id.
    """

    user: str
    contact: Uri
    flow: Flow
    path: tuple[str, ...]
    instance: str
    call_id: str
    cseq: int
    expires_ns: int

    def seconds_left(self, now_ns: int) -> int:
        """Whole seconds, rounded up; at least 0."""
        return max(0, -((now_ns - self.expires_ns) // SECOND))


@dataclass(frozen=True, slots=True)
class Wish:
    """What one REGISTER says about itself, beside its contacts."""

    user: str
    call_id: str
    cseq: int
    flow: Flow
    path: tuple[str, ...] = ()


class TooBrief(SipError):
    """A lifetime below our minimum: 423 with Min-Expires (§10.3)."""


class OutOfOrder(SipError):
    """An older REGISTER of the same Call-ID, overtaken by a newer (§10.3 step 7): 500."""


class Registrar:
    """All bindings of one node, in memory: a restart forgets them and phones register again."""

    def __init__(self, *, min_s: int, max_s: int, default_s: int, per_user: int) -> None:
        self.min_s = min_s
        self._max_s = max_s
        self._default_s = default_s
        self._per_user = per_user
        self._bindings: dict[str, list[Registration]] = {}

    def __len__(self) -> int:
        """How many users have a binding."""
        return len(self._bindings)

    def update(
        self, wish: Wish, contacts: Iterable[NameAddr], expires: int | None, now_ns: int
    ) -> tuple[Registration, ...]:
        """Add, refresh or remove bindings, all or none; returns those that now stand, the newest last.

        `expires` is the Expires header's, for contacts that carry no own. Raises `TooBrief` or `OutOfOrder`.
        """
        kept = list(self.bindings(wish.user, now_ns))
        for contact in contacts:
            seconds = self._lifetime(contact, expires)
            instance = _instance(contact)
            for old in [old for old in kept if _same(old, contact.uri, instance)]:
                self._check_order(old, wish)
                kept.remove(old)
            if seconds:
                expires_ns = now_ns + seconds * SECOND
                kept.append(
                    Registration(
                        wish.user,
                        contact.uri,
                        wish.flow,
                        wish.path,
                        instance,
                        wish.call_id,
                        wish.cseq,
                        expires_ns,
                    )
                )
        return self._keep(wish.user, kept[-self._per_user :])

    def remove_all(self, wish: Wish, now_ns: int) -> None:
        """`Contact: *` with Expires 0 (§10.2.2). Raises `OutOfOrder`."""
        for old in self.bindings(wish.user, now_ns):
            self._check_order(old, wish)
        self._keep(wish.user, [])

    def bindings(self, user: str, now_ns: int) -> tuple[Registration, ...]:
        """What stands for this user now, the newest last."""
        return tuple(binding for binding in self._bindings.get(user, ()) if binding.expires_ns > now_ns)

    def lookup(self, user: str, now_ns: int) -> Registration | None:
        """The newest binding."""
        found = self.bindings(user, now_ns)
        return found[-1] if found else None

    def expire(self, user: str, now_ns: int) -> tuple[Registration, ...]:
        """Forget what has run out; returns it."""
        gone = tuple(binding for binding in self._bindings.get(user, ()) if binding.expires_ns <= now_ns)
        self._keep(user, list(self.bindings(user, now_ns)))
        return gone

    def drop_flow(self, flow: Flow) -> tuple[Registration, ...]:
        """The connection is closed and reaches nobody (RFC 5626 §5.3); returns what stood on it."""
        gone: list[Registration] = []
        if not flow.connection:
            return ()
        for user, bindings in list(self._bindings.items()):
            on_it = [binding for binding in bindings if binding.flow == flow]
            if on_it:
                gone += on_it
                self._keep(user, [binding for binding in bindings if binding.flow != flow])
        return tuple(gone)

    def next_expiry(self, user: str) -> int | None:
        """When the first of this user's bindings runs out."""
        return min((binding.expires_ns for binding in self._bindings.get(user, ())), default=None)

    def _keep(self, user: str, bindings: list[Registration]) -> tuple[Registration, ...]:
        if bindings:
            self._bindings[user] = bindings
        else:
            self._bindings.pop(user, None)
        return tuple(bindings)

    def _lifetime(self, contact: NameAddr, header: int | None) -> int:
        """Seconds, clamped to our maximum; 0 removes (§10.3 step 7)."""
        text = contact.params.get("expires") or ""
        if text.isascii() and text.isdigit() and len(text) <= 10:
            seconds = int(text)
        else:
            seconds = self._default_s if header is None else header
        if 0 < seconds < self.min_s:
            raise TooBrief(f"{seconds} s; at least {self.min_s}", 423)
        return min(seconds, self._max_s)

    @staticmethod
    def _check_order(old: Registration, wish: Wish) -> None:
        if old.call_id == wish.call_id and wish.cseq <= old.cseq:
            raise OutOfOrder(f"CSeq {wish.cseq} after {old.cseq}", 500)


def _instance(contact: NameAddr) -> str:
    """What tells a device's flows apart across restarts (RFC 5626 §4.2); empty without one."""
    instance = contact.params.get("+sip.instance")
    return f"{instance} {contact.params.get('reg-id') or ''}" if instance else ""


def _same(old: Registration, uri: Uri, instance: str) -> bool:
    if instance and old.instance:
        return instance == old.instance
    return old.contact.same_as(uri)
