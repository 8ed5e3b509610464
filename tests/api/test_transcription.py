"""From the body of transcription_start to what the call is told (spec voice-api §5.4)."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ringline.api.models.transcription import MOST_PHRASES, EngineConfig, TranscriptionStart
from ringline.calls import commands
from ringline.calls.options import TranscriptionOptions
from ringline.core.errors import ApiError

from .house import House

pytestmark = pytest.mark.unit

CASES: list[tuple[dict[str, Any], TranscriptionOptions]] = [
    ({}, TranscriptionOptions()),
    ({"transcription_engine": "A"}, TranscriptionOptions(engine="Google")),
    ({"transcription_engine": "B"}, TranscriptionOptions(engine="Telnyx")),
    ({"transcription_tracks": "outbound"}, TranscriptionOptions(tracks=("outbound",))),
    ({"transcription_tracks": "both"}, TranscriptionOptions(tracks=("inbound", "outbound"))),
    ({"language": "de", "interim_results": True}, TranscriptionOptions(language="de", interim=True)),
    (
        {
            "language": "de",
            "interim_results": True,
            "transcription_engine_config": {"language": "fr-CA", "interim_results": False},
        },
        TranscriptionOptions(language="fr-CA"),
    ),
    (
        {
            "transcription_engine": "Google",
            "transcription_engine_config": {
                "transcription_engine": "A",
                "model": "phone_call",
                "hints": ["Ringline", "SIP"],
                "speech_context": [{"phrases": ["SIP", "jitter buffer"], "boost": 9.5}],
                "use_enhanced": True,
                "min_speaker_count": 2,
            },
        },
        TranscriptionOptions(model="phone_call", hints=("Ringline", "SIP", "jitter buffer")),
    ),
    (
        {
            "transcription_engine_config": {
                "transcription_engine": "deepgram/nova-3",
                "transcription_model": "deepgram/nova-3",
                "keyterms": ["Ann"],
                "keywords_boosting": {"Bob": 2},
                "smart_format": False,
                "utterance_end_ms": 1200,
            }
        },
        TranscriptionOptions(
            engine="Deepgram", model="deepgram/nova-3", hints=("Ann", "Bob"), silence_ms=1200, plain=True
        ),
    ),
    (
        {
            "transcription_engine": "Soniox",
            "transcription_engine_config": {
                "transcription_engine": "Soniox",
                "enable_endpoint_detection": True,
                "max_endpoint_delay_ms": 700,
                "language": None,
            },
        },
        TranscriptionOptions(engine="Soniox", silence_ms=700),
    ),
    (
        {
            "transcription_engine": "Soniox",
            "transcription_engine_config": {"max_endpoint_delay_ms": 700},
        },
        TranscriptionOptions(engine="Soniox"),
    ),
    (
        {
            "transcription_engine": "Azure",
            "transcription_engine_config": {
                "transcription_engine": "Azure",
                "region": "eastus",
                "api_key_ref": "mine",
            },
        },
        TranscriptionOptions(engine="Azure"),
    ),
]


@pytest.mark.parametrize(("body", "expected"), CASES)
async def test_what_is_asked_for_is_what_the_call_is_told(
    api: httpx.AsyncClient, house: House, body: dict[str, Any], expected: TranscriptionOptions
) -> None:
    answer = await api.post("/calls/v3:abc/actions/transcription_start", json=body)

    assert (answer.status_code, answer.json()) == (200, {"data": {"result": "ok"}})
    ((_, _, command),) = house.calls.commands
    assert isinstance(command, commands.TranscriptionStart)
    assert command.options == expected


SCALARS = st.none() | st.booleans() | st.integers(-9999, 9999) | st.text(max_size=9)
CONFIGS = st.dictionaries(
    st.sampled_from([*EngineConfig.model_fields, "unknown"]),
    SCALARS
    | st.lists(SCALARS, max_size=3)
    | st.dictionaries(st.sampled_from(["phrases", "boost", "word"]), SCALARS | st.lists(SCALARS, max_size=2)),
    max_size=4,
)


@given(CONFIGS)
@settings(max_examples=100, deadline=None)
def test_any_configuration_is_taken_or_refused(config: dict[str, Any]) -> None:
    try:
        body = TranscriptionStart.model_validate({"transcription_engine_config": config})
        options = body.command().options
    except (ValidationError, ApiError):
        return
    assert config.get("unknown") is None, "null is as if absent"
    assert len(options.hints) <= MOST_PHRASES
    assert options.silence_ms is None or 0 <= options.silence_ms <= 5000


async def test_a_reference_to_a_key_is_not_kept(api: httpx.AsyncClient, house: House) -> None:
    config = {"transcription_engine": "Azure", "region": "eastus", "api_key_ref": "mine"}
    await api.post("/calls/v3:abc/actions/transcription_start", json={"transcription_engine_config": config})

    ((_, _, command),) = house.calls.commands
    del config["api_key_ref"]
    assert json.loads(command.redacted_body) == {"transcription_engine_config": config}


@pytest.mark.parametrize("config", [None, {}, {"transcription_tracks": "both", "client_state": "x"}])
async def test_dial_and_answer_take_it_along(
    api: httpx.AsyncClient, house: House, config: dict[str, Any] | None
) -> None:
    more = {"transcription": True, "transcription_config": config}
    where = {"connection_id": "17", "from": "+13125550100", "to": "sip:a@b"}
    answers = [
        await api.post("/calls", json={**where, **more}),
        await api.post("/calls/v3:abc/actions/answer", json=more),
    ]

    assert [one.status_code for one in answers] == [200, 200]
    tracks = ("inbound", "outbound") if config else ("inbound",)
    (_, dial), (_, _, answer) = house.calls.dialed[0], house.calls.commands[0]
    assert isinstance(answer, commands.Answer)
    assert dial.transcription == answer.transcription == TranscriptionOptions(tracks=tracks)


async def test_a_configuration_alone_starts_nothing(api: httpx.AsyncClient, house: House) -> None:
    await api.post(
        "/calls/v3:abc/actions/answer", json={"transcription_config": {"transcription_tracks": "both"}}
    )

    ((_, _, command),) = house.calls.commands
    assert isinstance(command, commands.Answer)
    assert command.transcription is None


async def test_stopping_needs_nothing(api: httpx.AsyncClient, house: House) -> None:
    answer = await api.post("/calls/v3:abc/actions/transcription_stop")

    assert answer.json() == {"data": {"result": "ok"}}
    assert [command for _, _, command in house.calls.commands] == [commands.TranscriptionStop()]
