"""The SDK's operations of inference, conversations, insights, fine-tuning, buckets and reports."""

from collections.abc import Mapping
from typing import Any

from openai.types import CreateEmbeddingResponse, Embedding
from openai.types.chat import ChatCompletion
from openai.types.responses import Response
from telnyx.types import ai
from telnyx.types.ai import conversations, fine_tuning, openai
from telnyx.types.ai.conversations import (
    ConversationInsightRetrieveAggregatesParams,
    InsightGroupInsightGroupsParams,
    InsightGroupRetrieveInsightGroupsParams,
    InsightGroupUpdateParams,
    InsightListParams,
    InsightUpdateParams,
)
from telnyx.types.legacy.reporting import UsageReportRetrieveSpeechToTextParams
from telnyx.types.legacy.reporting.batch_detail_records import SpeechToTextCreateParams
from telnyx.types.storage import BucketCreatePresignedURLParams
from telnyx.types.storage.buckets import UsageGetAPIUsageParams

from tests.conformance.operations import Operation

TURNS = [{"role": "user", "content": "Say hello."}]
SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
TOOLS = [
    {"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": SCHEMA}},
]
CHAT: Mapping[str, Any] = {
    "messages": [
        {"role": "system", "content": "Be short."},
        *TURNS,
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": [{"type": "text", "text": "Again."}]},
    ],
    "model": "scripted",
    "min_p": 0.1,
    "max_tokens": 20,
    "best_of": 2,
    "n": 2,
    "frequency_penalty": 0.5,
    "presence_penalty": 0.5,
    "temperature": 0.5,
    "top_p": 0.9,
    "top_logprobs": 2,
    "stop": ["\n"],
    "tools": TOOLS,
    "service_tier": "default",
}
BEAM = {"use_beam_search": True, "best_of": 2}
MONTH = {"start_date": "2030-01-01T00:00:00Z", "end_date": "2030-01-31T00:00:00Z"}
DAY = {"start_time": "2030-01-01T00:00:00Z", "end_time": "2030-01-02T00:00:00Z"}
KEYED = {"idempotency_key": "key"}
INSIGHT = {"name": "mood", "instructions": "How did they feel?"}


class Vector(Embedding):
    """In either form."""

    embedding: list[float] | str  # type: ignore[assignment]  # the peer's SDK decodes before it validates


class Embeddings(CreateEmbeddingResponse):
    """An answer of vectors in either form."""

    data: list[Vector]  # type: ignore[assignment]  # as above


INFERENCE = (
    Operation(
        "ai.openai.chat.create_completion",
        openai.ChatCreateCompletionParams,
        base={"messages": TURNS, "model": "scripted"},
        samples=CHAT,
        beside={
            "top_logprobs": {"logprobs": True},
            "tool_choice": {"tools": TOOLS},
            "best_of": BEAM,
            "early_stopping": BEAM,
            "length_penalty": BEAM,
            "mode": {"region": "EU"},
        },
        answer=ChatCompletion,
        by_contract={"mode": "strict"},  # a region that cannot be kept to is a 422
    ),
    Operation(
        "ai.openai.create_response",
        ai.OpenAICreateResponseParams,
        base={"input": TURNS, "model": "scripted"},
        samples={
            "input": TURNS,
            "model": "scripted",
            "conversation": "{conversation}",
            "service_tier": "default",
        },
        beside={"mode": {"region": "EU"}},
        answer=Response,
        by_contract={"mode": "strict"},
    ),
    Operation(
        "ai.openai.embeddings.create_embeddings",
        openai.EmbeddingCreateEmbeddingsParams,
        base={"input": "hello", "model": "arithmetic"},
        samples={"model": "arithmetic", "input": ["one", "two"], "dimensions": 8},
        answer=Embeddings,
    ),
    Operation("ai.openai.embeddings.list_embedding_models"),
    Operation("ai.openai.list_models"),
)

