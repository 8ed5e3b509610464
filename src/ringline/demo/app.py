"""A voice app, written with nothing but the `telnyx` SDK, a webhook server and a WebSocket server.

It answers, records, echoes the caller a second late over its WebSocket, greets, gathers a code, plays a file,
rings a colleague to announce the caller, and transfers. This file stands alone: copy it and change it.
"""

import asyncio
import base64
import io
import json
import logging
import math
import struct
import wave
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import telnyx
from aiohttp import WSMsgType, web

GREETING = "Welcome to ringline. Say something, then type your code."
ANNOUNCEMENT = "A caller waits, whose code is {code}."
VOICE = "male"
DIGITS = 4

ECHO_S = 1.0
MARK_EVERY = 50
"""Frames of 20 ms between marks."""

CHIME_HZ = (523.0, 659.0, 784.0)
NOTE_S = 0.4

log = logging.getLogger("voice app")


class VoiceApp:
    """`async with VoiceApp(client, colleague) as app:` listens on loopback; `take_number` brings it calls.

    `client` needs its `public_key`, which verifies webhooks; `colleague` is a SIP URI or a number.
    `on_event(event)` and `on_frame(frame)` are shown everything that comes in.
    """

    def __init__(
        self,
        client: telnyx.AsyncTelnyx,
        colleague: str,
        *,
        on_event: Callable[[Any], None] = lambda _event: None,
        on_frame: Callable[[dict[str, Any]], None] = lambda _frame: None,
    ) -> None:
        self.client = client
        self.colleague = colleague
        self.on_event = on_event
        self.on_frame = on_frame
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        """Listen."""
        app = web.Application()
        app.router.add_post("/webhooks", self._webhook)
        app.router.add_get("/chime.wav", self._chime)
        app.router.add_get("/media", self._media)
        self._runner = web.AppRunner(app, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def take_number(self, number: str) -> None:
        """Make calls to `number` come here."""
        application = await self.client.call_control_applications.create(
            application_name="voice app", webhook_event_url=f"{self.url}/webhooks"
        )
        assert application.data is not None
        await self.client.number_orders.create(
            phone_numbers=[{"phone_number": number}], connection_id=str(application.data.id)
        )

    # What happens in a call: one event leads to the next command.

    async def _webhook(self, request: web.Request) -> web.Response:
        try:
            event: Any = self.client.webhooks.unwrap(await request.text(), headers=request.headers)
        except ValueError:  # not signed with the server's key, or too old
            return web.Response(status=403)
        self.on_event(event)
        kind, payload = event.data.event_type, event.data.payload
        try:
            await self._follow(kind, payload, _state_of(payload.client_state))
        except telnyx.UnprocessableEntityError as error:  # most likely the call has ended meanwhile
            log.warning("nothing follows %s: %s", kind, error)
        return web.Response()

    async def _follow(self, event_type: str, event: Any, state: dict[str, str]) -> None:
        calls, actions, leg = self.client.calls, self.client.calls.actions, event.call_control_id
        match event_type, state.get("role"):
            case "call.initiated", None if event.direction == "incoming":
                await actions.answer(leg, client_state=_state(role="caller", number=event.to))
            case "call.answered", "caller":
                await actions.start_recording(leg, format="wav", channels="dual")
                await actions.start_streaming(
                    leg,
                    stream_url=f"{self.url.replace('http', 'ws', 1)}/media",
                    stream_track="both_tracks",
                    stream_bidirectional_mode="rtp",
                    stream_bidirectional_codec="PCMU",
                )
            case "streaming.started", "caller":
                await actions.speak(leg, payload=GREETING, voice=VOICE)
            case "call.speak.ended", "caller" if event.status == "completed":
                await actions.gather(
                    leg, minimum_digits=DIGITS, maximum_digits=DIGITS, initial_timeout_millis=30_000
                )
            case "call.gather.ended", "caller" if event.status == "valid":
                await actions.stop_streaming(leg)
                await actions.start_playback(
                    leg,
                    audio_url=f"{self.url}/chime.wav",
                    client_state=_state(**state, code=event.digits),
                )
            case "call.playback.ended", "caller" if event.status == "completed":
                await calls.dial(
                    connection_id=event.connection_id,
                    from_=state["number"],
                    to=self.colleague,
                    link_to=leg,
                    client_state=_state(role="colleague", caller=leg, code=state["code"]),
                )
            case "call.answered", "colleague":
                words = ANNOUNCEMENT.format(code=" ".join(state["code"]))
                await actions.speak(leg, payload=words, voice=VOICE)
            case "call.speak.ended", "colleague" if event.status == "completed":
                await actions.hangup(leg)
            case "call.hangup", "colleague" if event.hangup_cause == "normal_clearing":
                await actions.transfer(state["caller"], to=self.colleague)
            case "call.hangup", "colleague":
                await actions.hangup(state["caller"])
            case _:
                pass

    async def _media(self, request: web.Request) -> web.WebSocketResponse:
        """Echo the caller: behind a second of silence, everything is played a second later."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            frame = json.loads(message.data)
            self.on_frame(frame)
            media = frame.get("media", {})
            match frame["event"], media.get("track"):
                case "start", _:
                    silence = base64.b64encode(b"\xff" * round(8000 * ECHO_S)).decode()
                    await socket.send_json({"event": "media", "media": {"payload": silence}})
                case "media", "inbound":
                    await socket.send_json({"event": "media", "media": {"payload": media["payload"]}})
                    if int(media["chunk"]) % MARK_EVERY == 0:
                        await socket.send_json({"event": "mark", "mark": {"name": media["chunk"]}})
                case _:
                    pass
        return socket

    async def _chime(self, _request: web.Request) -> web.Response:
        return web.Response(body=await asyncio.to_thread(chime), content_type="audio/wav")


def chime() -> bytes:
    """Three notes, as a WAV file at 8 kHz."""
    notes = [
        round(9000 * math.sin(2 * math.pi * hertz * number / 8000))
        for hertz in CHIME_HZ
        for number in range(round(NOTE_S * 8000))
    ]
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(struct.pack(f"<{len(notes)}h", *notes))
    return file.getvalue()


def _state(**members: str) -> str:
    """What a leg is for, as a `client_state`: each event brings it back, so nothing is kept here."""
    return base64.b64encode(json.dumps(members).encode()).decode()


def _state_of(client_state: str | None) -> dict[str, str]:
    found: dict[str, str] = json.loads(base64.b64decode(client_state)) if client_state else {}
    return found
