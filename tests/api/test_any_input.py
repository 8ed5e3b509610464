"""Whatever a client sends, the answer is ours and below 500."""

import json

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.house import check_answer

pytestmark = [pytest.mark.unit, pytest.mark.asyncio(loop_scope="module")]

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=30)
    | st.sampled_from(
        ["infinity", "sip:a@b", "+13125550100", "wss://a/b", "https://a/b", "\x00", "self", "all"]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
EXAMPLES = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))


BODIES = {
    ("POST", "/calls"): [
        "connection_id",
        "from",
        "to",
        "timeout_secs",
        "webhook_urls",
        "custom_headers",
        "record",
    ],
    ("POST", "/calls/v3:a/actions/answer"): ["client_state", "preferred_codecs", "stream_url", "sip_headers"],
    ("POST", "/calls/v3:a/actions/transfer"): ["to", "from", "audio_url", "send_digits_on_answer", "privacy"],
    ("POST", "/calls/v3:a/actions/speak"): ["payload", "voice", "voice_settings", "loop", "language"],
    ("POST", "/calls/v3:a/actions/playback_start"): ["audio_url", "playback_content", "loop", "overlay"],
    ("POST", "/calls/v3:a/actions/gather_using_audio"): ["audio_url", "valid_digits", "maximum_tries"],
    ("POST", "/calls/v3:a/actions/record_start"): [
        "format",
        "channels",
        "max_length",
        "transcription_language",
    ],
    ("POST", "/calls/v3:a/actions/streaming_start"): ["stream_url", "custom_parameters", "stream_auth_token"],
    ("POST", "/calls/v3:a/actions/transcription_start"): [
        "transcription_engine",
        "transcription_engine_config",
        "transcription_tracks",
        "language",
        "interim_results",
    ],
    ("POST", "/call_control_applications"): ["application_name", "webhook_event_url", "inbound", "tags"],
    ("POST", "/credential_connections"): [
        "connection_name",
        "user_name",
        "password",
        "inbound",
        "jitter_buffer",
    ],
    ("POST", "/number_orders"): ["phone_numbers", "connection_id", "customer_reference"],
    ("POST", "/recordings/actions/delete"): ["ids"],
    ("PUT", "/media/x"): ["ttl_secs"],
}
WELL = {
    "connection_id": "1", "from": "+13125550100", "to": "sip:a@b", "payload": "x", "voice": "male",
    "audio_url": "https://a/b", "format": "wav", "channels": "dual", "stream_url": "wss://a/b",
}  # fmt: skip


@given(st.sampled_from(sorted(BODIES)), st.data())
@EXAMPLES
async def test_any_members(
    one_api: httpx.AsyncClient, operation: tuple[str, str], data: st.DataObject
) -> None:
    names = BODIES[operation]
    body = {name: WELL[name] for name in names if name in WELL}
    body |= data.draw(st.dictionaries(st.sampled_from(names), VALUES, max_size=3))

    method, path = operation
    check_answer(await one_api.request(method, path, content=json.dumps(body)))


@given(
    st.sampled_from(sorted(BODIES)),
    st.binary(max_size=40) | VALUES.map(lambda value: json.dumps(value).encode()),
)
@EXAMPLES
async def test_any_bytes(one_api: httpx.AsyncClient, operation: tuple[str, str], body: bytes) -> None:
    method, path = operation
    check_answer(await one_api.request(method, path, content=body))


LISTS = ["/connections", "/phone_numbers", "/call_events", "/recordings", "/media", "/number_orders"]
PARAMETERS = [
    "page[number]", "page[size]", "sort", "filter[connection_name][contains]", "filter[created_at][gte]",
    "filter[phone_numbers_count]", "filter[tag]", "filter[phone_number]", "filter[failed]",
    "filter[x]", "filter[]", "filter[a][b]",
]  # fmt: skip


@given(
    st.sampled_from(LISTS),
    st.dictionaries(
        st.sampled_from(PARAMETERS), st.text(max_size=12) | st.integers(-(2**70), 2**70).map(str), max_size=4
    ),
)
@EXAMPLES
async def test_any_query(one_api: httpx.AsyncClient, path: str, query: dict[str, str]) -> None:
    check_answer(await one_api.get(path, params=query))


@given(st.text(max_size=20), st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]))
@EXAMPLES
async def test_any_path(one_api: httpx.AsyncClient, segment: str, method: str) -> None:
    for prefix in ("/calls/{}", "/media/{}", "/phone_numbers/{}", "/recordings/{}", "/storage/{}/x", "/{}"):
        url = httpx.URL("http://api.test").copy_with(
            raw_path=("/v2" + prefix.format(_quoted(segment))).encode()
        )
        check_answer(await one_api.request(method, url))


def _quoted(segment: str) -> str:
    return "".join(f"%{byte:02X}" for byte in segment.encode("utf-8", "surrogatepass"))
