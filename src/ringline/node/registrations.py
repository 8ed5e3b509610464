"""The phones that have registered, as the API shows them."""

from datetime import timedelta

from ringline.api.ports import Registration
from ringline.core.clock import Clock
from ringline.sip.endpoint import SipEndpoint
from ringline.sip.events import RegistrationChanged


class Registrations:
    """Remembers each user's latest registration, also after it has expired."""

    def __init__(self, endpoint: SipEndpoint, clock: Clock) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._latest: dict[str, Registration] = {}

    def on_change(self, event: RegistrationChanged) -> None:
        """A phone registered, refreshed or left."""
        now = self._clock.utc()
        found = self._endpoint.registered(event.user)
        if found is None:
            former = self._latest.get(event.user)
            if former:
                self._latest[event.user] = Registration(
                    former.address, former.port, former.transport, former.user_agent, former.at, now
                )
            return
        self._latest[event.user] = Registration(
            address=found.flow.host,
            port=found.flow.port,
            transport=found.flow.transport,
            user_agent="",
            at=now,
            expires_at=now + timedelta(seconds=event.expires_s),
        )

    def of(self, user_name: str) -> Registration | None:
        """A user's latest registration."""
        return self._latest.get(user_name)
