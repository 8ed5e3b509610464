"""How written English is read out: money, times, dates, phone numbers, abbreviations.

Other languages are left to the engine, which knows its own numbers; only what `say-as` asks for is done for
all. Every pattern is bounded, so reading takes time linear in the text.
"""

import re
from collections.abc import Callable
from enum import StrEnum

from ringline.speech.numbers import cardinal, decimal, digits, ordinal, year


class SayAs(StrEnum):
    """How `<say-as interpret-as>` wants its text read (W3C note "SSML 1.0 say-as attribute values")."""

    DIGITS = "digits"
    CHARACTERS = "characters"
    TELEPHONE = "telephone"
    CARDINAL = "cardinal"
    ORDINAL = "ordinal"


MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
}
ABBREVIATIONS = {
    "mr.": "mister",
    "mrs.": "missis",
    "ms.": "miz",
    "dr.": "doctor",
    "prof.": "professor",
    "sr.": "senior",
    "jr.": "junior",
    "st.": "saint",
    "vs.": "versus",
    "etc.": "et cetera",
    "approx.": "approximately",
    "dept.": "department",
    "ext.": "extension",
    "inc.": "incorporated",
    "ltd.": "limited",
    "corp.": "corporation",
    "ave.": "avenue",
    "blvd.": "boulevard",
    "apt.": "apartment",
    "e.g.": "for example",
    "i.e.": "that is",
}
SYMBOLS = {
    "&": " and ",
    "@": " at ",
    "°": " degrees ",
    "+": " plus ",
    "=": " equals ",
    "%": " percent ",
    "*": " star ",
    "#": " pound ",
}

NUMBER = r"\d{1,3}(?:,\d{3}){1,4}(?:\.\d{1,9})?|\d{1,15}(?:\.\d{1,9})?"
EMAIL = re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}\b")
MONEY = re.compile(rf"([$€£]) ?({NUMBER})(?: (thousand|million|billion|trillion)\b)?(?![\d])")
TIME = re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)(?: ?([ap])\.?m\b\.?)?(?![:\d])", re.IGNORECASE)
ISO_DATE = re.compile(r"\b(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])\b")
US_DATE = re.compile(r"\b(0?[1-9]|1[0-2])/(0?[1-9]|[12]\d|3[01])/(\d{4})\b")
MONTH_DATE = re.compile(rf"\b({'|'.join(MONTHS)}) (\d{{1,2}})(?:,? (\d{{4}}))?\b")
YEAR = re.compile(r"\b(in|since|until|by|from|year) ((?:1[1-9]|20)\d\d)\b(?![.,:/-]\d)", re.IGNORECASE)
PHONE = re.compile(
    r"(?<![\w.+-])(?:\+\d{7,15}|(?:\+?1[-. ])?(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}|0\d{6,14}|\d{10,15})"
    r"(?![\w-]|\.\d)"
)
ORDINAL = re.compile(r"\b(\d{1,9})(?:st|nd|rd|th)\b", re.IGNORECASE)
PLAIN = re.compile(rf"(?<![\w.])(-?(?:{NUMBER}))(?![\d]|\.\d|\w)")
NUMERO = re.compile(r"(?:#|\bno\. ?)(?=\d)", re.IGNORECASE)
ABBREVIATION = re.compile(r"\b(?:[a-z]{2,6}\.|e\.g\.|i\.e\.)", re.IGNORECASE)
SYMBOL = re.compile("[" + re.escape("".join(SYMBOLS)) + "]")
SPACES = re.compile(r" +(?= |[.,!?;:](?: |$)|$)")


def read(text: str, language: str) -> str:
    """The text in words, if the language is English; otherwise as it is."""
    if not is_english(language):
        return text
    for pattern, words in RULES:
        text = pattern.sub(words, text)
    return SPACES.sub("", text).strip()


def is_english(language: str) -> bool:
    """Whether a BCP 47 tag means English."""
    return language.partition("-")[0].lower() == "en"