CONVERSATIONS = (
    Operation("ai.conversations.create", ai.ConversationCreateParams, own=KEYED),
    Operation("ai.conversations.retrieve", path=("{conversation}",)),
    Operation(
        "ai.conversations.update",
        ai.ConversationUpdateParams,
        ("{conversation}",),
        base={"metadata": {"a": "b"}},
    ),
    Operation(
        "ai.conversations.list",
        ai.ConversationListParams,
        samples={
            "id": "eq.{conversation}",
            "created_at": "gte.2030-01-01",
            "last_message_at": "lte.2030-06-01T00:00:00Z",
            "limit": 10,
            "metadata_assistant_id": "eq.assistant-123",
            "metadata_assistant_version_id": "eq.20250812T114318034399",
            "metadata_call_control_id": "eq.v3:123",
            "metadata_telnyx_agent_target": "eq.+13128675309",
            "metadata_telnyx_conversation_channel": "eq.phone_call",
            "metadata_telnyx_end_user_target": "eq.+13128675309",
            "name": "like.Voice%",
            "or_": "(created_at.gte.2025-04-01,last_message_at.gte.2025-04-01)",
            "order": "last_message_at.asc",
        },
    ),
    Operation(
        "ai.conversations.add_message",
        ai.ConversationAddMessageParams,
        ("{conversation}",),
        base={"role": "user", "content": "hello"},
        samples={
            "role": "assistant",
            "sent_at": "2030-01-01T00:00:00Z",
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
            ],
            "metadata": {"a": "b", "c": 1, "d": True, "e": ["f", 2]},
        },
        own=KEYED,
    ),
    Operation("ai.conversations.messages.list", conversations.MessageListParams, ("{conversation}",)),
    Operation("ai.conversations.retrieve_conversations_insights", path=("{conversation}",)),
    Operation("ai.conversations.delete", path=("{new_conversation}",)),
    Operation(
        "ai.conversations.insights.create",
        conversations.InsightCreateParams,
        base=INSIGHT,
        samples={"json_schema": SCHEMA, "webhook": "https://app.example/hooks"},
        own=KEYED,
    ),
    Operation("ai.conversations.insights.retrieve", path=("{insight}",)),
    Operation(
        "ai.conversations.insights.update",
        InsightUpdateParams,
        ("{insight}",),
        samples={"json_schema": SCHEMA, "webhook": "https://app.example/hooks"},
    ),
    Operation("ai.conversations.insights.list", InsightListParams),
    Operation(
        "ai.conversations.insight_groups.insight_groups",
        InsightGroupInsightGroupsParams,
        base={"name": "calls"},
        samples={"webhook": "https://app.example/hooks"},
        own=KEYED,
    ),
    Operation("ai.conversations.insight_groups.retrieve", path=("{group}",)),
    Operation(
        "ai.conversations.insight_groups.update",
        InsightGroupUpdateParams,
        ("{group}",),
        samples={"webhook": "https://app.example/hooks"},
    ),
    Operation(
        "ai.conversations.insight_groups.retrieve_insight_groups", InsightGroupRetrieveInsightGroupsParams
    ),
    Operation(
        "ai.conversations.insight_groups.insights.assign", path=("{insight}",), base={"group_id": "{group}"}
    ),
    Operation(
        "ai.conversations.insight_groups.insights.delete_unassign",
        path=("{insight}",),
        base={"group_id": "{group}"},
    ),
    Operation(
        "ai.conversations.conversation_insights.retrieve_aggregates",
        ConversationInsightRetrieveAggregatesParams,
        samples={
            "created_at": "gte.2025-01-01T00:00:00Z",
            "assistant_id": "eq.assistant-123",
            "group_by": ["score", "metadata.assistant_id"],
            "show": ["score"],
            "insight_id": "{insight}",
        },
    ),
    Operation("ai.conversations.insight_groups.delete", path=("{new_group}",)),
    Operation("ai.conversations.insights.delete", path=("{new_insight}",)),
)

TRAINING = (
    Operation(
        "ai.fine_tuning.jobs.create",
        fine_tuning.JobCreateParams,
        base={"model": "{base_model}", "training_file": "{file}"},
        samples={"model": "{base_model}", "training_file": "{file}", "n_epochs": 2},
    ),
    Operation("ai.fine_tuning.jobs.retrieve", path=("{job}",)),
    Operation("ai.fine_tuning.jobs.list"),
    Operation("ai.fine_tuning.jobs.cancel", path=("{job}",)),
)

STORAGE = (
    Operation(
        "storage.buckets.create_presigned_url",
        BucketCreatePresignedURLParams,
        ("facts.jsonl",),
        base={"bucket_name": "{bucket}"},
        samples={"bucket_name": "{bucket}", "ttl": 60},
    ),
    Operation("storage.buckets.usage.get_bucket_usage", path=("{bucket}",)),
    Operation(
        "storage.buckets.usage.get_api_usage",
        UsageGetAPIUsageParams,
        ("{bucket}",),
        base={"filter": DAY},
        samples={"start_time": DAY["start_time"], "end_time": DAY["end_time"]},
    ),
)

REPORTS = (
    Operation(
        "legacy.reporting.batch_detail_records.speech_to_text.create",
        SpeechToTextCreateParams,
        base=MONTH,
        samples=MONTH,
    ),
    Operation("legacy.reporting.batch_detail_records.speech_to_text.retrieve", path=("{report}",)),
    Operation("legacy.reporting.batch_detail_records.speech_to_text.list"),
    Operation("legacy.reporting.batch_detail_records.speech_to_text.delete", path=("{new_report}",)),
    Operation(
        "legacy.reporting.usage_reports.retrieve_speech_to_text",
        UsageReportRetrieveSpeechToTextParams,
        samples=MONTH,
    ),
)

AI = (*INFERENCE, *CONVERSATIONS, *TRAINING, *STORAGE, *REPORTS)
