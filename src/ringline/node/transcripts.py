"""From what a call wants to what a recognizer is asked for, and from its words to what the app gets. Pure."""

import re

from ringline.calls.options import TranscriptionOptions
from ringline.speech.recognition import AUTO_DETECT, Listening

SEVERAL = frozenset(("auto", AUTO_DETECT, "codeswitch", "multi"))
"""Languages that leave the choice to the recognizer."""

SHORTEST_SILENCE_MS = 100
"""A shorter one would end an utterance within a word."""

_NOT_SAID = re.compile(r"(?<!\w)['’]|['’](?!\w)|(?<!\d)[.,]|[.,](?!\d)|[^\w\s'’.,]|_")


def listening_of(options: TranscriptionOptions) -> Listening:
    """What each track's recognition is asked for."""
    usual = Listening()
    silence = usual.silence_ms if options.silence_ms is None else options.silence_ms
    return Listening(
        language=AUTO_DETECT if options.language.lower() in SEVERAL else options.language,
        model=options.model,
        interim=options.interim,
        hints=options.hints,
        silence_ms=max(silence, SHORTEST_SILENCE_MS),
    )


def plain(text: str) -> str:
    """The words in small letters, without punctuation but what is within words and numbers (don't, 3.5)."""
    return " ".join(_NOT_SAID.sub(" ", text.lower()).split())
