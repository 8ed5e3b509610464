"""A SIP user agent that answers call `pI` with the port of phone I, and tells the phones where to send."""

from collections.abc import Callable

from ringline.core.clock import SystemClock
from ringline.core.ids import Ids
from ringline.sip import events as sip
from ringline.sip.endpoint import EndpointSettings, SipEndpoint
from ringline.sip.offeranswer import Negotiation
from ringline.sip.stack import StackSettings

HOST = "127.0.0.1"
Found = Callable[[int, str, int], None]


class Callee:
    """`ports[I]` is where phone I listens; `on_media(I, host, port)` says where it is to send."""

    def __init__(self, ports: list[int], on_media: Found) -> None:
        self._ports = ports
        self._on_media = on_media
        self._ids = Ids()
        self._endpoint = SipEndpoint(
            clock=SystemClock(),
            ids=self._ids,
            on_event=self._heard,
            decide_invite=lambda _call: sip.Accept(),
            credentials=lambda _user: None,
            settings=EndpointSettings(
                host=HOST, port=0, stack=StackSettings(invites_per_s=5000, invites_burst=5000)
            ),
        )

    async def start(self) -> None:
        """Listen."""
        await self._endpoint.start()

    async def stop(self) -> None:
        """Close the sockets."""
        await self._endpoint.stop()

    def uri(self, number: int) -> str:
        """Where phone `number` is called."""
        return f"sip:p{number}@{HOST}:{self._endpoint.port}"

    def _heard(self, event: sip.Event) -> None:
        if not isinstance(event, sip.IncomingCall):
            return
        number = int(event.request_user.removeprefix("p"))
        negotiation = Negotiation(self._ids.u32())
        answer, selected = negotiation.answer(event.sdp, ("PCMU",), HOST, self._ports[number])
        self._endpoint.accept(event.handle, answer)
        self._on_media(number, selected.remote_address, selected.remote_port)
