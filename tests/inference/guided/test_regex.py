import pytest

from ringline.inference.guided import gbnf, regex
from ringline.inference.guided.errors import NotExpressible
from ringline.inference.guided.grammar import Grammar
from tests.inference.guided.language import accepts

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("pattern", "root"),
    [
        ("[0-9]{4}", "[0-9]{4}"),
        (r"^\d{3}-\w+$", '[0-9]{3} "-" [0-9A-Z_a-z]+'),
        ("(?P<year>19|20)x?", '("19" | "20") r0?'),
        (r"[^\"\\]", r"[\x00-!#-\x5B\x5D-\uD7FF\uE000-\U0010FFFF]"),
        ("a|b|[c-e]", '[c-e] | "a" | "b"'),
        ("", '""'),
        (r"caf\u00e9\x41", r'"caf\xE9A"'),
        ("{x}", '"{x}"'),
        (r"\Aab\z", '"ab"'),
        ("(^a|b$)", '"a" | "b"'),
    ],
)
def test_what_is_understood(pattern: str, root: str) -> None:
    assert gbnf.serialize(Grammar(regex.parse(pattern))).splitlines()[0] == f"root ::= {root}"


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("(?=a)b", "the group (?="),
        ("(?!a)b", "the group (?!"),
        ("(?i)a", "the group (?i"),
        (r"\bword", r"the escape \b"),
        (r"(a)\1", r"the escape \1"),
        (r"\p{L}", r"the escape \p"),
        (r"\u12", r"the escape \u12"),
        ("a{3}{2}", "repetition of a repetition"),
        ("a**", "repetition of a repetition"),
        ("*a", "nothing to repeat"),
        ("{2}", "nothing to repeat"),
        ("a{1001}", "{1001}"),
        ("a{3,2}", "{3,2}"),
        ("x^", "^ inside"),
        ("(a$)b", "$ inside"),
        ("(a$)*", "$ inside"),
        ("(a", "unmatched ("),
        ("a)", "unmatched )"),
        ("[]a]", "no character"),
        ("[z-a]", "ends before it begins"),
        ("[a-", "in the middle"),
        ("[[:alpha:]]", "[ inside of a class"),
        ("[a&&b]", "& inside of a class"),
        ("\\", "in the middle"),
        ("(" * 60 + "a" + ")" * 60, "nested so deeply"),
        ("a?" * 13, "may be left out"),
        ("(?:" + "a?" * 60 + ")*", "may be left out"),
        ("(((a{1,9}){1,9}){1,9})", "counted repetitions"),
        ("(?:[a-z]{999}[0-9]{999}){2}" * 10, "so many repetitions"),
    ],
)
def test_what_is_refused_and_how_it_is_named(pattern: str, named: str) -> None:
    with pytest.raises(NotExpressible) as refusal:
        regex.parse(pattern)
    assert named in refusal.value.what


@pytest.mark.parametrize("pattern", ["(a*)*", "((a|b?)c?){2,3}", "(a?b?)*", "(|a)+", "(()|a?){0,5}"])
def test_what_may_be_empty_is_repeated_without_its_nothing(pattern: str) -> None:
    """An engine that takes nothing again and again never comes to an end."""
    expression = regex.parse(pattern)
    grammar = Grammar(expression)
    assert accepts(grammar, "")
    assert accepts(grammar, "a")
    assert not accepts(grammar, "x")
    assert "* *" not in gbnf.serialize(grammar)


def test_white_space_to_some_readers_only_is_never_made() -> None:
    assert not accepts(Grammar(regex.parse(r"\s")), "\v")
    assert not accepts(Grammar(regex.parse(r"[^\s]")), "\v")
    assert not accepts(Grammar(regex.parse(r"\S")), "\u2003")
    assert accepts(Grammar(regex.parse(r"[^\S]")), " ")
