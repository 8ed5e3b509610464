"""What is masked, and that masking is the last word on it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.timeline import entries as e
from ringline.timeline.redaction import command_body, mask_party, redact, redact_all
from ringline.timeline.text import show
from tests.timeline.calls import ATTEMPTS, CALL, entry

pytestmark = pytest.mark.unit

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def masked(body: e.AnyBody) -> e.AnyBody:
    return redact(entry(1, 0, body)).body


def test_digits_words_and_names_are_gone_from_a_whole_call() -> None:
    text = show(redact_all(CALL)) + repr(redact_all(CALL))
    for secret in ("3125550", "Ann", "my name", "digit='4'", 'username="ann"', "token=abc"):
        assert secret not in text
    assert "3125550" in repr(CALL)


def test_what_remains_is_still_of_use() -> None:
    assert masked(e.DtmfReceived("4", 120)) == e.DtmfReceived("•", 120)
    assert masked(e.DtmfSent("12w3")) == e.DtmfSent("••••")
    assert masked(e.SpeechResult("my name is Ann", True)) == e.SpeechResult("[4 words]", True)
    assert masked(e.SipMessage("in", "INVITE sip:+13125550199@pbx.example", "1.2.3.4:5")) == e.SipMessage(
        "in", "INVITE sip:+13•••••••99@pbx.example", "1.2.3.4:5"
    )
    raw = masked(CALL[0].body)
    assert isinstance(raw, e.SipMessage)
    assert raw.raw is not None
    assert "Call-ID: 77@phone" in raw.raw
    assert "From: •••" in raw.raw


def test_what_says_nothing_of_people_is_the_same_object() -> None:
    for one in (*ATTEMPTS, entry(1, 0, e.StateChanged("parked")), entry(1, 0, e.TimerFired("x"))):
        assert redact(one) is one


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b"", {}),
        (b"{}", {}),
        (b"[1]", {}),
        (b"not json", {}),
        (b'{"sip_auth_password":"x","to":"+13125550100"}', {"sip_auth_password": "•", "to": "+13125550100"}),
        (b'{"a":[{"password":"x"}],"token":null}', {"a": [{"password": "•"}], "token": None}),
    ],
)
def test_secrets_never_reach_the_timeline(body: bytes, kept: object) -> None:
    assert msgspec.json.decode(command_body(body)) == kept


def test_long_values_are_not_kept() -> None:
    audio = msgspec.json.encode({"playback_content": "QUJD" * 5_000, "loop": 1})
    assert msgspec.json.decode(command_body(audio)) == {"playback_content": "[20000 characters]", "loop": 1}
    assert command_body(msgspec.json.encode({str(n): "x" * 900 for n in range(50)})) == "{}"
    assert command_body(b"[" * 200_000) == "{}"


def test_the_personal_part_of_a_command_is_masked_for_readers() -> None:
    body = e.CommandReceived(
        "speak", None, '{"payload":"Dear Ann","to":"+13125550100","x":["sip:ann@pbx.example"],"n":5}'
    )
    shown = masked(body)
    assert isinstance(shown, e.CommandReceived)
    assert msgspec.json.decode(shown.body) == {
        "payload": "••••••••",
        "to": "+13•••••••00",
        "x": ["sip:•••@pbx.example"],
        "n": 5,
    }


@given(JSON)
def test_any_command_body_can_be_kept_and_masked(value: object) -> None:
    text = command_body(msgspec.json.encode(value))
    shown = masked(e.CommandReceived("x", None, text))
    assert isinstance(shown, e.CommandReceived)
    assert isinstance(msgspec.json.decode(shown.body), dict)


@given(st.binary(max_size=60))
def test_any_bytes_make_a_body(data: bytes) -> None:
    assert isinstance(msgspec.json.decode(command_body(data)), dict)


@pytest.mark.parametrize(
    ("party", "shown"),
    [
        ("+13125550100", "+13•••••••00"),
        ("sip:ann@pbx.example", "sip:•••@pbx.example"),
        ("anonymous", "••••••••"),
        ("", ""),
    ],
)
def test_parties_are_masked(party: str, shown: str) -> None:
    assert mask_party(party) == shown


@given(st.text(max_size=300))
def test_masking_sip_takes_linear_time_and_never_fails(raw: str) -> None:
    masked(e.SipMessage("in", raw, "p", raw))
