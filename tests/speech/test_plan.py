import pytest

from ringline.speech.plan import Said, Silence, plan
from ringline.speech.ssml import SsmlError
from ringline.speech.synthesis import BadSpeechRequest, ServiceLevel, SpeechRequest

pytestmark = pytest.mark.unit


def test_text_is_clauses_in_words_with_what_was_given() -> None:
    assert plan(SpeechRequest(text="Hello. You owe $5."), "en-US") == [
        Said("Hello.", "Hello.", 1.0, 220),
        Said("You owe five dollars.", "You owe $5.", 1.0, 220),
    ]


def test_a_say_as_does_not_cut_its_sentence() -> None:
    markup = '<speak>Your code is <say-as interpret-as="digits">12</say-as>, thanks.</speak>'
    assert plan(SpeechRequest(ssml=markup), "en-US") == [
        Said("Your code is one, two, thanks.", "Your code is one, two, thanks.", 1.0, 220)
    ]


def test_breaks_and_speeds_cut() -> None:
    markup = '<speak>a<break time="2s"/><prosody rate="50%">b</prosody>c</speak>'
    assert plan(SpeechRequest(ssml=markup, speed=2.0), "en-US") == [
        Said("a", "a", 2.0, 220),
        Silence(2000),
        Said("b", "b", 1.0, 220),
        Said("c", "c", 2.0, 220),
    ]


def test_speeds_multiply_within_the_range() -> None:
    markup = '<speak><prosody rate="x-slow">a</prosody></speak>'
    (said,) = plan(SpeechRequest(ssml=markup, speed=0.25), "en-US")
    assert isinstance(said, Said)
    assert said.speed == 0.25


def test_only_the_first_clause_is_cut_short() -> None:
    long = "Press one for sales, press two for support, or just wait for the next agent to come."
    markup = f"<speak>{long}<break/>{long}</speak>"
    texts = [part.given for part in plan(SpeechRequest(ssml=markup), "en-US") if isinstance(part, Said)]
    assert texts[0] == "Press one for sales,"
    assert texts[-1] == long


def test_bad_markup_is_an_error() -> None:
    with pytest.raises(SsmlError):
        plan(SpeechRequest(ssml="<speak>"), "en-US")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "text"),
        ({"text": "a", "ssml": "<speak/>"}, "text"),
        ({"text": " \n"}, "text"),
        ({"text": "x" * 5001}, "text"),
        ({"ssml": ""}, "ssml"),
        ({"text": "a", "rate": 4000}, "rate"),
        ({"text": "a", "speed": 0.1}, "speed"),
        ({"text": "a", "speed": 5.0}, "speed"),
        ({"text": "a", "service_level": ServiceLevel.BASIC, "language": "de-DE"}, "language"),
        ({"ssml": "<speak>a</speak>", "service_level": ServiceLevel.BASIC}, "ssml"),
    ],
)
def test_requests_that_break_a_rule_name_the_field(fields: dict[str, object], field: str) -> None:
    with pytest.raises(BadSpeechRequest) as error:
        SpeechRequest(**fields)  # type: ignore[arg-type]  # any field of the request
    assert error.value.field == field