def say_as(text: str, how: SayAs, language: str) -> str:
    """What `<say-as>` makes of its text; text that does not fit its kind is left as it is."""
    english = is_english(language)
    match how:
        case SayAs.DIGITS | SayAs.CHARACTERS:
            return _spelled(text, english)
        case SayAs.TELEPHONE:
            return _phone_words(text) if english else _spelled(text, english)
        case SayAs.CARDINAL if english and (number := PLAIN.fullmatch(text.strip())):
            return decimal(number[1])
        case SayAs.ORDINAL if english and (number := re.fullmatch(r"(\d{1,15})(?:\D{2})?", text.strip())):
            return ordinal(int(number[1]))
        case _:
            return text


def _spelled(text: str, english: bool) -> str:
    signs = [sign for sign in text if not sign.isspace()]
    return ", ".join(_sign(sign) if english else sign for sign in signs)


def _sign(sign: str) -> str:
    if sign in "0123456789":
        return digits(sign)
    names = {"-": "dash", ".": "dot", "_": "underscore", "/": "slash"}
    return names.get(sign) or SYMBOLS.get(sign, sign).strip()


def _phone_words(text: str) -> str:
    """Digits in the groups that were written; a number without groups in threes, the rest last."""
    plus, _, rest = text.strip().rpartition("+")
    groups = re.findall(r"[0-9]+", rest)
    if not groups:
        return text
    if len(groups) == 1:
        groups = _grouped(groups[0])
    return ("plus " if plus or text.strip().startswith("+") else "") + ", ".join(map(digits, groups))


def _grouped(number: str) -> list[str]:
    """`12025550123` is 1 202 555 0123: four last, threes before, what is left in front."""
    if len(number) <= 4:
        return [number]
    head, last = number[:-4], number[-4:]
    first = len(head) % 3
    groups = [head[:first]] if first else []
    return [*groups, *(head[i : i + 3] for i in range(first, len(head), 3)), last]


def _money(found: re.Match[str]) -> str:
    one, many, small, smalls = CURRENCIES[found[1]]
    amount, scale = found[2], found[3]
    if scale:
        return f"{decimal(amount)} {scale} {many}"
    whole, _, fraction = amount.replace(",", "").partition(".")
    if fraction and len(fraction) != 2:
        return f"{decimal(amount)} {many}"
    main = f"{cardinal(int(whole))} {one if int(whole) == 1 else many}"
    cents = int(fraction or 0)
    if not cents:
        return main
    minor = f"{cardinal(cents)} {small if cents == 1 else smalls}"
    return minor if int(whole) == 0 else f"{main} and {minor}"


def _time(found: re.Match[str]) -> str:
    hour, minute, half = int(found[1]), int(found[2]), found[3]
    words = cardinal(hour)
    if minute:
        words += f" {'oh ' if minute < 10 else ''}{cardinal(minute)}"
    elif not half:
        words += " o'clock" if 1 <= hour <= 12 else " hundred hours"
    return f"{words} {half.upper()} M" if half else words


def _date(year_text: str | None, month: str, day: str) -> str:
    words = f"{month} {ordinal(int(day))}"
    return f"{words}, {year(int(year_text))}" if year_text else words


def _email(found: re.Match[str]) -> str:
    return found[0].replace("@", " at ").replace(".", " dot ").replace("_", " underscore ")


def _abbreviation(found: re.Match[str]) -> str:
    return ABBREVIATIONS.get(found[0].lower(), found[0])


# In order: what a later rule would misread is gone by then.
RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (EMAIL, _email),
    (MONEY, _money),
    (TIME, _time),
    (ISO_DATE, lambda found: _date(found[1], MONTHS[int(found[2]) - 1], found[3])),
    (US_DATE, lambda found: _date(found[3], MONTHS[int(found[1]) - 1], found[2])),
    (MONTH_DATE, lambda found: _date(found[3], found[1], found[2])),
    (YEAR, lambda found: f"{found[1]} {year(int(found[2]))}"),
    (PHONE, lambda found: _phone_words(found[0])),
    (ORDINAL, lambda found: ordinal(int(found[1]))),
    (NUMERO, lambda _: "number "),
    (PLAIN, lambda found: decimal(found[1])),
    (ABBREVIATION, _abbreviation),
    (SYMBOL, lambda found: SYMBOLS[found[0]]),
)
