"""`filter[…]` query parameters (spec voice-api §1): `filter[name]`, `filter[name][operator]`.

What a list may be filtered by is a model: one field for each filter, its alias the part after `filter`
without the outer brackets (`created_at[gte]`). An operation that compares for equality is spelled with or
without `[eq]`; several values come separated by commas or as a repeated parameter.
"""

import re
from collections.abc import Callable, Coroutine, Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from fastapi import Request
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError

from ringline.api import codes
from ringline.api.errors import problem
from ringline.core.errors import ApiError, Problem

NAME = re.compile(r"filter\[([^\[\]]+)\](?:\[([^\[\]]+)\])?")


class Filters(BaseModel):
    """Base of the models; None means not asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)


F = TypeVar("F", bound=Filters)


def _split(value: object) -> object:
    return [part for part in value.split(",") if part] if isinstance(value, str) else value


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError("a time before the first or after the last that there is") from None


def _blank_before_offset(value: object) -> object:
    # An unencoded + of an offset arrives as a blank: "2026-01-01T00:00:00 01:00".
    return re.sub(r" (?=\d\d:?\d\d$)", "+", value) if isinstance(value, str) and "T" in value else value


Csv = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""Several values."""

Moment = Annotated[datetime, BeforeValidator(_blank_before_offset), AfterValidator(_utc)]
"""ISO-8601; without an offset, UTC."""


def parse(model: type[F], items: Iterable[tuple[str, str]]) -> F:
    """Read the filters out of the query's items; other parameters are left alone.

    Raises `ApiError` 422: 10031 for a filter that this list does not have, else the code of the mistake.
    """
    aliases = {field.alias or name for name, field in model.model_fields.items()}
    values: dict[str, str] = {}
    for name, value in items:
        if not name.startswith("filter"):
            continue
        key = _key(name, aliases)
        values[key] = f"{values[key]},{value}" if key in values else value
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ApiError(422, *(_problem(str(one["loc"][0]), one) for one in error.errors())) from error


def _key(name: str, aliases: set[str]) -> str:
    match = NAME.fullmatch(name)
    if match is None:
        raise ApiError(
            422, problem("10031", f"{name} is not of the form filter[name][operator].", parameter=name)
        )
    field, operator = match.groups()
    if operator is None:
        return f"{field}[eq]" if field not in aliases and f"{field}[eq]" in aliases else str(field)
    return field if operator == "eq" and f"{field}[eq]" not in aliases else f"{field}[{operator}]"


def _problem(key: str, failure: Any) -> Problem:
    field, bracket, operator = key.partition("[")
    name = f"filter[{field}]{bracket}{operator}"
    if failure["type"] == "extra_forbidden":
        return problem("10031", f"This list has no {name}.", parameter=name)
    return problem(codes.of_kind(failure["type"]), f"{name}: {failure['msg']}.", parameter=name)


def reader(model: type[F]) -> Callable[[Request], Coroutine[Any, Any, F]]:
    """The dependency that reads `model` from a request."""

    async def read(request: Request) -> F:
        return parse(model, request.query_params.multi_items())

    return read


def described(model: type[Filters]) -> dict[str, Any]:
    """The filters as OpenAPI parameters, for a route's `openapi_extra`."""
    properties = model.model_json_schema(by_alias=True)["properties"]
    parameters = []
    for key, schema in properties.items():
        field, bracket, operator = key.partition("[")
        plain = next((one for one in schema.get("anyOf", []) if one != {"type": "null"}), schema)
        parameters.append(
            {
                "name": f"filter[{field}]{bracket}{operator}",
                "in": "query",
                "required": False,
                "schema": {"type": "string"} if plain.get("type") == "array" else plain,
                "description": schema.get("description", ""),
            }
        )
    return {"parameters": parameters}
