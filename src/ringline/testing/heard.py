"""What a phone heard, and what can be said of it: tones, likeness, loudness, silence."""

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

WINDOW_MS = 20
TONE_SHARE = 0.6
"""Share of a window's energy that must lie near the frequency for it to count as that tone."""
QUIET_RMS = 80.0
"""Below −52 dB of full scale a window is silence."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of sound; seconds from the beginning of what was heard."""

    start: float
    seconds: float

    @property
    def end(self) -> float:
        """Where it ends."""
        return self.start + self.seconds


@dataclass(frozen=True, slots=True)
class Likeness:
    """How much of a reference was heard, and where: `score` 0 to 1, `start` in seconds."""

    score: float
    start: float


class Heard:
    """Audio as a phone received it: mono int16 at `rate`, gaps filled with silence."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._pieces: list[NDArray[np.int16]] = []

    def add(self, samples: NDArray[np.int16]) -> None:
        """Append what came next."""
        self._pieces.append(samples)

    @property
    def samples(self) -> NDArray[np.int16]:
        """Everything heard so far."""
        return np.concatenate(self._pieces) if self._pieces else np.zeros(0, np.int16)

    @property
    def seconds(self) -> float:
        """How long that is."""
        return sum(map(len, self._pieces)) / self.rate

    def since(self, seconds: float) -> "Heard":
        """What was heard from that moment on."""
        later = Heard(self.rate)
        later.add(self.samples[round(seconds * self.rate) :])
        return later

    def loud(self) -> list[Span]:
        """Stretches of sound between silences."""
        rms = np.sqrt(np.mean(self._windows() ** 2, axis=1)) if self._pieces else np.zeros(0)
        return self._spans(rms > QUIET_RMS)

    def tones(self, frequency: float) -> list[Span]:
        """Stretches in which a tone of `frequency` Hz (±1.5 %) prevails."""
        windows = self._windows()
        if not len(windows):
            return []
        time = np.arange(windows.shape[1]) / self.rate
        shape = np.hanning(windows.shape[1])
        energy = np.sum((windows * shape) ** 2, axis=1)
        wave_ = np.exp(-2j * np.pi * frequency * time) * shape
        amplitude = 2 * np.abs(windows @ wave_) / np.sum(shape)
        share = np.divide(
            amplitude**2 / 2 * np.sum(shape**2), energy, out=np.zeros_like(energy), where=energy > 1
        )
        return self._spans((share > TONE_SHARE) & (amplitude > QUIET_RMS))

    def tone(self, frequency: float, *, glitch: float = 0.1) -> Span:
        """The longest stretch of that tone; of no length when it was not heard.

        Interruptions of up to `glitch` seconds, as a lost packet makes them, count as part of it; `tones`
        shows them.
        """
        whole: list[Span] = []
        for span in self.tones(frequency):
            if whole and span.start - whole[-1].end <= glitch:
                whole[-1] = Span(whole[-1].start, span.end - whole[-1].start)
            else:
                whole.append(span)
        return max(whole, key=lambda span: span.seconds, default=Span(0.0, 0.0))

    def likeness(self, reference: NDArray[np.int16]) -> Likeness:
        """Find `reference` (at the same rate) in what was heard, by normalised cross-correlation."""
        heard = self.samples.astype(np.float64)
        wanted = reference.astype(np.float64)
        if len(heard) < len(wanted) or not len(wanted):
            heard = np.concatenate([heard, np.zeros(max(0, len(wanted) - len(heard)) + 1)])
        size = len(heard) + len(wanted)
        product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size)), size)
        scores = product[: len(heard) - len(wanted) + 1]
        sums = np.concatenate([[0.0], np.cumsum(heard**2)])
        energy = np.sqrt((sums[len(wanted) :] - sums[: -len(wanted)]) * np.sum(wanted**2))
        normal = np.divide(scores, energy, out=np.zeros_like(scores), where=energy > 1)
        best = int(np.argmax(normal)) if len(normal) else 0
        return Likeness(float(normal[best]) if len(normal) else 0.0, best / self.rate)

    def save(self, path: Path) -> Path:
        """Write it as a WAV file."""
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(self.rate)
            file.writeframes(self.samples.tobytes())
        return path

    def _windows(self) -> NDArray[np.float64]:
        size = self.rate * WINDOW_MS // 1000
        whole = self.samples[: len(self.samples) // size * size]
        return whole.reshape(-1, size).astype(np.float64)

    def _spans(self, active: NDArray[np.bool_]) -> list[Span]:
        edges = np.flatnonzero(np.diff(np.concatenate([[0], active.astype(np.int8), [0]])))
        step = WINDOW_MS / 1000
        return [
            Span(float(start * step), float((end - start) * step))
            for start, end in zip(edges[::2], edges[1::2], strict=True)
        ]


def tone(frequency: float, seconds: float, rate: int = 8000, level: float = 0.3) -> NDArray[np.int16]:
    """A sine as mono int16."""
    time = np.arange(round(seconds * rate)) / rate
    return np.rint(np.sin(2 * np.pi * frequency * time) * level * 32767).astype(np.int16)


def wav(samples: NDArray[np.int16], rate: int = 8000) -> bytes:
    """A WAV file of mono samples."""
    from ringline.media.files import encode_wav  # noqa: PLC0415 - FFmpeg is slow to load and seldom needed here

    return encode_wav(samples, rate)
