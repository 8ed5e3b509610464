"""Bodies become commands, and wrong members have the codes of the specification (voice-api §1.3, §5)."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from ringline.calls import commands
from ringline.calls.options import (
    DialTarget,
    GatherRules,
    Header,
    InlineAudio,
    RecordOptions,
    StoredAudio,
    StreamOptions,
    UrlAudio,
    Utterance,
    WebhookOptions,
)
from tests.api.conftest import client_of, open_house
from tests.api.house import KEY, House

# One application for all cases: the framework puts its routes together at the first request.
pytestmark = [pytest.mark.unit, pytest.mark.asyncio(loop_scope="module")]

WAV_URL = "https://app.example/a.wav"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(
    database: tuple[Path, tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[House, httpx.AsyncClient]]:
    """A house and a client for the whole module."""
    async with open_house(database, tmp_path_factory.mktemp("house")) as made, client_of(made, KEY) as client:
        yield made, client


@pytest.fixture
def house(shared: tuple[House, httpx.AsyncClient]) -> House:
    """The shared house, its notes empty."""
    made, _ = shared
    made.calls.forget()
    return made


@pytest.fixture
def api(house: House, shared: tuple[House, httpx.AsyncClient]) -> httpx.AsyncClient:
    """The shared client."""
    return shared[1]


DIAL = {"connection_id": "17", "from": "+13125550100", "to": "+13125550101"}


async def given_command(
    api: httpx.AsyncClient, house: House, action: str, body: dict[str, Any]
) -> commands.Command:
    """The command that the calls room got for a body."""
    answer = await api.post(f"/calls/v3:abc/actions/{action}", json=body)
    assert answer.status_code == 200, answer.text
    account_id, call, command = house.calls.commands.pop()
    assert (account_id, call) == (house.account_id, "v3:abc")
    return command


CASES: list[tuple[str, dict[str, Any], commands.Command]] = [
    ("answer", {}, commands.Answer()),
    (
        "answer",
        {
            "custom_headers": [{"name": "X-A", "value": "1"}],
            "sip_headers": [{"name": "User-to-User", "value": "ff"}],
            "preferred_codecs": "g722, PCMU,G722",
            "record": "record-from-answer",
            "record_track": "inbound",
            "stream_url": "wss://app.example/s",
            "stream_codec": "OPUS",
            "stream_bidirectional_mode": "rtp",
            "stream_bidirectional_codec": "L16",
            "stream_bidirectional_sampling_rate": "16000",
            "send_silence_when_idle": True,
            "webhook_url": "https://app.example/h",
        },
        commands.Answer(
            headers=(Header("X-A", "1"), Header("User-to-User", "ff")),
            codecs=("G722", "PCMU"),
            record=RecordOptions("mp3", "single", "inbound"),
            stream=StreamOptions(
                "wss://app.example/s",
                bidirectional_mode="rtp",
                bidirectional_codec="L16",
                bidirectional_rate=16000,
            ),
            silence_when_idle=True,
            webhooks=WebhookOptions("https://app.example/h"),
        ),
    ),
    ("hangup", {"reason": "bye"}, commands.Hangup(reason="bye")),
    ("reject", {"cause": "USER_BUSY"}, commands.Reject(cause="USER_BUSY")),
    (
        "bridge",
        {"call_control_id": "v3:b", "park_after_unbridge": "self", "ringtone": "de", "mute_dtmf": "both"},
        commands.Bridge(other="v3:b", park_after_unbridge=True, ringtone="de", mute_dtmf="both"),
    ),
    (
        "transfer",
        {
            "to": "sip:bob@192.0.2.1,5W6",
            "audio_url": WAV_URL,
            "target_leg_client_state": "YQ==",
            "privacy": "id",
            "diversion": "+13125550109",
        },
        commands.Transfer(
            target=DialTarget(
                "sip:bob@192.0.2.1",
                "",
                hide_identity=True,
                diverted_by="+13125550109",
                send_digits="5W6",
                audio=UrlAudio(WAV_URL),
            ),
            target_client_state="YQ==",
        ),
    ),
    ("send_dtmf", {"digits": "1w2#"}, commands.SendDtmf(digits="1w2#")),
    (
        "playback_start",
        {"media_name": "intro", "loop": "infinity", "stop": "all", "target_legs": "both"},
        commands.PlaybackStart(audio=StoredAudio("intro"), loop=0, stop="all", targets="both"),
    ),
    (
        "playback_start",
        {"playback_content": "UklGRg==", "loop": "3", "overlay": True},
        commands.PlaybackStart(audio=InlineAudio(b"RIFF"), loop=3, overlay=True),
    ),
    (
        "playback_start",
        {"audio_url": WAV_URL, "cache_audio": False},
        commands.PlaybackStart(audio=UrlAudio(WAV_URL, cache=False)),
    ),
    ("playback_stop", {}, commands.PlaybackStop()),
    ("playback_stop", {"stop": "overlay"}, commands.PlaybackStop(overlay=True)),
    (
        "speak",
        {
            "payload": "Hi",
            "voice": "Telnyx.KokoroTTS.af",
            "voice_settings": {"type": "telnyx", "voice_speed": 1.5},
        },
        commands.Speak(utterance=Utterance("Hi", "Telnyx.KokoroTTS.af", speed=1.5)),
    ),
    (
        "speak",
        {"payload": "<speak/>", "payload_type": "ssml", "voice": "female", "language": "de-DE"},
        commands.Speak(utterance=Utterance("<speak/>", "female", "de-DE", markup=True)),
    ),
    ("speak", {"payload": "Hi", "voice": "Azure"}, commands.Speak(utterance=Utterance("Hi", "Azure"))),
    ("gather", {"gather_id": "g"}, commands.Gather(rules=GatherRules(initial_ms=5000), gather_id="g")),
    (
        "gather",
        {"terminating_digit": "", "valid_digits": "12", "timeout_millis": "9000"},
        commands.Gather(rules=GatherRules(terminator="", valid="12", total_ms=9000, initial_ms=5000)),
    ),
    (
        "gather_using_audio",
        {"media_name": "menu", "invalid_audio_url": WAV_URL, "maximum_tries": 2},
        commands.Gather(
            rules=GatherRules(tries=2), prompt=StoredAudio("menu"), invalid_prompt=UrlAudio(WAV_URL)
        ),
    ),
    (
        "gather_using_speak",
        {"payload": "Press", "voice": "male", "invalid_payload": "No"},
        commands.Gather(
            rules=GatherRules(tries=3),
            prompt=Utterance("Press", "male"),
            invalid_prompt=Utterance("No", "male"),
        ),
    ),
    ("gather_stop", {}, commands.GatherStop()),
    (
        "record_start",
        {"format": "wav", "channels": "dual", "max_length": "60", "trim": "trim-silence", "play_beep": True},
        commands.RecordStart(
            options=RecordOptions("wav", "dual", max_length_s=60, trim_silence=True, play_beep=True)
        ),
    ),
    ("record_stop", {"recording_id": "r"}, commands.RecordStop(recording_id="r")),
    ("record_pause", {}, commands.RecordPause()),
    ("record_resume", {}, commands.RecordResume()),
    (
        "streaming_start",
        {
            "stream_url": "ws://a/b?c=d",
            "custom_parameters": [{"name": "k", "value": "v"}],
            "stream_auth_token": "t",
        },
        commands.StreamingStart(
            options=StreamOptions("ws://a/b?c=d", auth_token="t", custom_parameters=(("k", "v"),))
        ),
    ),
    ("streaming_stop", {}, commands.StreamingStop()),
]


@pytest.mark.parametrize(
    ("action", "body", "expected"), CASES, ids=[f"{case[0]}-{n}" for n, case in enumerate(CASES)]
)
async def test_a_body_becomes_its_command(
    api: httpx.AsyncClient, house: House, action: str, body: dict[str, Any], expected: commands.Command
) -> None:
    common = {"client_state": "YQ==", "command_id": "once"}

    command = await given_command(api, house, action, {**body, **common})

    assert (command.client_state, command.command_id) == ("YQ==", "once")
    assert _plain(command) == _plain(expected)


def _plain(command: commands.Command) -> tuple[type, dict[str, Any]]:
    names = [name for one in type(command).__mro__ for name in getattr(one, "__slots__", ())]
    ours = {"client_state", "command_id", "redacted_body"}
    return type(command), {name: getattr(command, name) for name in names if name not in ours}


async def test_client_state_update_is_a_put(api: httpx.AsyncClient, house: House) -> None:
    answer = await api.put("/calls/v3:abc/actions/client_state_update", json={"client_state": ""})

    assert answer.json() == {"data": {"result": "ok"}}
    assert house.calls.commands[0][2] == commands.ClientStateUpdate(
        client_state="", redacted_body='{"client_state":""}'
    )


async def test_answers_tell_of_what_was_begun(api: httpx.AsyncClient, house: House) -> None:
    house.calls.result = commands.CommandResult(recording_id="r-1", stream_id="s-1")

    answer = await api.post("/calls/v3:abc/actions/answer")

    assert answer.json() == {"data": {"result": "ok", "recording_id": "r-1", "stream_id": "s-1"}}


BASE: dict[str, dict[str, Any]] = {
    "transfer": {"to": "sip:a@b"},
    "record_start": {"format": "wav", "channels": "dual"},
    "speak": {"payload": "Hi", "voice": "male"},
    "streaming_start": {"stream_url": "ws://a/b"},
}
"""What makes a command valid; the cases with `+` add to it."""

WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    ("answer", {"client_state": "not base64!"}, "90017", "/client_state"),
    ("answer", {"assistant": {"id": "a"}}, "10038", "/assistant"),
    ("answer", {"transcription": True, "transcription_config": {"transcription_tracks": "all"}}, "10032",
     "/transcription_config/transcription_tracks"),
    ("answer", {"transcription": True, "transcription_config": {"transcription_engine_config": {"x": 1}}},
     "10015", "/transcription_config/transcription_engine_config/x"),
    ("answer", {"transcription": True, "record": "record-from-answer", "record_timeout_secs": 5}, "90053",
     "/record_timeout_secs"),
    ("answer", {"sound_modifications": {"pitch": 2}}, "10038", "/sound_modifications"),
    ("answer", {"stream_url": "https://a/b"}, "10003", "/stream_url"),
    ("answer", {"stream_bidirectional_codec": "OPUS"}, "10038", "/stream_bidirectional_codec"),
    ("answer", {"stream_bidirectional_codec": "pcmu"}, "10032", "/stream_bidirectional_codec"),
    ("answer", {"stream_bidirectional_sampling_rate": 44100}, "10032", "/stream_bidirectional_sampling_rate"),
    ("answer", {"stream_track": "all"}, "10032", "/stream_track"),
    ("answer", {"enable_dialogflow": True}, "10038", "/enable_dialogflow"),
    ("answer", {"custom_headers": [{"name": "Via", "value": "x"}]}, "10015", "/custom_headers/0/name"),
    ("answer", {"custom_headers": [{"name": "X", "value": "x\r\nVia"}]}, "10015", "/custom_headers/0/value"),
    ("answer", {"custom_headers": [{"name": "X-A"}]}, "10004", "/custom_headers/0/value"),
    ("answer", {"sip_headers": [{"name": "X-A", "value": "x"}]}, "10032", "/sip_headers/0/name"),
    ("answer", {"record": "record-from-answer", "record_format": "ogg"}, "90000", "/record_format"),
    ("answer", {"record_channels": "triple"}, "90001", "/record_channels"),
    ("answer", {"record_timeout_secs": -1}, "90049", "/record_timeout_secs"),
    ("answer", {"record_max_length": 43201}, "10033", "/record_max_length"),
    ("answer", {"webhook_url": "app.example"}, "10003", "/webhook_url"),
    ("answer", {"webhook_urls": {"call.dancing": ["http://a"]}}, "90057", "/webhook_urls"),
    ("answer", {"webhook_urls": {"call.hangup": ["ftp://a"]}}, "10003", "/webhook_urls/call.hangup/0"),
    ("answer", {"webhook_retries_policies": {"call.hangup": {"retries_ms": [60_000, 1]}}}, "10033",
     "/webhook_retries_policies/call.hangup/retries_ms"),
    ("answer", {"webhook_retries_policies": {"call.hangup": {"retries_ms": [1] * 6}}}, "10033",
     "/webhook_retries_policies/call.hangup/retries_ms"),
    ("answer", {"preferred_codecs": "SPEEX"}, "10032", "/preferred_codecs"),
    ("hangup", {"reason": 'say "bye"'}, "10015", "/reason"),
    ("hangup", {"reason": "\U0001f44b"}, "10015", "/reason"),
    ("reject", {}, "10004", "/cause"),
    ("reject", {"cause": "TIRED"}, "10032", "/cause"),
    ("bridge", {}, "10004", "/call_control_id"),
    ("bridge", {"queue": "q"}, "10038", "/queue"),
    ("bridge", {"video_room_id": "v"}, "10038", "/video_room_id"),
    ("bridge", {"call_control_id": "v3:b", "ringtone": "xx"}, "10032", "/ringtone"),
    ("transfer", {}, "10004", "/to"),
    ("transfer", {"to": "5551234567"}, "10016", "/to"),
    ("transfer", {"to": "sip:"}, "10016", "/to"),
    ("transfer+", {"diversion": "sip:a@b>\r\nX: y"}, "10016", "/diversion"),
    ("transfer+", {"sip_region": "Mars"}, "10032", "/sip_region"),
    ("transfer+", {"timeout_secs": 4}, "90028", "/timeout_secs"),
    ("transfer+", {"time_limit_secs": 14401}, "90029", "/time_limit_secs"),
    ("transfer", {"to": "+13125550101", "media_encryption": "SRTP"}, "10011", "/media_encryption"),
    ("transfer+", {"media_encryption": "SRTP"}, "10038", "/media_encryption"),
    ("transfer+", {"media_encryption": "rot13"}, "10032", "/media_encryption"),
    ("transfer", {"to": "sip:a@b;secure=srtp"}, "10038", "/to"),
    ("transfer", {"to": "sips:a@b"}, "10038", "/to"),
    ("transfer", {"to": "sip:a@b;transport=TLS;x=y"}, "10038", "/to"),
    ("transfer", {"to": "sip:a@b", "sip_transport_protocol": "TLS"}, "10038", "/sip_transport_protocol"),
    ("transfer+", {"answering_machine_detection": "premium"}, "10038", "/answering_machine_detection"),
    ("transfer+", {"answering_machine_detection": "x"}, "10032", "/answering_machine_detection"),
    ("transfer+", {"from_display_name": "a<b>"}, "10015", "/from_display_name"),
    ("transfer+", {"from_display_name": "a" * 129}, "10025", "/from_display_name"),
    ("transfer+", {"audio_url": WAV_URL, "media_name": "m"}, "10015", "/media_name"),
    ("transfer+", {"send_digits_on_answer": "12x"}, "10015", "/send_digits_on_answer"),
    ("send_dtmf", {}, "10004", "/digits"),
    ("send_dtmf", {"digits": "12E"}, "90014", "/digits"),
    ("send_dtmf", {"digits": "1", "duration_millis": 99}, "90027", "/duration_millis"),
    ("playback_start", {}, "10004", "/audio_url"),
    ("playback_start", {"audio_url": "file:///etc/passwd"}, "10003", "/audio_url"),
    ("playback_start", {"audio_url": "http://" + "a" * 2000}, "10003", "/audio_url"),
    ("playback_start", {"audio_url": WAV_URL, "media_name": "m"}, "10015", "/media_name"),
    ("playback_start", {"audio_url": WAV_URL, "playback_content": "AA=="}, "10015", "/playback_content"),
    ("playback_start", {"playback_content": "!!"}, "10028", "/playback_content"),
    ("playback_start", {"audio_url": WAV_URL, "loop": 0}, "90009", "/loop"),
    ("playback_start", {"audio_url": WAV_URL, "loop": 101}, "90009", "/loop"),
    ("playback_start", {"audio_url": WAV_URL, "loop": 2.5}, "90009", "/loop"),
    ("playback_start", {"audio_url": WAV_URL, "loop": "ever"}, "90009", "/loop"),
    ("playback_start", {"audio_url": WAV_URL, "loop": True}, "90009", "/loop"),
    ("playback_start", {"audio_url": WAV_URL, "stop": "none"}, "90016", "/stop"),
    ("playback_start", {"audio_url": WAV_URL, "overlay": True, "target_legs": "both"}, "10015",
     "/target_legs"),
    ("playback_stop", {"stop": "now"}, "90016", "/stop"),
    ("speak", {"voice": "male"}, "10004", "/payload"),
    ("speak", {"payload": "Hi"}, "10004", "/voice"),
    ("speak", {"payload": "", "voice": "male"}, "90010", "/payload"),
    ("speak", {"payload": " \n", "voice": "male"}, "90010", "/payload"),
    ("speak", {"payload": "x" * 3001, "voice": "male"}, "90010", "/payload"),
    ("speak+", {"payload_type": "morse"}, "90011", "/payload_type"),
    ("speak", {"payload": "Hi", "voice": "robot"}, "90012", "/voice"),
    ("speak", {"payload": "Hi", "voice": "Foo.bar"}, "90012", "/voice"),
    ("speak", {"payload": "Hi", "voice": "Azure."}, "90012", "/voice"),
    ("speak", {"payload": "Hi", "voice": "{Azure}"}, "90012", "/voice"),
    ("speak+", {"payload": "Hi", "payload_type": "ssml"}, "90010", "/payload"),
    ("speak+", {"payload": "<speak>Hi<speak>", "payload_type": "ssml"}, "90010", "/payload"),
    ("gather_using_speak", {"payload": "<speak/>", "voice": "male", "payload_type": "ssml",
      "invalid_payload": "<speak><break time='1h'/></speak>"}, "90010", "/invalid_payload"),
    ("speak+", {"language": "tlh"}, "90013", "/language"),
    ("speak+", {"service_level": "royal"}, "90030", "/service_level"),
    ("speak+", {"service_level": "basic", "language": "de-DE"}, "90030",
     "/service_level"),
    ("speak+", {"voice_settings": {"type": "telnyx", "voice_speed": 1.6}}, "10033",
     "/voice_settings/voice_speed"),
    ("speak+", {"voice_settings": {"voice_speed": 0.59}}, "10033", "/voice_settings/voice_speed"),
    ("gather", {"minimum_digits": 0}, "90022", "/minimum_digits"),
    ("gather", {"minimum_digits": 5, "maximum_digits": 4}, "90022", "/minimum_digits"),
    ("gather", {"maximum_digits": 129}, "90023", "/maximum_digits"),
    ("gather", {"timeout_millis": 0}, "90025", "/timeout_millis"),
    ("gather", {"inter_digit_timeout_millis": 120_001}, "90026", "/inter_digit_timeout_millis"),
    ("gather", {"initial_timeout_millis": "soon"}, "90056", "/initial_timeout_millis"),
    ("gather", {"terminating_digit": "##"}, "90007", "/terminating_digit"),
    ("gather", {"valid_digits": "abc"}, "90008", "/valid_digits"),
    ("gather_using_audio", {}, "10004", "/audio_url"),
    ("gather_using_audio", {"audio_url": WAV_URL, "maximum_tries": 129}, "90024", "/maximum_tries"),
    ("gather_using_audio", {"audio_url": WAV_URL, "invalid_audio_url": WAV_URL, "invalid_media_name": "m"},
     "10015",     "/invalid_media_name"),
    ("record_start", {"channels": "dual"}, "10004", "/format"),
    ("record_start", {"format": "flac", "channels": "dual"}, "90000", "/format"),
    ("record_start", {"format": "wav", "channels": "all"}, "90001", "/channels"),
    ("record_start+", {"recording_track": "x"}, "90059", "/recording_track"),
    ("record_start+", {"custom_file_name": "x" * 41}, "10025", "/custom_file_name"),
    ("record_start+", {"transcription": True}, "10038", "/transcription"),
    ("record_start+", {"max_length": 14401}, "10033", "/max_length"),
    ("transcription_start", {"transcription_engine": "Sphinx"}, "10032", "/transcription_engine"),
    ("transcription_start", {"transcription_tracks": "none"}, "10032", "/transcription_tracks"),
    ("transcription_start", {"language": "english, please"}, "90013", "/language"),
    ("transcription_start", {"interim_results": "maybe"}, "10026", "/interim_results"),
    ("transcription_start", {"transcription_engine_config": "fast"}, "10026", "/transcription_engine_config"),
    ("transcription_start", {"transcription_engine_config": {"volume": 11}}, "10015",
     "/transcription_engine_config/volume"),
    ("transcription_start", {"transcription_engine_config": {"language": "a"}}, "10015",
     "/transcription_engine_config/language"),
    ("transcription_start", {"transcription_engine_config": {"enable_speaker_diarization": True}}, "10038",
     "/transcription_engine_config/enable_speaker_diarization"),
    ("transcription_start", {"transcription_engine_config": {"profanity_filter": True}}, "10038",
     "/transcription_engine_config/profanity_filter"),
    ("transcription_start", {"transcription_engine_config": {"utterance_end_ms": 5001}}, "10033",
     "/transcription_engine_config/utterance_end_ms"),
    ("transcription_start", {"transcription_engine_config": {"max_endpoint_delay_ms": 499}}, "10033",
     "/transcription_engine_config/max_endpoint_delay_ms"),
    ("transcription_start", {"transcription_engine_config": {"keyterms": ["a"] * 101}}, "10033",
     "/transcription_engine_config/keyterms"),
    ("transcription_start", {"transcription_engine_config": {"hints": [""]}}, "10025",
     "/transcription_engine_config/hints/0"),
    ("transcription_start", {"transcription_engine_config": {"speech_context": [{"phrases": ["a"], "x": 1}]}},
     "10015", "/transcription_engine_config/speech_context/0/x"),
    ("transcription_start", {"transcription_engine_config": {"hints": [str(n) for n in range(500)],
     "keyterms": ["one more"]}}, "10033", "/transcription_engine_config"),
    ("transcription_start", {"transcription_engine": "B", "transcription_engine_config":
     {"transcription_engine": "Google"}}, "10015", "/transcription_engine_config/transcription_engine"),
    ("transcription_start", {"transcription_engine": "Azure", "transcription_engine_config": {}}, "10004",
     "/transcription_engine_config/region"),
    ("streaming_start", {}, "10004", "/stream_url"),
    ("streaming_start+", {"stream_auth_token": "x" * 4001}, "10025", "/stream_auth_token"),
]  # fmt: skip


@pytest.mark.parametrize(("action", "body", "code", "pointer"), WRONG)
async def test_a_wrong_member_has_its_code(
    api: httpx.AsyncClient, house: House, action: str, body: dict[str, Any], code: str, pointer: str
) -> None:
    action, more, _ = action.partition("+")
    base = BASE[action] if more else {}

    answer = await api.post(f"/calls/v3:abc/actions/{action}", json=base | body)

    found = {error["source"]["pointer"]: error["code"] for error in answer.json()["errors"]}
    assert (answer.status_code, found.get(pointer)) == (422, code)
    assert house.calls.commands == []


async def test_all_mistakes_are_told_at_once(api: httpx.AsyncClient) -> None:
    answer = await api.post(
        "/calls/v3:abc/actions/speak", json={"voice": "x y", "loop": 0, "client_state": "?", "stop": 5}
    )

    codes = {error["source"]["pointer"]: error["code"] for error in answer.json()["errors"]}
    assert codes == {
        "/payload": "10004", "/voice": "90012", "/loop": "90009", "/client_state": "90017", "/stop": "90016",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("gather", {"client_state": "not base64!"}),
        ("speak", {}),
        ("playback_start", {"loop": 0}),
        ("bridge", {"queue": "q"}),
        ("refer", {}),
        ("hangup", {}),
    ],
)
async def test_the_call_of_the_path_is_judged_before_the_body(
    api: httpx.AsyncClient, house: House, action: str, body: dict[str, Any]
) -> None:
    house.calls.unknown.add("v3:nobody")
    answer = await api.post(f"/calls/v3:nobody/actions/{action}", json=body)
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["code"], error["source"]) == (
        422,
        "90015",
        {"pointer": "/call_control_id"},
    )
    broken = await api.post(f"/calls/v3:nobody/actions/{action}", content=b"{")
    if action != "refer":  # a command that is not there reads no body
        assert (broken.status_code, broken.json()["errors"][0]["code"]) == (400, "10023")


async def test_the_callers_refusal_is_passed_on(api: httpx.AsyncClient, house: House) -> None:
    from ringline.calls import errors

    house.calls.refusal = errors.not_answered("playback_start")

    answer = await api.post("/calls/v3:abc/actions/playback_start", json={"audio_url": WAV_URL})

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "90034")


@pytest.mark.parametrize(
    "action", ["fork_start", "refer", "enqueue", "suppression_start", "ai_assistant_start"]
)
async def test_what_does_not_exist_yet_says_so(api: httpx.AsyncClient, action: str) -> None:
    answer = await api.post(f"/calls/v3:abc/actions/{action}", json={"anything": 1})

    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["code"]) == (422, "10038")
    assert action in error["detail"]


class TestDial:
    async def test_defaults(self, api: httpx.AsyncClient, house: House) -> None:
        answer = await api.post("/calls", json=DIAL)

        assert answer.json()["data"] == {
            "record_type": "call",
            "call_control_id": "v3:dialed",
            "call_leg_id": "leg",
            "call_session_id": "session",
            "is_alive": False,
            "call_duration": 0,
        }
        account_id, command = house.calls.dialed[0]
        assert account_id == house.account_id
        assert command == commands.Dial(
            connection_id="17",
            targets=(DialTarget("+13125550101", "+13125550100"),),
            redacted_body=json.dumps(
                {"connection_id": "17", "from": DIAL["from"], "to": [DIAL["to"]]}
            ).replace(" ", ""),
        )

    async def test_several_targets_ring_together(self, api: httpx.AsyncClient, house: House) -> None:
        await api.post("/calls", json={**DIAL, "to": ["+13125550101", "sip:a@b:5070;transport=tcp"]})

        assert [target.to for target in house.calls.dialed[0][1].targets] == [
            "+13125550101",
            "sip:a@b:5070;transport=tcp",
        ]

    async def test_one_wrong_target_of_several_is_pointed_at(self, api: httpx.AsyncClient) -> None:
        answer = await api.post("/calls", json={**DIAL, "to": ["+13125550101", "nobody"]})

        assert answer.json()["errors"][0]["source"] == {"pointer": "/to/1"}

    async def test_everything(self, api: httpx.AsyncClient, house: House) -> None:
        await api.post(
            "/calls",
            json={
                **DIAL,
                "connection_id": 17,
                "from": "alice",
                "to": "+13125550101,99",
                "send_digits_on_answer": "11",
                "link_to": "v3:x",
                "bridge_on_answer": True,
                "bridge_intent": True,
                "park_after_unbridge": "self",
                "prevent_double_bridge": True,
                "retry_on_timeout": False,
                "timeout_secs": "20",
                "stream_url": "wss://a/b",
                "stream_establish_before_call_originate": True,
                "sip_auth_username": "u",
                "sip_auth_password": "p",
                "sip_transport_protocol": "TCP",
                "webhook_urls": {"call.hangup": "https://a/one"},
                "webhook_retries_policies": {"call.hangup": {"retries_ms": [5]}},
                "billing_group_id": "b",
                "answering_machine_detection": "disabled",
            },
        )

        command = house.calls.dialed[0][1]
        assert command.targets == (
            DialTarget(
                "+13125550101",
                "alice",
                timeout_s=20,
                auth_username="u",
                auth_password="p",
                transport="TCP",
                timeout_is_no_answer=True,
                send_digits="11",
            ),
        )
        assert command.stream == StreamOptions("wss://a/b", before_originate=True)
        assert command.webhooks == WebhookOptions(
            urls=(("call.hangup", ("https://a/one",)),), retries_ms=(("call.hangup", (5,)),)
        )
        assert (command.link_to, command.bridge_on_answer, command.bridge_intent) == ("v3:x", True, True)
        assert (command.park_after_unbridge, command.prevent_double_bridge) == (True, True)

    @pytest.mark.parametrize(
        ("members", "code", "pointer"),
        [
            ({"from": "13125550100"}, "10016", "/from"),
            ({"from": "a b"}, "10016", "/from"),
            ({"to": []}, "10033", "/to"),
            ({"to": ["+13125550101"] * 21}, "10033", "/to"),
            ({"to": {"a": 1}}, "10026", "/to"),
            ({"connection_id": ""}, "10025", "/connection_id"),
            ({"bridge_on_answer": True}, "10004", "/link_to"),
            ({"park_after_unbridge": "self"}, "10004", "/link_to"),
            ({"park_after_unbridge": "other"}, "10032", "/park_after_unbridge"),
            ({"supervise_call_control_id": "v3:x"}, "10038", "/supervise_call_control_id"),
            ({"conference_config": {"id": "x"}}, "10038", "/conference_config"),
            ({"timeout_secs": 601}, "90028", "/timeout_secs"),
        ],
    )
    async def test_wrong_members(
        self, api: httpx.AsyncClient, members: dict[str, Any], code: str, pointer: str
    ) -> None:
        answer = await api.post("/calls", json={**DIAL, **members})

        found = {error["source"]["pointer"]: error["code"] for error in answer.json()["errors"]}
        assert (answer.status_code, found) == (422, {pointer: code})

    async def test_nothing_at_all(self, api: httpx.AsyncClient) -> None:
        answer = await api.post("/calls")

        assert {error["source"]["pointer"] for error in answer.json()["errors"]} == {
            "/connection_id",
            "/from",
            "/to",
        }

    async def test_nulls_are_absent(self, api: httpx.AsyncClient, house: House) -> None:
        answer = await api.post(
            "/calls", json={**DIAL, "timeout_secs": None, "record": None, "assistant": None}
        )

        assert answer.status_code == 200
        assert house.calls.dialed[0][1].targets[0].timeout_s == 30
