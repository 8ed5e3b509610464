"""What apps are told of results: the payloads of webhooks (spec ai-api §5.6). Pure."""

from collections.abc import Iterable
from typing import Any, ClassVar

import msgspec

from ringline.store.insight_runs import InsightResult, InsightRun
from ringline.store.insights import InsightGroup
from ringline.store.legs import Leg


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One result: an object where the insight has a schema, else text."""

    insight_id: str
    insight_name: str
    result: Any


class Completed(msgspec.Struct, frozen=True, kw_only=True):
    """To the app of a group, or of a single insight: what was found in a conversation.

    Its members stand in the body beside `event_type`, without an envelope.
    """

    event_type: ClassVar[str] = "conversation.insights.completed"

    conversation_id: str
    insight_group_id: str | None
    """None for the default summary, which belongs to no group."""
    insight_group_name: str
    insights: tuple[Found, ...]


class FoundInCall(msgspec.Struct, frozen=True, kw_only=True):
    """One result, as calls are told of it."""

    insight_id: str
    result: Any


class CompletedOfCall(msgspec.Struct, frozen=True, kw_only=True):
    """To the app of a call: what was found in the conversation that was held in it."""

    event_type: ClassVar[str] = "call.conversation_insights.generated"

    call_control_id: str
    call_leg_id: str
    call_session_id: str
    connection_id: str
    client_state: str | None
    insight_group_id: str | None
    results: tuple[FoundInCall, ...]


def completed(run: InsightRun, group: InsightGroup, results: Iterable[InsightResult]) -> Completed:
    """Some results of a run."""
    return Completed(
        conversation_id=run.conversation_id,
        insight_group_id=group.id or None,
        insight_group_name=group.name,
        insights=tuple(
            Found(insight_id=one.insight_id, insight_name=one.insight_name, result=_value(one))
            for one in results
        ),
    )


def completed_of_call(run: InsightRun, leg: Leg) -> CompletedOfCall:
    """All results of a run."""
    return CompletedOfCall(
        call_control_id=leg.call_control_id,
        call_leg_id=leg.leg_id,
        call_session_id=leg.session_id,
        connection_id=leg.connection_id,
        client_state=leg.client_state,
        insight_group_id=run.group_id or None,
        results=tuple(FoundInCall(insight_id=one.insight_id, result=_value(one)) for one in run.results),
    )


def _value(result: InsightResult) -> Any:
    return msgspec.json.decode(result.result) if result.structured else result.result
