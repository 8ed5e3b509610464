"""The webhook events of a leg (spec webhooks §5, §6): which words say what happened."""

from typing import Any, Literal, TypedDict

from ringline.calls.effects import Effect, Emit
from ringline.calls.inputs import Answered, DigitHeard, PlayoutEnded, RecordingFinished, TranscriptHeard
from ringline.calls.options import Header, StoredAudio, UrlAudio
from ringline.calls.state import End, Gathering, Instant, Leg, Playout, Quality, Recording, Streaming
from ringline.webhooks import payload as common
from ringline.webhooks import payloads as p

OWN_PLACE = ("user-to-user", "diversion")
"""Headers that events carry in `sip_headers`; all others go to `custom_headers`."""

PLAYOUT_STATUS: dict[str, Literal["completed", "cancelled", "file_not_found", "failed"]] = {
    "completed": "completed",
    "stopped": "cancelled",
    "missing": "file_not_found",
    "failed": "failed",
}


class _Common(TypedDict):
    call_control_id: str
    call_leg_id: str
    call_session_id: str
    connection_id: str
    client_state: str | None


class _Party(_Common):
    from_: str
    to: str


def initiated(leg: Leg, now: Instant) -> Effect:
    """`call.initiated`."""
    facts = leg.facts
    incoming = facts.direction == "incoming"
    return Emit(
        p.CallInitiated(
            **_party(leg),
            direction=facts.direction,
            state="parked" if incoming else "bridging",
            start_time=now.utc,
            caller_id_name=facts.caller_name or None,
            calling_party_type=_party_type(facts.from_ if incoming else facts.to),
            offered_codecs=",".join(facts.offered_codecs) or None,
            from_sip_uri=facts.from_sip_uri or None,
            to_sip_uri=facts.to_sip_uri or None,
            **_headers(facts.headers),
            tags=facts.application.tags,
        )
    )


def answered(leg: Leg, event: Answered) -> Effect:
    """`call.answered`."""
    stream = leg.on_answer.stream or (leg.streaming.options if leg.streaming else None)
    return Emit(
        p.CallAnswered(
            **_party(leg),
            start_time=leg.facts.started.utc,
            state="answered",
            calling_party_type=_party_type(
                leg.facts.from_ if leg.facts.direction == "incoming" else leg.facts.to
            ),
            codec=event.codec or None,
            sampling_rate=event.sampling_rate or None,
            stream_url=stream.url if stream else None,
            stream_track=stream.track if stream else None,
            **_headers(event.headers or leg.facts.headers),
            tags=leg.facts.application.tags,
        )
    )


def bridged(leg: Leg) -> Effect:
    """`call.bridged`."""
    return Emit(p.CallBridged(**_party(leg)))


def hung_up(leg: Leg, now: Instant) -> Effect:
    """`call.hangup`."""
    end = leg.end or End("unspecified", "unknown", "unspecified")
    return Emit(
        p.CallHangup(
            **_party(leg),
            state="hangup",
            start_time=leg.facts.started.utc,
            end_time=leg.ended.utc if leg.ended else now.utc,
            hangup_cause=end.cause,
            hangup_source=end.source,
            sip_hangup_cause=end.sip,
            occurred_at=now.utc,
            call_quality_stats=_quality(leg.quality),
            **_headers(end.headers),
            tags=leg.facts.application.tags,
        )
    )


def hold_changed(leg: Leg, held: bool) -> Effect:
    """`call.hold` or `call.unhold`."""
    return Emit(p.CallHold(**_party(leg)) if held else p.CallUnhold(**_party(leg)))


def digit_received(leg: Leg, event: DigitHeard) -> Effect:
    """`call.dtmf.received`."""
    return Emit(p.CallDtmfReceived(**_party(leg), digit=_as_any(event.digit)))


def gather_ended(leg: Leg, gathering: Gathering, status: str) -> Effect:
    """`call.gather.ended`."""
    return Emit(
        p.CallGatherEnded(
            **_party(leg), digits=gathering.digits, status=_as_any(status), gather_id=gathering.id
        )
    )


def playout_started(leg: Leg, playout: Playout) -> list[Effect]:
    """`call.playback.started` or `call.speak.started`; a gather's spoken prompt has no events."""
    if playout.kind == "silent prompt":
        return []
    if playout.kind == "speak":
        return [Emit(p.CallSpeakStarted(**_common(leg)))]
    return [Emit(p.CallPlaybackStarted(**_common(leg), overlay=playout.overlay, **_media(playout)))]


def playout_ended(leg: Leg, playout: Playout, event: PlayoutEnded) -> list[Effect]:
    """`call.playback.ended` or `call.speak.ended`."""
    if playout.kind == "silent prompt":
        return []
    if playout.kind == "speak":
        failed = event.outcome in ("missing", "failed")
        return [Emit(p.CallSpeakEnded(**_common(leg), status=None if failed else "completed"))]
    return [_playback_ended(leg, playout, PLAYOUT_STATUS[event.outcome], event.detail)]


