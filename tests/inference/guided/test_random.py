"""200 random schemas, 200 regexes and 200 choices: what their grammars make is what was asked."""

import json
import random
import re

import jsonschema_rs
import pytest
import re2

from ringline.inference.chat import Choice, JsonSchema, Regex
from ringline.inference.guided import gbnf, regex, schema
from ringline.inference.guided.check import check_of
from ringline.inference.guided.errors import NotExpressible
from ringline.inference.guided.plan import grammar_of
from ringline.inference.guided.work import Work
from tests.inference.guided import cases
from tests.inference.guided.language import accepts, made

pytestmark = pytest.mark.unit

SEEDS = range(200)


def test_every_text_of_a_schemas_grammar_is_valid() -> None:
    for seed in SEEDS:
        rng = random.Random(seed)
        asked = cases.schema(rng)
        grammar = schema.grammar_of(asked, Work())
        assert gbnf.serialize(grammar).startswith("root ::= ")
        validator = jsonschema_rs.validator_for(asked, validate_formats=True)
        check = check_of(JsonSchema(json.dumps(asked)), "response_format")
        for _ in range(5):
            text = made(grammar, rng)
            assert validator.is_valid(json.loads(text)), (asked, text)
            assert check(text) is None
            assert accepts(grammar, text)


def test_a_grammar_takes_what_its_schema_takes() -> None:
    """Mutations of valid texts: the grammar never takes what the schema does not, and what it refuses of
    the valid ones differs in form only."""
    taken = refused = 0
    for seed in SEEDS:
        rng = random.Random(seed)
        asked = cases.schema(rng)
        grammar = schema.grammar_of(asked, Work())
        check = check_of(JsonSchema(json.dumps(asked)), "response_format")
        text = made(grammar, rng)
        for _ in range(10):
            place = rng.randrange(len(text) + 1)
            changed = (
                text[:place]
                + rng.choice(['"', "1", "x", "}", ",", "", "-"])
                + text[place + rng.randint(0, 1) :]
            )
            if accepts(grammar, changed):
                assert check(changed) is None, (asked, changed)
                taken += 1
            else:
                refused += 1
    assert min(taken, refused) > 100


def test_every_text_of_a_regexs_grammar_matches() -> None:
    for seed in SEEDS:
        rng = random.Random(seed)
        pattern = cases.regex(rng, 3)
        grammar = grammar_of(Regex(pattern), Work())
        check = check_of(Regex(pattern), "guided_regex")
        for _ in range(10):
            text = made(grammar, rng)
            assert re.fullmatch(pattern, text, re.ASCII), (pattern, text)
            assert check(text) is None
            other = text + rng.choice("x1 é")
            assert accepts(grammar, other) == bool(re.fullmatch(pattern, other, re.ASCII)), (pattern, other)


def test_a_choices_grammar_makes_the_choices_and_nothing_else() -> None:
    for seed in SEEDS:
        rng = random.Random(seed)
        options = cases.choices(rng)
        grammar = grammar_of(Choice(options), Work())
        assert all(accepts(grammar, option) for option in options)
        assert {made(grammar, rng) for _ in range(60)} <= set(options)
        assert not accepts(grammar, options[0] + "!")


PIECES = [
    "a",
    "b",
    "(",
    ")",
    "[",
    "]",
    "|",
    "*",
    "+",
    "?",
    "{2}",
    "^",
    "$",
    ".",
    r"\d",
    r"\b",
    "-",
    "(?:",
    "é",
]


def test_whatever_is_written_is_read_as_re2_reads_it_or_refused() -> None:
    """Any soup of syntax: no other error, and what both read makes texts that RE2 matches."""
    rng = random.Random(7)
    read = 0
    for _ in range(3000):
        pattern = "".join(rng.choices(PIECES, k=rng.randint(1, 8)))
        try:
            compiled = re2.compile(pattern)
        except re2.error:
            continue
        try:
            expression = regex.parse(pattern)
        except NotExpressible:
            continue
        read += 1
        grammar = grammar_of(Regex(pattern), Work())
        assert grammar.root == expression
        text = made(grammar, rng)
        assert compiled.fullmatch(text), (pattern, text)
    assert read > 300


def test_texts_that_begin_alike_share_their_beginning() -> None:
    options = ("value 1", "value 12", "value 2", "other", "a" * 200, *("b" * n for n in range(1, 200)))
    grammar = grammar_of(Choice(options), Work())
    assert all(accepts(grammar, option) for option in options)
    assert not any(accepts(grammar, other) for other in ("value ", "value 22", "b" * 200, "", "a"))
    assert gbnf.serialize(grammar).startswith('root ::= "value " ("1" ("" | "2") | "2") | "other" | ')
