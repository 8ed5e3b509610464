"""The stock SDK over a real HTTP server: its paths, pages, exceptions and retries."""

import httpx
import pytest
import telnyx

from ringline.calls import errors
from ringline.calls.commands import PlaybackStart
from tests.api.house import KEY
from tests.conformance.conftest import Served

pytestmark = pytest.mark.conformance


def test_a_command_arrives_typed(served: Served) -> None:
    served.house.calls.forget()

    result = served.client().calls.actions.start_playback(
        "v3:a-b_c=", audio_url="https://a/b.wav", loop="infinity"
    )

    assert result.data is not None
    assert result.data.result == "ok"
    ((_, call, command),) = served.house.calls.commands
    assert call == "v3:a-b_c="
    assert isinstance(command, PlaybackStart)
    assert command.loop == 0


def test_calls_without_members_are_refused_by_name(served: Served) -> None:
    client = served.client()
    for method, pointer in (
        (client.calls.actions.start_playback, "/audio_url"),
        (client.calls.actions.start_streaming, "/stream_url"),
    ):
        with pytest.raises(telnyx.UnprocessableEntityError) as refused:
            method("v3:a")
        assert refused.value.body["errors"][0]["source"] == {"pointer": pointer}  # type: ignore[index]  # JSON


def test_refusals_become_the_sdks_exceptions(served: Served) -> None:
    client, calls = served.client(), served.house.calls

    with pytest.raises(telnyx.AuthenticationError):
        served.client(key="wrong").connections.list()
    with pytest.raises(telnyx.NotFoundError):
        client.calls.retrieve_status("v3:none")
    with pytest.raises(telnyx.BadRequestError):
        client.post(
            "/calls", content=b"{", options={"headers": {"content-type": "application/json"}}, cast_to=object
        )
    calls.refusal = errors.ended()
    with pytest.raises(telnyx.UnprocessableEntityError, match="90018"):
        client.calls.actions.hangup("v3:a")
    calls.refusal = ZeroDivisionError()
    with pytest.raises(telnyx.InternalServerError, match="10007"):
        client.calls.actions.hangup("v3:a")
    calls.forget()


def test_pages_are_turned(served: Served) -> None:
    client = served.client()
    for number in range(5):
        client.call_control_applications.create(
            application_name=f"app {number}", webhook_event_url="https://app.example/hooks"
        )
        served.house.clock.advance(1)

    names = [one.application_name for one in client.call_control_applications.list(page_size=2)]
    filtered = client.call_control_applications.list(filter={"application_name": {"contains": "app 3"}})

    assert names == [f"app {number}" for number in range(5)]
    assert [one.application_name for one in filtered] == ["app 3"]


def test_a_repeat_by_the_sdk_obeys_retry_after(served: Served) -> None:
    calls = served.house.calls
    calls.refusal = errors.no_capacity()

    with pytest.raises(telnyx.InternalServerError) as refused:
        served.client().calls.dial(connection_id="1", from_="+13125550100", to="sip:a@b")

    assert refused.value.response.headers["retry-after"] == "1"
    calls.forget()


def test_media_goes_up_by_form_and_comes_down(served: Served) -> None:
    content = b"ID3\x04\x00" + bytes(300_000)
    client = served.client()

    answer = httpx.post(
        f"{served.base_url}/media",
        files={"media": ("a.mp3", content)},
        data={"media_name": "tune"},
        headers={"authorization": f"Bearer {KEY}"},
    )

    assert answer.status_code == 201
    assert client.media.download("tune").read() == content
    (listed,) = client.media.list().data or []
    assert (listed.media_name, listed.content_type) == ("tune", "audio/mpeg")


def test_nothing_names_the_server(served: Served) -> None:
    raw = served.client().connections.with_raw_response.list()

    assert "server" not in raw.headers
    assert raw.headers["x-request-id"]
