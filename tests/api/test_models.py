"""Bodies by themselves: what is kept of them, and what any value does to them."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.api.models import audio, calls, capture
from ringline.api.models.fields import is_target
from ringline.api.models.target import split_digits

pytestmark = pytest.mark.unit

DIAL = {"connection_id": "17", "from": "+13125550100", "to": "+13125550101"}
SECRET = "5309867"


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (calls.Dial, {**DIAL, "to": f"+13125550101,{SECRET}"}),
        (calls.Dial, {**DIAL, "send_digits_on_answer": SECRET}),
        (calls.Dial, {**DIAL, "sip_auth_password": SECRET, "stream_auth_token": SECRET}),
        (calls.Transfer, {"to": f"sip:a@b,{SECRET}"}),
        (calls.Transfer, {"to": "sip:a@b", "sip_auth_password": SECRET}),
        (calls.SendDtmf, {"digits": SECRET}),
        (audio.Speak, {"payload": SECRET, "voice": "male"}),
        (audio.GatherUsingSpeak, {"payload": SECRET, "voice": "male", "invalid_payload": SECRET}),
        (audio.PlaybackStart, {"playback_content": "5309867="}),
        (capture.StreamingStart, {"stream_url": "ws://a/b", "stream_auth_token": SECRET}),
    ],
)
def test_secrets_are_not_kept(model: Any, body: dict[str, Any]) -> None:
    command = model.model_validate({**body, "command_id": "shown"}).command()

    assert SECRET not in command.redacted_body
    assert json.loads(command.redacted_body)["command_id"] == "shown"


def test_long_members_are_not_kept() -> None:
    body = {"custom_headers": [{"name": f"X-{n}", "value": "v" * 100} for n in range(20)]}

    assert len(calls.Hangup.model_validate(body).command().redacted_body) < 100


@given(st.text(max_size=20) | st.integers() | st.floats() | st.booleans() | st.none())
@settings(max_examples=60)
def test_loop_is_in_range_or_refused(value: object) -> None:
    try:
        body = audio.Speak.model_validate({"payload": "x", "voice": "male", "loop": value})
    except ValueError:
        return
    assert 0 <= body.loop <= 100


@given(st.text(alphabet="sip:+@.;=,123abcSWw?[] ", max_size=40))
@settings(max_examples=100)
def test_targets_are_taken_apart_without_surprise(to: str) -> None:
    address, digits = split_digits(to)

    assert to in (address, f"{address},{digits or ''}")
    if is_target(address):
        assert " " not in address
