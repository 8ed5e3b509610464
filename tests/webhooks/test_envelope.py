"""The bytes of a webhook, byte for byte, and their signature."""

import base64
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qsl

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from ringline.webhooks import envelope
from ringline.webhooks.envelope import Event
from ringline.webhooks.signing import Signer

pytestmark = pytest.mark.unit

EVENT = Event(
    "0ccc7b54-4df3-4bca-a65a-3da1ecc777f0",
    "call.recording.saved",
    datetime(2025, 11, 23, 3, 30, 0, tzinfo=UTC),
    b'{"digit":"#","n":3,"none":null,"o":{"a":[1,"\xc3\xbc"]},"t":true}',
)


def test_version_2_byte_for_byte() -> None:
    assert envelope.body(EVENT, attempt=3, delivered_to="https://app.example/h?x=1") == (
        b'{"data":{"record_type":"event","event_type":"call.recording.saved",'
        b'"id":"0ccc7b54-4df3-4bca-a65a-3da1ecc777f0","occurred_at":"2025-11-23T03:30:00.000000Z",'
        b'"payload":{"digit":"#","n":3,"none":null,"o":{"a":[1,"\xc3\xbc"]},"t":true}},'
        b'"meta":{"attempt":3,"delivered_to":"https://app.example/h?x=1"}}'
    )


def test_flat_byte_for_byte() -> None:
    assert envelope.body(EVENT, attempt=3, delivered_to="https://app.example/", version="flat") == (
        b'{"event_type":"call.recording.saved","id":"0ccc7b54-4df3-4bca-a65a-3da1ecc777f0",'
        b'"occurred_at":"2025-11-23T03:30:00.000000Z",'
        b'"digit":"#","n":3,"none":null,"o":{"a":[1,"\xc3\xbc"]},"t":true}'
    )


def test_version_1_byte_for_byte() -> None:
    assert envelope.body(EVENT, attempt=3, delivered_to="https://app.example/", version="1") == (
        b'{"record_type":"event","event_type":"recording_saved",'
        b'"webhook_id":"0ccc7b54-4df3-4bca-a65a-3da1ecc777f0","created_at":"2025-11-23T03:30:00.000000Z",'
        b'"payload":{"digit":"#","n":3,"none":null,"o":{"a":[1,"\xc3\xbc"]},"t":true}}'
    )


@pytest.mark.parametrize(
    ("now", "before"),
    [
        ("call.initiated", "call_initiated"),
        ("call.recording.saved", "recording_saved"),
        ("streaming.started", "streaming_started"),
        ("call.machine.premium.detection.ended", "machine_premium_detection_ended"),
    ],
)
def test_names_of_version_1(now: str, before: str) -> None:
    assert envelope.legacy_name(now) == before


def test_by_get_members_become_parameters() -> None:
    assert parse_qsl(envelope.query(EVENT), strict_parsing=True) == [
        ("event_type", "call.recording.saved"),
        ("id", "0ccc7b54-4df3-4bca-a65a-3da1ecc777f0"),
        ("occurred_at", "2025-11-23T03:30:00.000000Z"),
        ("record_type", "event"),
        ("digit", "#"),
        ("n", "3"),
        ("o", '{"a":[1,"ü"]}'),
        ("t", "true"),
    ]


@given(st.dictionaries(st.text(min_size=1), st.text(min_size=1), max_size=5))
def test_any_text_survives_the_query(payload: dict[str, str]) -> None:
    event = Event("i", "call.answered", EVENT.occurred_at, msgspec.json.encode(payload))
    found = dict(parse_qsl(envelope.query(event), strict_parsing=True, keep_blank_values=True))
    assert {name: found[name] for name in payload} == payload


def test_times_of_other_zones_are_sent_as_utc() -> None:
    moment = datetime(2025, 11, 23, 4, 30, 0, 5, tzinfo=timezone(timedelta(hours=1)))
    assert envelope.timestamp(moment) == "2025-11-23T03:30:00.000005Z"


def test_the_signature_is_over_time_and_body() -> None:
    signer = Signer(bytes(range(32)))
    headers = signer.headers(b'{"a":1}', datetime(2025, 11, 23, 3, 30, 0, 999_999, tzinfo=UTC))
    assert headers["telnyx-timestamp"] == "1763868600"
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(signer.public_key, validate=True))
    signature = base64.b64decode(headers["telnyx-signature-ed25519"], validate=True)
    key.verify(signature, b'1763868600|{"a":1}')
    with pytest.raises(InvalidSignature):
        key.verify(signature, b'1763868601|{"a":1}')


def test_a_known_key_signs_as_the_rfc_says() -> None:
    """RFC 8032 §7.1, test 1: the public key of that seed."""
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    assert base64.b64decode(Signer(seed).public_key) == public


def test_a_seed_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32"):
        Signer(b"short")
