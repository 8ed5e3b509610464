"""What `/openapi.json` says is what is served: requests made from it are answered as it says."""

import re
from collections import Counter
from typing import Any
from uuid import uuid4

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api.house import KEY
from tests.conformance.conftest import LARGEST, Served

pytestmark = pytest.mark.conformance

CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
KNOWN = {"authorization": f"Bearer {KEY}"}
JSON = KNOWN | {"content-type": "application/json"}
MISTAKES: list[tuple[dict[str, str], bytes | None]] = [
    ({}, None),
    ({"authorization": "Bearer unknown"}, None),
    (KNOWN, None),
    (JSON, b"{"),
    (KNOWN | {"content-type": "application/xml"}, b"<a/>"),
    (JSON, b" " * (LARGEST + 1)),
]
EXAMPLES = settings(
    max_examples=6,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def described(served: Served) -> Any:
    """The description, its keys aside: the key is put in by us, always the right one."""
    root = served.base_url.removesuffix("/v2")
    raw = httpx.get(f"{root}/openapi.json").json()
    del raw["security"], raw["components"]["securitySchemes"]
    return schemathesis.openapi.from_dict(raw)


def test_answers_are_as_described(served: Served) -> None:
    seen: dict[str, set[int]] = {}
    for found in described(served).get_all_operations():
        operation = found.ok()
        seen[operation.label] = _tried(served, operation)

    assert len(seen) > 60
    assert all(status < 500 for statuses in seen.values() for status in statuses)
    assert sum(200 in statuses or 201 in statuses for statuses in seen.values()) > 20


def test_refusals_are_described_one_by_one(served: Served) -> None:
    """Those that any client can provoke, at every operation; each must be named, and in the envelope."""
    root = served.base_url.removesuffix("/v2")
    seen: Counter[int] = Counter()
    for found in described(served).get_all_operations():
        operation = found.ok()
        assert all(status.isdecimal() for status in operation.definition.raw["responses"]), operation.label
        for headers, content in MISTAKES:
            if content is not None and operation.method == "get":
                continue
            named = {name: str(uuid4()) for name in re.findall(r"{(\w+)}", operation.path)}
            case = operation.Case(path_parameters=named)
            answer = case.call(base_url=root, headers=headers, data=content)
            case.validate_response(answer, checks=CHECKS)
            seen[answer.status_code] += 1

    assert all(seen[status] > 20 for status in (400, 401, 404, 413, 415)), seen


def _tried(served: Served, operation: Any) -> set[int]:
    statuses = set()

    @EXAMPLES
    @given(case=operation.as_strategy())
    def try_one(case: Any) -> None:
        root = served.base_url.removesuffix("/v2")
        answer = case.call(base_url=root, headers={"authorization": f"Bearer {KEY}"})
        case.validate_response(answer, checks=CHECKS)
        statuses.add(answer.status_code)

    try_one()
    return statuses
