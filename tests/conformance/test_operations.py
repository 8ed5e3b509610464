"""Every member and every listed value of the installed SDK's operations is taken, or refused by name.

Every answer validates strictly against the SDK's own model.
"""

import asyncio
from pathlib import Path

import pytest
import telnyx

from tests.conformance import report
from tests.conformance.ai_operations import AI
from tests.conformance.operations import COMMANDS, NOT_YET, RESOURCES
from tests.conformance.walk import Outcome, walker

# The walk makes some two thousand calls through the SDK, which takes its time with each.
pytestmark = [pytest.mark.conformance, pytest.mark.timeout(300)]

NOTHING_TO_CHECK = {
    "media.delete",
    "ai.conversations.add_message",
    "ai.conversations.delete",
    "ai.conversations.insight_groups.delete",
    "ai.conversations.insight_groups.insights.assign",
    "ai.conversations.insight_groups.insights.delete_unassign",
    "ai.conversations.insights.delete",
    "ai.conversations.retrieve_conversations_insights",  # none was generated
    "legacy.reporting.usage_reports.retrieve_speech_to_text",  # an object without a model
    "storage.buckets.usage.get_api_usage",  # nothing was asked over S3
}
"""Operations whose answers have no members that the SDK knows."""


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    """What became of every operation."""
    return asyncio.run(report.outcomes((*COMMANDS, *RESOURCES, *AI)))


def test_the_server_takes_what_the_sdk_can_say(outcomes: list[Outcome]) -> None:
    wrong = {one.operation.method: one.wrong for one in outcomes if one.wrong}

    assert wrong == {}


def test_every_operation_was_answered_and_checked(outcomes: list[Outcome]) -> None:
    unchecked = {one.operation.method for one in outcomes if one.absent is None}

    assert unchecked == NOTHING_TO_CHECK


def test_the_written_table_says_the_same(outcomes: list[Outcome]) -> None:
    assert report.PAGE.read_text() == report.page(outcomes)


async def test_commands_of_later_are_refused_by_name(tmp_path: Path) -> None:
    codes = {}
    async with walker(tmp_path) as walk:
        for one in NOT_YET:
            with pytest.raises(telnyx.UnprocessableEntityError) as refused:
                await walk.call(one)
            codes[one.method] = refused.value.body["errors"][0]["code"]  # type: ignore[index]  # JSON

    assert set(codes.values()) == {"10038"}
