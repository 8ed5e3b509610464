"""REGISTER as we answer it: credentials, then bindings (RFC 3261 §10.3)."""

from ringline.sip.authentication import REGISTER_STATUS, Authenticator, Identity
from ringline.sip.events import RegistrationChanged
from ringline.sip.flow import Flow
from ringline.sip.layer import ServerTransaction
from ringline.sip.message import Request
from ringline.sip.registrar import OutOfOrder, Registrar, Registration, TooBrief, Wish
from ringline.sip.stack import Stack


class RegisterServer:
    """The registrar behind its door. Timer names are users."""

    def __init__(self, stack: Stack, authenticator: Authenticator) -> None:
        settings = stack.settings
        self._stack = stack
        self._authenticator = authenticator
        self.registrar = Registrar(
            min_s=settings.register_min_s,
            max_s=settings.register_max_s,
            default_s=settings.register_default_s,
            per_user=settings.bindings_per_user,
        )

    def receive(self, transaction: ServerTransaction, request: Request) -> None:
        """Answer one REGISTER."""
        now_ns = self._stack.now_ns
        checked = self._authenticator.check(request, REGISTER_STATUS, transaction.flow.host, now_ns)
        if checked.identity is not Identity.VALID:
            stale = checked.identity is Identity.STALE
            headers = self._authenticator.challenge(REGISTER_STATUS, now_ns, stale=stale)
            transaction.respond(REGISTER_STATUS, headers=headers)
        elif checked.user != request.to.uri.user_key:
            transaction.respond(403)  # one user does not register another
        else:
            self._update(transaction, request, checked.user)

    def _update(self, transaction: ServerTransaction, request: Request, user: str) -> None:
        now_ns, registrar = self._stack.now_ns, self.registrar
        path = (
            tuple(request.headers.get_all("Path")) if request.headers.has_option("Supported", "path") else ()
        )
        wish = Wish(user, request.call_id, request.cseq.number, transaction.flow, path)
        before = registrar.bindings(user, now_ns)
        try:
            if request.wildcard_contact:
                if request.expires != 0:
                    transaction.respond(400, "Contact: * wants Expires: 0")
                    return
                registrar.remove_all(wish, now_ns)
            else:
                registrar.update(wish, request.contacts, request.expires, now_ns)
        except TooBrief:
            transaction.respond(423, headers=[("Min-Expires", str(registrar.min_s))])
            return
        except OutOfOrder:
            transaction.respond(500)
            return
        after = registrar.bindings(user, now_ns)
        headers = [("Contact", f"<{one.contact}>;expires={one.seconds_left(now_ns)}") for one in after]
        if path:
            headers += [("Path", value) for value in path]  # RFC 3327 §5.3
        transaction.respond(200, headers=headers)
        self._tell(user, before, after)

    def _tell(self, user: str, before: tuple[Registration, ...], after: tuple[Registration, ...]) -> None:
        """One event where something has changed, and the timer of what runs out next."""
        if after:
            self._stack.timers.arm(self, user, self.registrar.next_expiry(user) or 0)
        else:
            self._stack.timers.disarm(self, user)
        if after == before:
            return
        newest = after[-1] if after else None
        contact = str(newest.contact) if newest else str(before[-1].contact)
        seconds = newest.seconds_left(self._stack.now_ns) if newest else 0
        self._stack.emit(RegistrationChanged(user, contact, seconds))

    def wake(self, timer: str) -> None:
        """A binding of the user `timer` has run out."""
        gone = self.registrar.expire(timer, self._stack.now_ns)
        self._tell(timer, gone, self.registrar.bindings(timer, self._stack.now_ns))

    def unreachable(self, flow: Flow) -> None:
        """A connection is closed."""
        for binding in self.registrar.drop_flow(flow):
            self._tell(binding.user, (binding,), self.registrar.bindings(binding.user, self._stack.now_ns))
