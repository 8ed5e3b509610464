"""Payloads: an illegal value cannot leave the house; nulls and omissions are as in real traffic."""

from datetime import UTC, datetime

import msgspec
import pytest

from ringline.webhooks import payloads
from ringline.webhooks.payload import Payload
from ringline.webhooks.payloads import EVENTS, CallAnswered, CallHangup, CallSpeakEnded
from tests.webhooks.samples import PARTY, STATE, all_payloads

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("payload", list(all_payloads()), ids=lambda one: one.event_type)
def test_bytes_read_back_as_the_same_value(payload: Payload) -> None:
    assert msgspec.json.decode(payloads.encode(payload), type=type(payload)) == payload


def test_the_wire_names_are_those_of_the_specification() -> None:
    sent = msgspec.json.decode(payloads.encode(payloads.CallBridged(**PARTY)))
    assert sent == {
        "call_control_id": PARTY["call_control_id"],
        "call_leg_id": PARTY["call_leg_id"],
        "call_session_id": PARTY["call_session_id"],
        "connection_id": PARTY["connection_id"],
        "client_state": None,
        "from": "+13125550100",
        "to": "sip:bob@example.com",
    }


def test_a_status_that_is_not_listed_is_refused() -> None:
    # The type checker refuses it first; data from elsewhere does not pass the type checker.
    wrong = CallSpeakEnded(**STATE, status="cancelled")  # type: ignore[arg-type]
    with pytest.raises(msgspec.ValidationError, match="status"):
        payloads.encode(wrong)


@pytest.mark.parametrize("member", ["hangup_cause", "hangup_source"])
def test_a_cause_that_is_not_listed_is_refused(member: str) -> None:
    good = next(one for one in all_payloads() if isinstance(one, CallHangup))
    with pytest.raises(msgspec.ValidationError, match=member):
        payloads.encode(msgspec.structs.replace(good, **{member: "16"}))


def test_a_number_where_a_string_is_due_is_refused() -> None:
    good = next(one for one in all_payloads() if isinstance(one, CallHangup))
    with pytest.raises(msgspec.ValidationError, match="sip_hangup_cause"):
        payloads.encode(msgspec.structs.replace(good, sip_hangup_cause=200))


def test_what_is_not_known_is_left_out() -> None:
    answered = CallAnswered(**PARTY, start_time=datetime(2030, 1, 1, tzinfo=UTC), state="answered")
    assert set(msgspec.json.decode(payloads.encode(answered))) == {
        *("call_control_id", "call_leg_id", "call_session_id", "connection_id", "client_state"),
        *("from", "to", "start_time", "state"),
    }


def test_types_are_named_once() -> None:
    assert all(kind.event_type == name for name, kind in EVENTS.items())
    assert len(EVENTS) == len(set(EVENTS.values()))
