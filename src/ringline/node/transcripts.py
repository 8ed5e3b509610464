"""Between calls and recognizers: what one is asked for, the audio it gets, the words an app gets. Pure."""

import unicodedata

from ringline.calls.options import Track, TranscriptionOptions
from ringline.media.tapping import TapFrame
from ringline.speech.recognition import AUTO_DETECT, Listening, Recognition

FRAME_MS = 20

SEVERAL = frozenset(("auto", AUTO_DETECT, "codeswitch", "multi"))
"""Languages that leave the choice to the recognizer."""

SHORTEST_SILENCE_MS = 100
"""A shorter one would end an utterance within a word."""

MOST_CHARACTERS = 4000
"""Of one text: several times what can be said in the longest utterance, half a minute."""


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


def told(text: str, *, plain: bool) -> str:
    """What an app is told: one line, of bounded length; may be empty.

    Plain words are in small letters, without punctuation but what is within words and numbers (don't, 3.5).
    """
    printable = "".join(sign if sign.isprintable() else " " for sign in text[:MOST_CHARACTERS])
    words = _without_punctuation(printable).lower() if plain else printable
    return " ".join(words.split())[:MOST_CHARACTERS].rstrip()


def _without_punctuation(text: str) -> str:
    kept: list[str] = []
    for before, sign, after in zip(" " + text, text, text[1:] + " ", strict=False):
        in_word = sign in "'’" and before.isalnum() and after.isalnum()
        in_number = sign in ".," and before.isdigit() and after.isdigit()
        punctuation = unicodedata.category(sign)[0] in "PS"
        kept.append(" " if punctuation and not (in_word or in_number) else sign)
    return "".join(kept)


class Ear:
    """One track: where its audio goes, how far it has come."""

    def __init__(self, track: Track, recognition: Recognition) -> None:
        self.track = track
        self.recognition = recognition
        self.heard_ms = 0
        """Audio of the track, its pauses left out."""
        self._next_ms = 0

    def pass_by(self, frame: TapFrame) -> None:
        """Take a frame if it is of this track.

        Any frame tells the time: of a track that paused, or whose frames were dropped, that much is missing.
        """
        if frame.timestamp_ms > self._next_ms:
            self.recognition.missed(frame.timestamp_ms - self._next_ms)
            self._next_ms = frame.timestamp_ms
        if frame.track == self.track:
            self.recognition.hear(frame.payload)
            self.heard_ms += FRAME_MS
            self._next_ms = frame.timestamp_ms + FRAME_MS
