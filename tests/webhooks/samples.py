"""One payload of every kind, with every member that it can have."""

from collections.abc import Iterator
from datetime import UTC, datetime

from ringline.webhooks import payloads as p

AT = datetime(2025, 11, 23, 3, 30, 0, 76316, tzinfo=UTC)
LEG = {
    "call_control_id": "v3:MdI91X4lWFEs7IgbBEOT9M4AigoY08M0WWZFISt1Yw2axZ_IiE4pqg",
    "call_leg_id": "f91269aa-61d1-417f-97b3-10e020e8bc47",
    "call_session_id": "428c31b6-7af4-4bcb-b7f5-5013ef9657c1",
    "connection_id": "1494404757140276705",
}
STATE = LEG | {"client_state": None}
PARTY = STATE | {"from_": "+13125550100", "to": "sip:bob@example.com"}
HEADERS = {
    "custom_headers": (p.Header("X-One", "1"),),
    "sip_headers": (p.SipHeader("User-to-User", "abc;encoding=hex"),),
    "tags": ("vip",),
}
RANGE = {"recording_started_at": AT, "recording_ended_at": AT, "start_time": AT, "end_time": AT}


def all_payloads() -> Iterator[p.Payload]:
    yield p.CallInitiated(
        **PARTY,
        **HEADERS,
        direction="incoming",
        state="parked",
        start_time=AT,
        caller_id_name="Ann",
        call_screening_result="ok",
        shaken_stir_attestation="A",
        shaken_stir_validated=True,
        connection_codecs="PCMU,PCMA",
        offered_codecs="PCMU",
        calling_party_type="pstn",
        from_sip_uri="sip:+13125550100@gw",
        to_sip_uri="sip:bob@example.com",
    )
    yield p.CallInitiated(**PARTY, direction="outgoing", state="bridging", start_time=AT)
    yield p.CallAnswered(
        **PARTY,
        **HEADERS,
        start_time=AT,
        state="answered",
        calling_party_type="sip",
        codec="PCMU",
        sampling_rate=8000,
        stream_url="wss://app.example/s",
        stream_track="inbound_track",
    )
    yield p.CallBridged(**PARTY)
    stats = p.QualityStats(
        inbound=p.InboundQuality(
            jitter_max_variance="3.5",
            jitter_packet_count="2",
            mos="4.50",
            packet_count="500",
            skip_packet_count="0",
        ),
        outbound=p.OutboundQuality(packet_count="498", skip_packet_count="1"),
    )
    for quality in (stats, None):
        yield p.CallHangup(
            **PARTY,
            **HEADERS,
            state="hangup",
            start_time=AT,
            end_time=AT,
            hangup_cause="normal_clearing",
            hangup_source="caller",
            sip_hangup_cause="200",
            occurred_at=AT,
            call_quality_stats=quality,
        )
    yield p.CallHold(**PARTY)
    yield p.CallUnhold(**PARTY)
    yield p.CallEnqueued(**STATE, queue="sales", current_position=1, queue_avg_wait_time_secs=30)
    yield p.CallDequeued(
        **STATE, queue="sales", queue_position=1, reason="bridging-in-process", wait_time_secs=3
    )
    part = p.CostPart(billed_duration_secs=60, call_part="sip", cost="0.01", currency="USD", rate="0.01")
    yield p.CallCost(
        **STATE,
        billed_duration_secs=60,
        cost_parts=(part,),
        occurred_at=AT,
        status="success",
        total_cost="0.01",
        billing_group_id="f91269aa-61d1-417f-97b3-10e020e8bc47",
    )
    yield p.CallSipInfoReceived(**PARTY, body="hello", content_type="text/plain")
    yield p.CallDtmfReceived(**PARTY, digit="#")
    yield p.CallGatherEnded(**PARTY, digits="123", status="valid", gather_id="g")
    media = {"media_url": "https://app.example/a.mp3", "overlay": False}
    yield p.CallPlaybackStarted(**STATE, **media)
    yield p.CallPlaybackEnded(**STATE, **media, status="completed", status_detail="")
    yield p.CallPlaybackEnded(**STATE, media_name="hello", overlay=True, status="file_not_found")
    yield p.CallSpeakStarted(**STATE)
    yield p.CallSpeakEnded(**STATE, status="call_hangup")
    yield p.CallRecordingSaved(
        **STATE,
        **RANGE,
        channels="dual",
        format="mp3",
        occurred_at=AT,
        recording_id="428c31b6-7af4-4bcb-b7f5-5013ef9657c1",
        recording_urls=p.RecordingUrls(mp3="https://r.example/x.mp3"),
        public_recording_urls=p.RecordingUrls(),
    )
    yield p.CallRecordingError(**STATE, reason="Internal server error")
    yield p.CallRecordingTranscriptionSaved(
        **STATE,
        recording_id="r",
        recording_transcription_id="t",
        status="completed",
        transcription_text="hello",
        calling_party_type="sip",
    )
    stream = {"stream_url": "wss://app.example/s", "stream_id": "s", "stream_track": "both_tracks"}
    yield p.StreamingStarted(**STATE, **stream)
    yield p.StreamingStopped(**STATE, **stream)
    yield p.StreamingFailed(
        **STATE,
        failure_reason="connection_failed",
        stream_id="s",
        stream_params=p.StreamParams(
            stream_url="wss://app.example/s", track="both_tracks", stream_track="both_tracks"
        ),
        stream_type="websocket",
    )
    for fork in (None, "decrypted"):
        yield p.CallForkStarted(**STATE, stream_type=fork)
        yield p.CallForkStopped(**STATE, stream_type=fork)
    yield p.SiprecStarted(**STATE)
    yield p.SiprecStopped(**STATE, hangup_cause="normal_clearing")
    yield p.SiprecFailed(**STATE, failure_cause="no_answer")
    yield p.CallReferStarted(**PARTY, sip_notify_response=202)
    yield p.CallReferCompleted(**PARTY, sip_notify_response=200)
    yield p.CallReferFailed(**PARTY, sip_notify_response=603)
    for confidence in (0.9, None):
        data = p.TranscriptionData(
            transcript="hello", confidence=confidence, is_final=True, transcription_track="inbound"
        )
        yield p.CallTranscription(**STATE, transcription_data=data)
    yield p.CallMachineDetectionEnded(**PARTY, result="machine")
    yield p.CallMachineGreetingEnded(**PARTY, result="beep_detected")
    yield p.CallMachinePremiumDetectionStarted(**PARTY)
    yield p.CallMachinePremiumDetectionEnded(**PARTY, result="human_residence")
    yield p.CallMachinePremiumGreetingEnded(**PARTY, result="prompt_ended")
    yield p.CallMachinePremiumCallScreeningDetected(**PARTY, result="screening")
    yield p.CallDeepfakeDetectionResult(**STATE, result="fake", score=0.97, consistency=88.5)
    yield p.CallDeepfakeDetectionResult(**STATE, result="silence_timeout", score=None, consistency=None)
    yield p.CallDeepfakeDetectionError(**STATE, error_message="rtp_timeout")
