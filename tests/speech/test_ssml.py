from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.speech.reading import SayAs
from ringline.speech.ssml import Break, Segment, SsmlError, Text, parse

pytestmark = pytest.mark.unit


def inside(markup: str) -> list[Segment]:
    return parse(f"<speak>{markup}</speak>")


@pytest.mark.parametrize(
    ("markup", "segments"),
    [
        ("Hello &amp; welcome", [Text("Hello & welcome")]),
        ('a<break time="1.5s"/>b', [Text("a"), Break(1500), Text("b")]),
        ('<break time="250ms"/>', [Break(250)]),
        ('<break strength="strong"/>', [Break(700)]),
        ("<break/>", [Break(400)]),
        ('<break strength="none"/>', [Break(0)]),
        ('<prosody rate="slow">x</prosody>y', [Text("x", 0.75), Text("y")]),
        ('<prosody rate="80%">x</prosody>', [Text("x", 0.8)]),
        ('<prosody rate="+20%">x</prosody>', [Text("x", 1.2)]),
        ('<prosody rate="-50%">x</prosody>', [Text("x", 0.5)]),
        ('<prosody rate="1.5">x</prosody>', [Text("x", 1.5)]),
        ('<prosody rate="9999%">x</prosody>', [Text("x", 4.0)]),
        ('<prosody pitch="high" volume="loud">x</prosody>', [Text("x")]),
        (
            '<prosody rate="fast"><prosody rate="fast">x</prosody></prosody>',
            [Text("x", 1.5625)],
        ),
        ('<say-as interpret-as="digits">12</say-as>', [Text("12", 1.0, SayAs.DIGITS)]),
        ('<say-as interpret-as="spell-out">ab</say-as>', [Text("ab", 1.0, SayAs.CHARACTERS)]),
        ('<say-as interpret-as="number">12</say-as>', [Text("12", 1.0, SayAs.CARDINAL)]),
        ('<say-as interpret-as="address">12</say-as>', [Text("12")]),
        ('<sub alias="World Wide Web">WWW</sub>!', [Text("World Wide Web"), Text("!")]),
        ('<phoneme alphabet="ipa" ph="pɪˈkɑːn">pecan</phoneme>', [Text("pecan")]),
        ('<emphasis level="strong">now</emphasis>', [Text("now")]),
        ('<amazon:effect name="whispered">psst</amazon:effect>', [Text("psst")]),
        ('<voice name="x"><lang xml:lang="de">ja</lang></voice>', [Text("ja")]),
        ("<metadata>secret</metadata><desc>no</desc>yes", [Text("yes")]),
        ("<p><s>a</s><s>b</s></p>", [Text("a"), Break(100), Text("b"), Break(400)]),
        ('<mark name="here"/>x', [Text("x")]),
        ("<!-- nothing -->x", [Text("x")]),
        ("<![CDATA[a<b]]>", [Text("a<b")]),
    ],
)
def test_the_subset(markup: str, segments: list[Segment]) -> None:
    assert inside(markup) == segments


def test_a_declaration_and_blanks_around_the_root_are_fine() -> None:
    assert parse('\n<?xml version="1.0" encoding="utf-16"?>\n<speak version="1.1">é</speak>\n') == [Text("é")]


@pytest.mark.parametrize(
    ("markup", "says", "line", "column"),
    [
        ("plain words", "SSML begins with <speak>", 1, 0),
        ("<p>x</p>", "the root is <speak>, not <p>", 1, 0),
        ("<speak>x", "no element found", 1, 8),
        ("<speak>\n <brake/></speak>", "<brake> is no element of SSML", 2, 1),
        ("<speak><p>x</s></speak>", "mismatched tag", 1, 13),
        ("<speak>a & b</speak>", "not well-formed", 1, 10),
        ('<speak><break time="11s"/></speak>', "at most 10 s; got 11s", 1, 7),
        ('<speak><break time="soon"/></speak>', "'soon' is no time", 1, 7),
        ('<speak><break time="s"/></speak>', "'s' is no time", 1, 7),
        ('<speak><break strength="huge"/></speak>', "'huge' is no break strength", 1, 7),
        ('<speak><prosody rate="quick">x</prosody></speak>', "'quick' is no prosody rate", 1, 7),
        ("<speak><say-as>1</say-as></speak>", "needs interpret-as", 1, 7),
        ("<speak><sub>1</sub></speak>", "needs alias", 1, 7),
        ("<speak><break>x</break></speak>", "<break> holds no text", 1, 15),
        ("<speak>&nbsp;</speak>", "undefined entity", 1, 7),
        ("<speak>" + "<p>" * 40, "nested deeper than 32", 1, 100),
    ],
)
def test_errors_say_what_and_where(markup: str, says: str, line: int, column: int) -> None:
    with pytest.raises(SsmlError, match=says) as error:
        parse(markup)
    assert (error.value.line, error.value.column) == (line, column)


@pytest.mark.parametrize(
    "markup",
    [
        '<!DOCTYPE speak [<!ENTITY a "boom"><!ENTITY b "&a;&a;&a;">]><speak>&b;</speak>',
        '<!DOCTYPE speak SYSTEM "file:///etc/passwd"><speak>x</speak>',
        '<!DOCTYPE speak [<!ENTITY x SYSTEM "file:///etc/passwd">]><speak>&x;</speak>',
    ],
)
def test_bombs_and_outside_entities_are_refused(markup: str) -> None:
    with pytest.raises(SsmlError, match="document type"):
        parse(markup)


@given(st.text(max_size=200))
@settings(max_examples=100)
def test_any_text_is_ssml_or_an_ssml_error(text: str) -> None:
    for markup in (text, f"<speak>{text}</speak>"):
        with suppress(SsmlError):
            parse(markup)


pieces = st.sampled_from(
    [
        "a",
        "<p>",
        "</p>",
        "<s>",
        "</s>",
        "<break/>",
        '<prosody rate="50%">',
        "</prosody>",
        "&lt;",
        "<sub alias='x'/>",
    ]
)


@given(st.lists(pieces, max_size=30))
@settings(max_examples=150)
def test_markup_in_any_order_keeps_speeds_and_breaks_in_range(parts: list[str]) -> None:
    with suppress(SsmlError):
        for segment in inside("".join(parts)):
            match segment:
                case Text(speed=speed):
                    assert 0.25 <= speed <= 4.0
                case Break(ms=ms):
                    assert 0 <= ms <= 10_000


@given(st.text(st.characters(max_codepoint=0xFFFD, exclude_categories=("Cc", "Cs")), max_size=100))
@settings(max_examples=50)
def test_escaped_text_comes_back(text: str) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert "".join(segment.text for segment in inside(escaped) if isinstance(segment, Text)) == text
