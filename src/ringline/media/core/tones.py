# cython: infer_types=True, annotation_typing=False, wraparound=False
"""Call progress tones and the beep: a cadence of one or two sines, phase-continuous over any block sizes.

Frequencies and cadences are those of ITU-T E.180 supplement 2 (countries' ringing tones). Where it names an
amplitude modulation `f × m`, its two side tones f − m and f + m are played.
"""

import math
from array import array
from collections.abc import MutableSequence
from dataclasses import dataclass
from typing import Final

# A turn of phase has 24 bits: finer than 0.001 Hz at 16 kHz, and a C integer (typed in the .pxd).
_TURN = 1 << 24
_PHASE = _TURN - 1
_SINE = array("h", [round(32767 * math.sin(2 * math.pi * i / 1024)) for i in range(1025)])


class Oscillator:
    """A sine by table with linear interpolation; integers only, so it sounds the same on every machine."""

    def __init__(self) -> None:
        self.sine = _SINE
        self.phase = 0
        self.step = 0
        self.level = 0

    def c_set(self, frequency: float, level: int, rate: int) -> None:
        """Start at phase 0: `frequency` in Hz below `rate` / 2, `level` is the peak, 0–32767."""
        self.phase = 0
        self.step = int(frequency * _TURN / rate + 0.5)
        self.level = level

    def c_next(self) -> int:
        """The next sample."""
        index = self.phase >> 14
        low = self.sine[index]
        value = low + ((self.sine[index + 1] - low) * (self.phase & 16383) >> 14)
        self.phase = (self.phase + self.step) & _PHASE
        return value * self.level >> 15


@dataclass(frozen=True, slots=True)
class Tone:
    """One or two frequencies in Hz, and milliseconds on, off, on, off, … of one round.

    `level` is the peak of each sine in dB of full scale. `repeat` goes round for ever.
    """

    frequencies: tuple[float, ...]
    cadence_ms: tuple[int, ...]
    repeat: bool = True
    level: float = -16.0


def _side_tones(carrier: float, modulation: float) -> tuple[float, float]:
    return (carrier - modulation, carrier + modulation)


_DOUBLE_RING = (400, 200, 400, 2000)

# The names are those the API lists for `ringtone` (spec voice-api §5.1).
RINGBACK: Final[dict[str, Tone]] = {
    "at": Tone((420,), (1000, 5000)),
    "au": Tone(_side_tones(425, 12.5), _DOUBLE_RING),
    "be": Tone((425,), (1000, 3000)),
    "bg": Tone((425,), (1000, 4000)),
    "br": Tone((425,), (1000, 4000)),
    "ch": Tone((425,), (1000, 4000)),
    "cl": Tone((400,), (1000, 3000)),
    "cn": Tone((450,), (1000, 4000)),
    "cz": Tone((425,), (1000, 4000)),
    "de": Tone((425,), (1000, 4000)),
    "dk": Tone((425,), (1000, 4000)),
    "ee": Tone((425,), (1000, 4000)),
    "es": Tone((425,), (1500, 3000)),
    "fi": Tone((425,), (1000, 4000)),
    "fr": Tone((440,), (1500, 3500)),
    "gr": Tone((425,), (1000, 4000)),
    "hu": Tone((425,), (1250, 3750)),
    "il": Tone((400,), (1000, 3000)),
    "in": Tone(_side_tones(400, 25), _DOUBLE_RING),
    "it": Tone((425,), (1000, 4000)),
    "jp": Tone(_side_tones(400, 16), (1000, 2000)),
    "lt": Tone((425,), (1000, 4000)),
    "mx": Tone((425,), (1000, 4000)),
    "my": Tone((425,), _DOUBLE_RING),
    "nl": Tone((425,), (1000, 4000)),
    "no": Tone((425,), (1000, 4000)),
    "nz": Tone((400, 450), _DOUBLE_RING),
    "ph": Tone((425, 480), (1000, 4000)),
    "pl": Tone((425,), (1000, 4000)),
    "pt": Tone((425,), (1000, 5000)),
    "ru": Tone((425,), (800, 3200)),
    "se": Tone((425,), (1000, 5000)),
    "sg": Tone(_side_tones(425, 24), _DOUBLE_RING),
    "th": Tone((400,), (1000, 4000)),
    "tw": Tone((440, 480), (1000, 2000)),
    "uk": Tone((400, 450), _DOUBLE_RING),
    "us": Tone((440, 480), (2000, 4000)),
    "us-old": Tone(_side_tones(420, 40), (2000, 4000)),
    "ve": Tone((425,), (1000, 4000)),
    "za": Tone(_side_tones(400, 33), _DOUBLE_RING),
}

BEEP: Final = Tone((1000.0,), (200,), repeat=False, level=-14.0)
"""Played where `play_beep` asks for one before a recording."""


class ToneSource:
    """Plays one tone into blocks of samples."""

    def __init__(self, tone: Tone, rate: int) -> None:
        if not 1 <= len(tone.frequencies) <= 2 or max(tone.frequencies) >= rate / 2:
            raise ValueError(f"cannot play {tone.frequencies} Hz at {rate} samples a second")
        if not tone.cadence_ms or min(tone.cadence_ms) <= 0:
            raise ValueError(f"a cadence of {tone.cadence_ms} ms has no length")
        peak = min(round(32767 * 10 ** (tone.level / 20)), 32767 // len(tone.frequencies))
        self.first = Oscillator()
        self.second = Oscillator()
        self.frequency1 = tone.frequencies[0]
        self.frequency2 = tone.frequencies[len(tone.frequencies) - 1]
        self.level1 = peak
        self.level2 = peak if len(tone.frequencies) == 2 else 0
        self.rate = rate
        self.segments = array("i", [ms * rate // 1000 for ms in tone.cadence_ms])
        self.segment_count = len(tone.cadence_ms)
        self.repeat = tone.repeat
        self.segment = -1
        self.left = 0

    def c_generate(self, dst: MutableSequence[int], d: int, count: int) -> int:
        """Fill `count` samples at `dst[d]`, silence in pauses; returns fewer only once the tone has ended."""
        written = 0
        while written < count:
            if self.left == 0 and not self.c_advance():
                return written
            block = min(self.left, count - written)
            for i in range(block):
                dst[d + written + i] = 0 if self.segment & 1 else self.first.c_next() + self.second.c_next()
            self.left -= block
            written += block
        return written

    def c_advance(self) -> bool:
        """Enter the next segment of the cadence; false when there is none."""
        following = self.segment + 1
        if following >= self.segment_count:
            if not self.repeat:
                return False
            following = 0
        self.segment = following
        self.left = self.segments[following]
        if following & 1 == 0:
            self.first.c_set(self.frequency1, self.level1, self.rate)
            self.second.c_set(self.frequency2, self.level2, self.rate)
        return True

    def generate(self, count: int) -> "array[int]":
        """The next `count` samples, or as many as are left."""
        out = array("h", bytes(2 * count))
        return out[: self.c_generate(out, 0, count)]
