"""Patterns of `like`: read, written, and matched alike by each engine's own operator and by the oracle."""

import itertools
import sqlite3

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringline.conversations.filters import patterns
from ringline.conversations.filters.patterns import Pattern
from tests.conversations import oracle, trees

pytestmark = pytest.mark.unit

TEXTS = st.text(alphabet='aAbB%_*?[]^-\\é😀" ', max_size=8)


@given(trees.patterns())
def test_what_is_written_is_read_again(pattern: Pattern) -> None:
    assert patterns.parse(patterns.serialize(pattern)) == pattern


@given(TEXTS)
def test_reading_gives_the_normal_form(text: str) -> None:
    try:
        pattern = patterns.parse(text)
    except ValueError:
        return
    assert patterns.parse(patterns.serialize(pattern)) == pattern
    for one, following in itertools.pairwise(pattern):
        assert not (isinstance(one, str) and isinstance(following, str))
    assert "" not in pattern


@given(st.lists(st.tuples(TEXTS, trees.patterns()), min_size=8, max_size=8))
@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
def test_engines_match_as_the_oracle_does(postgres: str, cases: list[tuple[str, Pattern]]) -> None:
    expected = [oracle.matches(pattern, text, fold=False) for text, pattern in cases]
    lite = sqlite3.connect(":memory:")
    by_glob = [
        bool(lite.execute("SELECT ? GLOB ?", (text, patterns.glob(pattern))).fetchone()[0])
        for text, pattern in cases
    ]
    lite.close()
    assert by_glob == expected
    values = [{"text": text, "pattern": patterns.like(pattern)} for text, pattern in cases]
    like = sa.text("""SELECT CAST(:text AS text) COLLATE "C" LIKE CAST(:pattern AS text) ESCAPE '\\'""")
    engine = sa.create_engine(postgres, poolclass=sa.NullPool)
    with engine.connect() as conn:
        assert [conn.execute(like, value).scalar_one() for value in values] == expected


@pytest.mark.parametrize(
    ("text", "like", "glob"),
    [
        ("a%b_", "a%b_", "a*b?"),
        ("*", "%", "*"),
        (r"\%\_\*\\", r"\%\_*\\", r"%_[*]\\"[:-1]),
        ("[a-z]?", "[a-z]?", "[[]a-z][?]"),
    ],
)
def test_each_engines_spelling(text: str, like: str, glob: str) -> None:
    pattern = patterns.parse(text)
    assert (patterns.like(pattern), patterns.glob(pattern)) == (like, glob)
