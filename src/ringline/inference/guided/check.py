"""Whether an answer is what its guide asks, in time linear in the answer."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn

import jsonschema_rs
import re2  # type: ignore[import-untyped]  # it has no stubs

from ringline.inference.chat import AnyJson, Choice, Guide, JsonSchema, Regex
from ringline.inference.guided.effort import MOST_LOOKS, Effort, extent
from ringline.inference.guided.errors import BadGuide, SchemaLimit

MOST_SCHEMA = 200_000
MOST_PATTERN = 10_000
"""Characters of a schema and of a regex that are read at all."""

MOST_PATTERNS = 100
MOST_COMPILED = 256 * 1024
"""Regexes in a schema, and bytes that each may come to: a millisecond, in which no other thread runs."""

MOST_TOLD = 10_000
"""Looks at a wrong answer beyond which nobody says what is wrong: telling costs far more than knowing."""

Check = Callable[[str], str | None]
"""What is wrong with a whole answer; None if nothing."""


def check_of(guide: Guide, field: str) -> Check:
    """The check of answers to a guide; raises `BadGuide` at `field` for one that is no schema or regex."""
    match guide:
        case JsonSchema(schema=schema):
            return schema_check(schema, field)
        case AnyJson():
            return _is_object
        case Regex(pattern=pattern):
            compiled = _regex(pattern, field)
            return lambda text: None if compiled.fullmatch(text) else "it does not match the regex"
        case Choice(options=options):
            return lambda text: None if text in options else "it is none of the choices"
        case _:
            return lambda _: None


def schema_check(schema: str, field: str) -> Check:
    """The check of JSON texts against a schema (JSON text); raises `BadGuide`."""
    try:
        compiled = _compiled(schema)
    except SchemaLimit as error:
        raise BadGuide(field, f"this schema is too much: {error}") from error
    except (ValueError, RecursionError) as error:
        raise BadGuide(field, f"this is no JSON Schema: {_first_line(error)}") from error

    def check(text: str) -> str | None:
        try:
            value = read(text)
        except ValueError as error:
            return f"it is no JSON: {error}"
        return compiled.fault_of(value)

    return check


def patterns_in(schema: str) -> int:
    """How many regexes a schema has that `schema_check` takes."""
    return _compiled(schema).patterns


def _patterns(schema: Any) -> int:
    found = 0
    inner = [schema]
    while inner:
        match inner.pop():
            case dict() as members:
                found += isinstance(members.get("pattern"), str)
                by_pattern = members.get("patternProperties")
                found += len(by_pattern) if isinstance(by_pattern, dict) else 0
                inner += members.values()
            case list() as items:
                inner += items
            case _:
                pass
    return found


def read(text: str) -> Any:
    """A JSON text; raises `ValueError` for anything else, NaN and depths that no reader takes included."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _is_object(text: str) -> str | None:
    try:
        value = read(text)
    except ValueError as error:
        return f"it is no JSON: {error}"
    return None if isinstance(value, dict) else "it is no JSON object"


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A validator, how many regexes it has, and what it may have to do."""

    validator: Any
    patterns: int
    effort: Effort

    def fault_of(self, value: Any) -> str | None:
        """What is wrong with a value; None if nothing."""
        depth, count = extent(value)
        looks = self.effort.looks(depth) * count
        if looks >= MOST_LOOKS:
            return "it is so large, or so deep, that it cannot be checked against this schema"
        if self.validator.is_valid(value):
            return None
        if looks > MOST_TOLD:
            return "it is not valid against the schema"
        problem = next(self.validator.iter_errors(value))
        return f"{problem.message[:300]} at /{'/'.join(map(str, problem.instance_path))}"


@lru_cache(maxsize=256)
def _compiled(schema: str) -> _Compiled:
    if len(schema) > MOST_SCHEMA:
        raise SchemaLimit(f"it has more than {MOST_SCHEMA} characters")
    document = read(schema)
    patterns = _patterns(document)
    if patterns > MOST_PATTERNS:
        raise SchemaLimit(f"it has more than {MOST_PATTERNS} patterns")
    # Rust's regex engine is linear; the other that the package has backtracks.
    regexes = jsonschema_rs.RegexOptions(size_limit=MOST_COMPILED)
    validator = jsonschema_rs.validator_for(
        document, pattern_options=regexes, offline=True, validate_formats=False
    )
    return _Compiled(validator, patterns, Effort(document))


def _regex(pattern: str, field: str) -> Any:
    if len(pattern) > MOST_PATTERN:
        raise BadGuide(field, f"a regex of more than {MOST_PATTERN} characters")
    options = re2.Options()
    options.never_capture = True
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        told = error.args[0]
        reason = told.decode(errors="replace") if isinstance(told, bytes) else str(error)
        raise BadGuide(field, f"this is no regex as RE2 reads them: {reason[:300]}") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:300] or type(error).__name__
