"""Writes `docs/conformance.md`: `python -m tests.conformance.report`."""

import asyncio
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import telnyx

from tests.conformance.ai_operations import AI
from tests.conformance.operations import COMMANDS, NOT_YET, RESOURCES, Operation
from tests.conformance.walk import Outcome, walker

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"

HEAD = """# Conformance

What the installed SDK can say, said to this server: every operation with every member, and every value
that the SDK's types list for it. A member is *taken* when the call answers 2xx, *refused* when it answers
422 with error 10038 naming the member. Every 2xx answer was validated strictly against the SDK's own model;
*not filled* are members of that model that no answer had.

Chat and embeddings are answered by an engine that plays vLLM (`ringline.testing.Engine`): what another
engine cannot do is refused there with 422.

Written by `python -m tests.conformance.report` with telnyx {version}; the same walk is a test
(`tests/conformance/test_operations.py`).

| Operation | Request | Members taken | Refused | Answer | Not filled |
|---|---|---|---|---|---|
"""


def row(outcome: Outcome) -> str:
    """One line of the table."""
    refused = [
        f"`{name}`" + (f": {', '.join(dict.fromkeys(values))}" if name in outcome.accepted else "")
        for name, values in outcome.refused.items()
    ]
    whole = [name for name in outcome.accepted if name not in outcome.refused]
    partly = [name for name in outcome.accepted if name in outcome.refused]
    answer = "wrong" if outcome.wrong else "valid"
    cells = (
        f"`{outcome.operation.method}`",
        f"`{outcome.route}`",
        f"{len(whole) + len(partly)}" + (f" (in part: {', '.join(partly)})" if partly else ""),
        "; ".join(refused) or "–",
        answer,
        ", ".join(sorted(outcome.absent or ())) or "–",
    )
    return f"| {' | '.join(cells)} |\n"


async def outcomes(operations: Iterable[Operation]) -> list[Outcome]:
    """Walk the operations over one application."""
    with tempfile.TemporaryDirectory() as folder:
        async with walker(Path(folder)) as walk:
            return [await walk.walk(one) for one in operations]


def page(found: Iterable[Outcome]) -> str:
    """The whole page."""
    later = ", ".join(f"`{one.method.rpartition('.')[2]}`" for one in NOT_YET)
    return (
        HEAD.format(version=telnyx.__version__)
        + "".join(row(one) for one in found)
        + f"\nRefused as a whole with error 10038: {later}.\n"
    )


if __name__ == "__main__":
    found = asyncio.run(outcomes((*COMMANDS, *RESOURCES, *AI)))
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(found))
    for one in found:
        for problem in one.wrong:
            sys.stderr.write(f"{one.operation.method} {problem}\n")
