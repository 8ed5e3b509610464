"""One call of the virtual phone: what it can do, what it heard, how it ended."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray

from ringline.core.errors import RinglineError
from ringline.media.events import DtmfReceived, LegClosed, LegStats, MediaEvent
from ringline.media.tapping import Tap
from ringline.node.agreed import remote_media, sample_rate
from ringline.sip import events as sip
from ringline.sip.offeranswer import Negotiation, Selected
from ringline.sip.sdp import SdpError
from ringline.testing.heard import Heard
from ringline.testing.voice import RATE

if TYPE_CHECKING:
    from ringline.testing.phone import Phone

WAIT_S = 10.0
"""How long a phone waits for what should happen, unless told otherwise."""

Sound = NDArray[np.int16] | Path | str
"""Samples, or the path of a file."""


class PhoneError(RinglineError):
    """What a test waited for did not happen."""


class PhoneCall:
    """One call of a phone, placed or received."""

    def __init__(
        self, phone: "Phone", handle: str, peer: str, codecs: Sequence[str], incoming: sip.IncomingCall | None
    ) -> None:
        self.phone = phone
        self.handle = handle
        self.peer = peer
        """The other side's URI."""
        self.incoming = incoming
        """The INVITE, for a call that came in."""
        self.headers: tuple[sip.SipHeader, ...] = incoming.headers if incoming else ()
        """Headers of the INVITE, or of the answer."""
        self.digits = ""
        """Keys heard, in order."""
        self.status = 0
        """Final SIP status of a placed call: 200, 486, …"""
        self.ringing = asyncio.Event()
        self.early = False
        """Whether media was offered before the answer."""
        self.held = False
        """Whether the other side has put us on hold."""
        self.end_headers: tuple[sip.SipHeader, ...] = ()
        self.ended_by: Literal["", "us", "them", "error"] = ""
        self.stats: LegStats | None = None
        self._codecs = tuple(codecs)
        self._negotiation = Negotiation(phone.ids.u32())
        self._selected: Selected | None = None
        self._answer = b""
        self._heard: Heard | None = None
        self._tap: Tap | None = None
        self._playing = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._answered = asyncio.Event()
        self._over = asyncio.Event()
        self._changed = asyncio.Condition()

    # What the test does

    def ring(self) -> None:
        """Send 180."""
        self.phone.endpoint.ring(self.handle)

    def progress(self) -> None:
        """Send 183 with media: the caller can hear us before the answer."""
        self.phone.endpoint.ring(self.handle, 183, self._agree())

    def answer(self, headers: Sequence[sip.SipHeader] = ()) -> None:
        """Accept a call that came in."""
        self.phone.endpoint.accept(self.handle, self._agree(), headers)
        self._answered.set()
        self._notify()

    def refuse(self, status: int = 486) -> None:
        """Refuse a call that came in."""
        self.phone.endpoint.refuse(self.handle, status)
        self._close("us")

    def hang_up(self, headers: Sequence[sip.SipHeader] = ()) -> None:
        """End the call in whatever way its state asks for."""
        if self._over.is_set():
            return
        if self.incoming and not self._answered.is_set():
            self.refuse(603)
            return
        self.phone.endpoint.bye(self.handle, headers)
        self._close("us")

    def hold(self) -> None:
        """Put the other side on hold (re-INVITE, sendonly)."""
        self.phone.endpoint.reoffer(self.handle, self._negotiation.reoffer(direction="sendonly"))

    def unhold(self) -> None:
        """Take the other side back."""
        self.phone.endpoint.reoffer(self.handle, self._negotiation.reoffer(direction="sendrecv"))

    def change_codec(self, codec: str) -> None:
        """Offer this codec alone (re-INVITE)."""
        self.phone.endpoint.reoffer(self.handle, self._negotiation.reoffer(codecs=(codec,)))

    def press(
        self, digits: str, *, duration_ms: int = 120, method: Literal["rfc4733", "inband", "info"] = "rfc4733"
    ) -> None:
        """Press keys one after the other."""
        if method == "info":
            for digit in digits:
                body = f"Signal={digit}\r\nDuration={duration_ms}\r\n".encode()
                self.phone.endpoint.info(self.handle, "application/dtmf-relay", body)
        else:
            self.phone.plane.send_dtmf(self.handle, digits, duration_ms, method)

    async def play(self, sound: Sound, rate: int = 8000) -> None:
        """Say something; returns when it is all on its way.

        `sound` is mono int16 at `rate`, or a WAV or MP3 file, which knows its own rate. Raises
        `ringline.media.files.UnreadableAudio` and OSError for a file.
        """
        import soxr  # noqa: PLC0415 - only phones that speak need it

        samples, rate = (
            (sound, rate) if isinstance(sound, np.ndarray) else await asyncio.to_thread(_read, Path(sound))
        )
        feed = self.phone.plane.play(self.handle, f"say-{self._playing}")
        self._playing += 1
        wanted = samples if feed.rate == rate else soxr.resample(samples, rate, feed.rate)
        pcm = np.asarray(wanted, np.int16).tobytes()
        for start in range(0, len(pcm), 32_000):
            if not await feed.ready():
                return
            feed.write(pcm[start : start + 32_000])
        feed.end()

    async def speak(self, text: str, voice: str = "male") -> NDArray[np.int16]:
        """Say a text aloud, with the speech engine that is installed; returns what was said, at 16 kHz."""
        samples = await self.phone.voice.say(text, voice)
        await self.play(samples, RATE)
        return samples

    def say(self, sound: Sound, rate: int = 8000) -> None:
        """Like `play`, in the background."""
        task = asyncio.create_task(self.play(sound, rate))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # What the test sees

    @property
    def heard(self) -> Heard:
        """What was heard so far."""
        self._listen()
        return self._heard or Heard(8000)

    @property
    def codec(self) -> str:
        """The codec that was agreed, or nothing."""
        return self._selected.codec if self._selected else ""

    @property
    def over(self) -> bool:
        """Whether the call has ended."""
        return self._over.is_set()

    async def answered(self, wait_s: float = WAIT_S) -> Self:
        """Wait for the answer; raises `PhoneError` when the call ends instead."""
        await self.until(lambda: self._answered.is_set() or self.over, "an answer", wait_s)
        if not self._answered.is_set():
            raise PhoneError(f"the call was not answered but ended with {self.status or self.ended_by}")
        return self

    @property
    def is_answered(self) -> bool:
        """Whether the call has been answered."""
        return self._answered.is_set()

    async def ended(self, wait_s: float = WAIT_S) -> Self:
        """Wait for the end."""
        await self.until(lambda: self.over, "the end of the call", wait_s)
        return self

    async def until(self, holds: Callable[[], object], what: str, wait_s: float = WAIT_S) -> None:
        """Wait until `holds()`, looking again whenever something happened or 20 ms of audio came."""
        try:
            async with asyncio.timeout(wait_s), self._changed:
                await self._changed.wait_for(holds)
        except TimeoutError as error:
            raise PhoneError(f"no {what} within {wait_s:g} s") from error

    # What happens

    def _start(self, uri: str, **options: object) -> None:
        offer = self._negotiation.offer(self._codecs, *self._where())
        self.phone.endpoint.invite(self.handle, uri, sdp=offer, **options)  # type: ignore[arg-type]  # passed on

    def _on_sip(self, event: sip.Event) -> None:
        match event:
            case sip.CallProgress(_, _, sdp):
                self.early = self._take_answer(sdp) or self.early
                self.ringing.set()
            case sip.CallAnswered(_, status, sdp, headers):
                self.status, self.headers = status, headers
                self._take_answer(sdp)
                self._answered.set()
            case sip.CallFailed(_, status, _, headers):
                self.status, self.end_headers = status, headers
                self._close("them")
            case sip.CallCancelled(_, headers):
                self.end_headers = headers
                self._close("them")
            case sip.CallEnded(_, by, _, headers) if by != "local":
                self.end_headers = headers
                self._close("them" if by == "remote" else "error")
            case sip.CallReoffered(_, sdp):
                self._reoffered(sdp)
            case sip.CallReofferAnswered(_, status, sdp):
                if status < 300:
                    self._take_answer(sdp)
                else:
                    self._negotiation.rejected()
            case _:
                pass
        self._notify()

    def _on_media(self, event: MediaEvent) -> None:
        match event:
            case DtmfReceived():
                self.digits += event.digit
            case LegClosed():
                self.stats = event.stats
            case _:
                pass
        self._notify()

    def _agree(self) -> bytes:
        """Our answer to the INVITE's offer: 183 and 200 carry the same."""
        assert self.incoming is not None
        if not self._answer:
            self._answer, selected = self._negotiation.answer(self.incoming.sdp, self._codecs, *self._where())
            self._settle(selected)
        return self._answer

    def _reoffered(self, sdp: bytes) -> None:
        if not sdp:
            self.phone.endpoint.accept_reoffer(self.handle, self._negotiation.reoffer())
            return
        try:
            answer, selected = self._negotiation.answer(sdp, self._codecs, *self._where())
        except SdpError:
            self.phone.endpoint.refuse_reoffer(self.handle, 488)
            return
        self.phone.endpoint.accept_reoffer(self.handle, answer)
        self._settle(selected)

    def _take_answer(self, sdp: bytes) -> bool:
        if not sdp:
            return False
        self._settle(self._negotiation.accepted(sdp))
        return True

    def _where(self) -> tuple[str, int]:
        return self.phone.local_media(self.handle)

    def _settle(self, selected: Selected) -> None:
        plane = self.phone.plane
        rate = sample_rate(selected.codec)
        changed = self._heard is not None and self._heard.rate != rate
        self._selected = selected
        self.held = not selected.direction.sends
        plane.set_remote(self.handle, remote_media(selected))
        plane.set_idle_silence(self.handle, on=True)
        if self._tap is None or changed:
            self._open_tap(rate)

    def _open_tap(self, rate: int) -> None:
        if self._tap:
            self._tap.close()
        self._heard = Heard(rate)
        self._tap = self.phone.plane.open_tap(
            self.handle,
            f"heard-{rate}",
            inbound=True,
            outbound=False,
            codec="L16",
            rate=rate,
            little_endian=True,
        )
        self._tap.set_wakeup(self._listen)

    def _listen(self) -> None:
        if self._tap is None or self._heard is None:
            return
        frames = self._tap.drain()
        for frame in frames:
            self._heard.add(np.frombuffer(frame.payload, "<i2").astype(np.int16))
        if frames:
            self._notify()

    def _close(self, by: Literal["us", "them", "error"]) -> None:
        if self._over.is_set():
            return
        self._listen()
        self.ended_by = by
        for task in tuple(self._tasks):
            task.cancel()
        self.phone.plane.close_leg(self.handle)
        self._over.set()
        self._notify()

    def _notify(self) -> None:
        self.phone.later(self._wake())

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def _read(file: Path) -> tuple[NDArray[np.int16], int]:
    from ringline.media import files  # noqa: PLC0415 - FFmpeg is slow to load and seldom needed here

    rate = files.probe(file).rate
    return files.decode(file, rate=rate), rate
