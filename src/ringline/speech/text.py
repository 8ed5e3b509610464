"""Text as a voice reads it: cut into clauses, and the first one short.

A clause is what an engine says at once. The first decides how long a caller waits, so it ends at the first
good place; the others are whole sentences, for these sound better.
"""

import re
from dataclasses import dataclass

FIRST_CLAUSE = 30
LONGEST_CLAUSE = 220
SHORTEST_CLAUSE = 8

SENTENCE_PAUSE_MS = 220
COMMA_PAUSE_MS = 90

# A full stop after these never ends a sentence; after the second kind it does before a capital letter.
LEADING = frozenset(
    (
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "st",
        "vs",
        "approx",
        "e.g",
        "i.e",
    )
)
TRAILING = frozenset(
    (
        "sr",
        "jr",
        "etc",
        "dept",
        "est",
        "inc",
        "ltd",
        "co",
        "corp",
        "ave",
        "blvd",
        "rd",
        "apt",
        "ext",
        "a.m",
        "p.m",
    )
)
# Control and direction signs, halves of surrogate pairs; not the joiners, which Hindi and Arabic need.
CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\ufeff\ud800-\udfff]"
)
MARKDOWN = (
    (re.compile(r"^ {0,3}(?:#{1,6}|[-*+]|>) {1,3}(?=\w)", re.MULTILINE), ""),
    (re.compile(r"!?\[([^\[\]\n]{0,500})\]\([^()\s]{0,500}\)"), r"\1"),
    (re.compile(r"(?<![\w*])(\*{1,3})(?=[^\s*])([^*\n]{1,500})(?<=\S)\1(?![\w*])"), r"\2"),
    (re.compile(r"(?<!\w)(__?)(?=[^\s_])([^_\n]{1,500})(?<=\S)\1(?!\w)"), r"\2"),
    (re.compile(r"`{1,3}"), ""),
)
SPACE = re.compile(r"[^\S\n]+")
END = re.compile(r"[.!?…]+[\"')\]»”’]*(?=\s|$)|[。！？।]+|\n+|[;:](?=\s)")
INITIALS = re.compile(r"(?:[^\W\d]\.)+[^\W\d]")
COMMA = re.compile(r"[,–—](?=\s)|[，、]")


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of text and the silence after it."""

    text: str
    pause_ms: int


def clean(text: str) -> str:
    """Without what has no sound: control characters and Markdown; runs of blanks become one.

    Line ends stay. A `*` or `#` that marks nothing stays too: it is a key of the telephone.
    """
    text = CONTROL.sub(" ", text)
    for pattern, kept in MARKDOWN:
        text = pattern.sub(kept, text)
    return SPACE.sub(" ", text).strip()


def clauses(text: str, first: int = FIRST_CLAUSE) -> list[Clause]:
    """Cut text into clauses: sentences, the first of at most about `first` characters (0: no such limit)."""
    found: list[Clause] = []
    for sentence in _sentences(clean(text)):
        limit = first if first and not found else LONGEST_CLAUSE
        pieces = list(_pieces(sentence, limit))
        found.extend(Clause(piece, COMMA_PAUSE_MS) for piece in pieces[:-1])
        found.append(Clause(pieces[-1], SENTENCE_PAUSE_MS))
    return found


def _sentences(text: str) -> list[str]:
    sentences: list[str] = []
    start = 0
    for end in END.finditer(text):
        if end[0] == "." and _abbreviated(text, start, end.start()):
            continue
        if end.end() - start < SHORTEST_CLAUSE and end[0] in (";", ":"):
            continue
        if sentence := text[start : end.end()].strip():
            sentences.append(sentence)
        start = end.end()
    if rest := text[start:].strip():
        sentences.append(rest)
    return [sentence for sentence in sentences if any(map(str.isalnum, sentence))]


def _abbreviated(text: str, start: int, stop: int) -> bool:
    """Whether the full stop at `stop` belongs to a word: `Dr. Who`, `J. Doe`, `No. 5`, `6 p.m. today`."""
    word = text[max(start, stop - 12) : stop].rpartition(" ")[2].lower()
    following = text[stop + 1 : stop + 3].strip()[:1]
    if word == "no":
        return following.isdigit()
    if word in TRAILING or INITIALS.fullmatch(word):
        return not following.isupper() and following != ""
    return word in LEADING or (len(word) == 1 and word.isalpha())


def _pieces(sentence: str, limit: int) -> list[str]:
    """Cut one sentence: only its first piece keeps to `limit`, the rest to `LONGEST_CLAUSE`."""
    pieces: list[str] = []
    while len(sentence) > limit:
        cut = _first_cut(sentence) if limit < LONGEST_CLAUSE else _cut(sentence)
        pieces.append(sentence[:cut].strip())
        sentence = sentence[cut:].strip()
        limit = LONGEST_CLAUSE
    return [*pieces, sentence] if sentence else pieces


def _first_cut(sentence: str) -> int:
    """At the first comma; a first clause without one runs on rather than break where nobody breathes."""
    if comma := COMMA.search(sentence, SHORTEST_CLAUSE, LONGEST_CLAUSE):
        return comma.end()
    return _cut(sentence)


def _cut(sentence: str) -> int:
    """At the last comma in reach, or else the last blank."""
    if len(sentence) <= LONGEST_CLAUSE:
        return len(sentence)
    commas = [comma.end() for comma in COMMA.finditer(sentence, SHORTEST_CLAUSE, LONGEST_CLAUSE)]
    if commas:
        return commas[-1]
    blank = sentence.rfind(" ", SHORTEST_CLAUSE, LONGEST_CLAUSE)
    return blank if blank > 0 else LONGEST_CLAUSE