def playout_hung_up(leg: Leg, playout: Playout) -> list[Effect]:
    """The end of what still played at hang-up."""
    if playout.kind == "silent prompt":
        return []
    if playout.kind == "speak":
        return [Emit(p.CallSpeakEnded(**_common(leg), status="call_hangup"))]
    return [_playback_ended(leg, playout, "call_hangup", "")]


def recording_saved(leg: Leg, recording: Recording, event: RecordingFinished, now: Instant) -> Effect:
    """`call.recording.saved`."""
    return Emit(
        p.CallRecordingSaved(
            **_common(leg),
            channels=recording.options.channels,
            format=recording.options.format,
            recording_id=recording.id,
            recording_started_at=event.started,
            recording_ended_at=event.ended,
            start_time=event.started,
            end_time=event.ended,
            occurred_at=now.utc,
            recording_urls=p.RecordingUrls(**dict(event.urls)),
            public_recording_urls=p.RecordingUrls(),
        )
    )


def recording_error(leg: Leg) -> Effect:
    """`call.recording.error`."""
    return Emit(p.CallRecordingError(**_common(leg), reason="Internal server error"))


def streaming_started(leg: Leg, streaming: Streaming) -> Effect:
    """`streaming.started`."""
    options = streaming.options
    return Emit(
        p.StreamingStarted(
            **_common(leg), stream_url=options.url, stream_id=streaming.id, stream_track=options.track
        )
    )


def streaming_stopped(leg: Leg, streaming: Streaming) -> Effect:
    """`streaming.stopped`."""
    options = streaming.options
    return Emit(
        p.StreamingStopped(
            **_common(leg), stream_url=options.url, stream_id=streaming.id, stream_track=options.track
        )
    )


def streaming_failed(leg: Leg, streaming: Streaming, reason: str) -> Effect:
    """`streaming.failed`."""
    options = streaming.options
    return Emit(
        p.StreamingFailed(
            **_common(leg),
            failure_reason=reason,
            stream_id=streaming.id,
            stream_params=p.StreamParams(
                stream_url=options.url, track=options.track, stream_track=options.track
            ),
            stream_type="websocket",
        )
    )


def transcribed(leg: Leg, words: TranscriptHeard) -> Effect:
    """`call.transcription`."""
    return Emit(
        p.CallTranscription(
            **_common(leg),
            transcription_data=p.TranscriptionData(
                transcript=words.text,
                confidence=words.confidence,
                is_final=words.final,
                transcription_track=words.track,
            ),
        )
    )


def _playback_ended(
    leg: Leg,
    playout: Playout,
    status: Literal["completed", "cancelled", "file_not_found", "failed", "call_hangup"],
    detail: str,
) -> Effect:
    return Emit(
        p.CallPlaybackEnded(
            **_common(leg),
            overlay=playout.overlay,
            status=status,
            status_detail=detail or None,
            **_media(playout),
        )
    )


def _common(leg: Leg) -> _Common:
    return {
        "call_control_id": leg.id,
        "call_leg_id": leg.facts.leg_id,
        "call_session_id": leg.facts.session_id,
        "connection_id": leg.facts.application.connection_id,
        "client_state": leg.client_state,
    }


def _party(leg: Leg) -> _Party:
    return {**_common(leg), "from_": leg.facts.from_, "to": leg.facts.to}


class _Media(TypedDict):
    media_url: str | None
    media_name: str | None


def _media(playout: Playout) -> _Media:
    content = playout.content
    return {
        "media_url": content.url if isinstance(content, UrlAudio) else None,
        "media_name": content.media_name if isinstance(content, StoredAudio) else None,
    }


class _Headers(TypedDict):
    custom_headers: tuple[common.Header, ...]
    sip_headers: tuple[common.SipHeader, ...]


def _headers(headers: tuple[Header, ...]) -> _Headers:
    return {
        "custom_headers": tuple(
            common.Header(h.name, h.value) for h in headers if h.name.lower() not in OWN_PLACE
        ),
        "sip_headers": tuple(
            common.SipHeader("Diversion" if h.name.lower() == "diversion" else "User-to-User", h.value)
            for h in headers
            if h.name.lower() in OWN_PLACE
        ),
    }


def _party_type(party: str) -> p.CallingParty:
    return "pstn" if party.startswith("+") else "sip"


def _quality(quality: Quality | None) -> p.QualityStats | None:
    if quality is None:
        return None
    return p.QualityStats(
        inbound=p.InboundQuality(
            jitter_max_variance=quality.jitter_max_variance,
            jitter_packet_count=quality.jitter_packet_count,
            mos=quality.mos,
            packet_count=quality.packets_in,
            skip_packet_count=quality.skipped_in,
        ),
        outbound=p.OutboundQuality(packet_count=quality.packets_out, skip_packet_count=quality.skipped_out),
    )


def _as_any(value: str) -> Any:
    """A value whose words are checked when the payload is encoded."""
    return value
