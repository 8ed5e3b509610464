"""The installed SDK is the oracle: every event is taken for what it is, with every value it may have."""

import base64
import time
import typing
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest
import telnyx
from pydantic import BaseModel

from ringline.webhooks import envelope, payloads, policy
from ringline.webhooks.envelope import Event
from ringline.webhooks.payload import Payload
from ringline.webhooks.payloads import EVENTS
from ringline.webhooks.signing import Signer
from tests.webhooks.samples import all_payloads

pytestmark = pytest.mark.conformance

SAMPLES = list(all_payloads())
SIGNER = Signer(bytes(range(32)))
WITHOUT_MODEL = {"call.sip_info.received"}
"""Events of the documentation that the SDK has no class for."""


def sent(payload: Payload) -> bytes:
    event = Event(
        "0ccc7b54-4df3-4bca-a65a-3da1ecc777f0",
        payload.event_type,
        datetime(2025, 11, 23, 3, 30, tzinfo=UTC),
        payloads.encode(payload),
    )
    return envelope.body(event, attempt=2, delivered_to="https://app.example/webhooks")


def unwrapped(payload: Payload) -> typing.Any:
    body = sent(payload)
    client = telnyx.Telnyx(api_key="KEY", public_key=SIGNER.public_key)
    headers = SIGNER.headers(body, datetime.fromtimestamp(time.time(), UTC))
    return client.webhooks.unwrap(body.decode(), headers=headers)


def models() -> Iterator[type[BaseModel]]:
    from telnyx.types.unwrap_webhook_event import UnwrapWebhookEvent

    yield from typing.get_args(UnwrapWebhookEvent)


def event_type_of(model: type[BaseModel]) -> str | None:
    data = model.model_fields.get("data")
    for inner in structs_in(data.annotation) if data else ():
        field = inner.model_fields.get("event_type")
        for value in literals_in(field.annotation) if field else ():
            return str(value)
    return None


def structs_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from structs_in(inner)


def literals_in(annotation: object) -> Iterator[object]:
    if typing.get_origin(annotation) is typing.Literal:
        yield from typing.get_args(annotation)
        return
    for inner in typing.get_args(annotation):
        yield from literals_in(inner)


MODELS = {kind: model for model in models() if (kind := event_type_of(model))}


def test_there_is_a_sample_of_every_event() -> None:
    assert {type(sample) for sample in SAMPLES} == set(EVENTS.values())


def test_every_call_event_of_the_sdk_is_known() -> None:
    prefixes = ("call.", "streaming.", "siprec.", "conference.")
    missing = {kind for kind in MODELS if kind.startswith(prefixes)} - policy.KNOWN_EVENT_TYPES
    assert missing == set()


@pytest.mark.parametrize("payload", SAMPLES, ids=lambda payload: payload.event_type)
def test_the_sdk_takes_it_for_what_it_is(payload: Payload) -> None:
    event = unwrapped(payload)
    if payload.event_type in WITHOUT_MODEL:
        assert payload.event_type not in MODELS
        return
    assert type(event) is MODELS[payload.event_type]
    type(event).model_validate(msgspec.json.decode(sent(payload)), strict=False)
    assert event.data.event_type == payload.event_type
    assert event.data.record_type == "event"
    assert event.data.payload.call_session_id == payload.call_session_id
    assert event.data.payload.client_state is None


@pytest.mark.parametrize("kind", sorted(set(EVENTS) - WITHOUT_MODEL))
def test_enumerations_are_those_of_the_sdk(kind: str) -> None:
    """Wherever both sides list values, ours are among the SDK's; of its own lists none is missing."""
    (data,) = structs_in(MODELS[kind].model_fields["data"].annotation)
    (theirs,) = structs_in(data.model_fields["payload"].annotation)
    compare(EVENTS[kind], theirs)


def compare(ours: type[msgspec.Struct], theirs: type[BaseModel]) -> None:
    fields = {field.alias or name: field.annotation for name, field in theirs.model_fields.items()}
    hints = typing.get_type_hints(ours)
    for field in msgspec.structs.fields(ours):
        annotation = fields.get(field.encode_name)
        if annotation is None:
            continue
        allowed = set(literals_in(annotation))
        if allowed:
            assert set(literals_in(hints[field.name])) <= allowed, field.name
            if (
                field.name != "state"
            ):  # `call.initiated` of one direction, `call.hangup`: constants of their own
                assert set(literals_in(hints[field.name])) == allowed, field.name
        for inner_ours, inner_theirs in zip(
            own_structs(hints[field.name]), structs_in(annotation), strict=True
        ):
            compare(inner_ours, inner_theirs)


def own_structs(annotation: object) -> Iterator[type[msgspec.Struct]]:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from own_structs(inner)


@pytest.mark.parametrize("payload", SAMPLES, ids=lambda payload: payload.event_type)
def test_members_have_the_names_and_types_of_the_sdk(payload: Payload) -> None:
    """Strict validation of what we send against the SDK's own model: no member is coerced or misnamed."""
    if payload.event_type in WITHOUT_MODEL:
        pytest.skip("the SDK has no model of it")
    model = MODELS[payload.event_type]
    model.model_validate_json(sent(payload), strict=True)


def test_a_wrong_key_is_refused_by_the_sdk() -> None:
    body = sent(SAMPLES[0])
    client = telnyx.Telnyx(api_key="KEY", public_key=Signer(bytes(32)).public_key)
    headers = SIGNER.headers(body, datetime.fromtimestamp(time.time(), UTC))
    with pytest.raises(ValueError, match="does not match"):
        client.webhooks.unwrap(body.decode(), headers=headers)


def test_the_public_key_is_what_the_sdk_wants() -> None:
    assert len(base64.b64decode(SIGNER.public_key, validate=True)) == 32
