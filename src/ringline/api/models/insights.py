"""Insight templates, their groups and what they found (spec ai-api §5.4–5.6)."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints

from ringline.api.models.base import Body, View
from ringline.api.models.fields import OptionalUrl, mistake
from ringline.inference.guided.check import read, schema_check
from ringline.inference.guided.errors import BadGuide
from ringline.store.insight_runs import InsightRun, RunStatus
from ringline.store.insights import Insight, InsightGroup, InsightType

MAX_SCHEMA = 65_536
"""Characters of a schema as JSON text."""


def _schema(value: dict[str, Any] | str) -> dict[str, Any] | str | None:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    if not text.strip():
        return None  # a form that was left empty
    if len(text) > MAX_SCHEMA:
        raise mistake("10015", f"json_schema may have {MAX_SCHEMA} characters at most.")
    try:
        schema_check(text, "json_schema")
    except BadGuide as error:
        raise mistake("10015", f"{error}.") from error
    if not isinstance(read(text), dict):
        raise mistake("10015", "json_schema must be a JSON object.")
    return value


def _id(value: object) -> object:
    return value["id"] if isinstance(value, dict) and "id" in value else value


Name = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Instructions = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
Description = Annotated[str, StringConstraints(max_length=2_000)]
Schema = Annotated[dict[str, Any] | str, AfterValidator(_schema)]
InsightId = Annotated[UUID, BeforeValidator(_id)]


class InsightUpdate(Body):
    """What of a template is to change."""

    name: Annotated[Name, Field(examples=["Satisfaction"])] = ""
    instructions: Annotated[
        Instructions,
        Field(
            examples=["How content was the caller at the end? Score 1 to 5."],
            description="Variables stand in double braces: {{telnyx_current_time}}, "
            "{{telnyx_conversation_channel}}, {{telnyx_agent_target}}, {{telnyx_end_user_target}}, and every "
            "key of the conversation's metadata.",
        ),
    ] = ""
    json_schema: Schema | None = Field(
        None,
        description="The result is JSON that fits this schema; without one it is text.",
        examples=[{"type": "object", "properties": {"score": {"type": "integer"}}, "required": ["score"]}],
    )
    webhook: OptionalUrl = Field("", description="Hears of every result of this insight.")

    def changed(self, insight: Insight, now: datetime) -> Insight:
        """The template with what was given put in."""
        values = {name: getattr(self, name) for name in self.model_fields_set}
        return replace(insight, **values, updated_at=now)


class InsightCreate(InsightUpdate):
    """A new template."""

    name: Annotated[Name, Field(examples=["Satisfaction"])]
    instructions: Annotated[Instructions, Field(examples=["How content was the caller? Score 1 to 5."])]

    def created(self, id: str, account_id: str, now: datetime) -> Insight:
        """The template."""
        blank = Insight(
            id=id,
            account_id=account_id,
            name=self.name,
            instructions=self.instructions,
            created_at=now,
            updated_at=now,
        )
        return self.changed(blank, now)


class GroupUpdate(Body):
    """What of a group is to change."""

    name: Annotated[Name, Field(examples=["After each call"])] = ""
    description: Description = ""
    webhook: OptionalUrl = Field("", description="Hears of the results of the whole group.")

    def changed(self, group: InsightGroup, now: datetime) -> InsightGroup:
        """The group with what was given put in."""
        values = {name: getattr(self, name) for name in self.model_fields_set & set(GroupUpdate.model_fields)}
        return replace(group, **values, updated_at=now)


class GroupCreate(GroupUpdate):
    """A new group."""

    name: Annotated[Name, Field(examples=["After each call"])]
    insights: Annotated[tuple[InsightId, ...], Field(max_length=100)] = Field(
        (), description="Ids of templates to assign at once."
    )

    def created(self, id: str, account_id: str, insights: tuple[Insight, ...], now: datetime) -> InsightGroup:
        """The group of these templates."""
        blank = InsightGroup(
            id=id, account_id=account_id, name=self.name, created_at=now, updated_at=now, insights=insights
        )
        return self.changed(blank, now)


class RunRequest(Body):
    """Whose insights are wanted of a conversation now."""

    insight_group_id: UUID | None = Field(
        None,
        description="Default: the group that the conversation's metadata names as insight_group_id, else the "
        "account's default group, else a summary alone.",
    )


class InsightView(View):
    """A template."""

    id: str
    name: str
    instructions: str
    insight_type: InsightType
    json_schema: dict[str, Any] | str | None
    webhook: str
    created_at: datetime

    @classmethod
    def of(cls, insight: Insight) -> "InsightView":
        """The view of a template."""
        return cls.model_validate(insight)


class GroupView(View):
    """A group with its templates in full."""

    id: str
    name: str
    description: str
    webhook: str
    insights: list[InsightView]
    created_at: datetime

    @classmethod
    def of(cls, group: InsightGroup) -> "GroupView":
        """The view of a group."""
        return cls.model_validate(group)


class AggregateRow(View):
    """A count, and beside it the members that were counted by."""

    model_config = ConfigDict(extra="allow")

    record_count: int


class ResultView(View):
    """What one insight found; JSON text where the insight has a schema."""

    insight_id: str
    insight_name: str
    result: str


class RunView(View):
    """What a group of insights found in a conversation."""

    id: str
    conversation_id: str
    insight_group_id: str | None
    trigger: Literal["idle", "hangup", "request"] = Field(description="Why it was made.")
    status: RunStatus
    reason: str | None = Field(description="Why it failed.")
    conversation_insights: list[ResultView]
    created_at: datetime

    @classmethod
    def of(cls, run: InsightRun) -> "RunView":
        """The view of a run."""
        return cls(
            id=run.id,
            conversation_id=run.conversation_id,
            insight_group_id=run.group_id or None,
            trigger=run.cause,
            status=run.status,
            reason=run.reason,
            conversation_insights=[ResultView.model_validate(result) for result in run.results],
            created_at=run.created_at,
        )
