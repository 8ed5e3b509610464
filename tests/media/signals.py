"""Sounds to test with, and ears to judge them by."""

import math
import random
from array import array

import numpy as np
from numpy.typing import NDArray


def sine(
    frequency: float, seconds: float, rate: int, *, peak: float = 10_000, start: float = 0.0
) -> "array[int]":
    """A sine as int16 samples; `start` is its first phase in radians."""
    step = 2 * math.pi * frequency / rate
    return array("h", [round(peak * math.sin(start + step * i)) for i in range(round(seconds * rate))])


def noise(seconds: float, rate: int, *, peak: int = 3000, seed: int = 1) -> "array[int]":
    """White noise."""
    source = random.Random(seed)
    return array("h", [source.randint(-peak, peak) for _ in range(round(seconds * rate))])


def voiced(seconds: float, rate: int, *, seed: int = 1, peak: float = 14_000) -> "array[int]":
    """What resembles vowels: pulses of a wandering pitch through three resonances, new ones every 200 ms."""
    source = random.Random(seed)
    total = round(seconds * rate)
    out = [0.0] * total
    pitch, phase = source.uniform(90, 230), 0.0
    states = [[0.0, 0.0] for _ in range(3)]
    formants: list[tuple[float, float]] = []
    for i in range(total):
        if i % (rate // 5) == 0:
            centres = (source.uniform(250, 900), source.uniform(900, 2300), source.uniform(2200, 3200))
            formants = []
            for centre, width in zip(centres, (60, 90, 120), strict=True):
                radius = math.exp(-math.pi * width / rate)
                formants.append((2 * radius * math.cos(2 * math.pi * centre / rate), -radius * radius))
        pitch *= 1 + source.gauss(0, 0.0005)
        phase += pitch / rate
        pulse = 0.0
        if phase >= 1:
            phase -= 1
            pulse = 1.0
        for (first, second), state in zip(formants, states, strict=True):
            value = pulse + first * state[0] + second * state[1]
            state[1], state[0] = state[0], value
            out[i] += value
    scale = peak / max(map(abs, out))
    return array("h", [round(value * scale) for value in out])


def added(*sounds: "array[int]") -> "array[int]":
    """The sum, clipped; as long as the shortest."""
    return array("h", [max(-32768, min(32767, sum(values))) for values in zip(*sounds, strict=False)])


def floats(pcm: "array[int]") -> NDArray[np.float64]:
    """The samples for numpy."""
    return np.frombuffer(pcm.tobytes(), np.int16).astype(np.float64)


def level(pcm: "array[int]") -> float:
    """The root mean square in dB of full scale."""
    return 20 * math.log10(max(float(np.sqrt(np.mean(floats(pcm) ** 2))), 1e-9) / 32768)


def fitted(pcm: "array[int]", frequency: float, rate: int) -> tuple[float, float]:
    """Peak of the best fitting sine, and the signal-to-rest ratio in dB."""
    samples = floats(pcm)
    angle = 2 * math.pi * frequency * np.arange(len(samples)) / rate
    basis = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    weights = np.linalg.lstsq(basis, samples, rcond=None)[0]
    rest = samples - basis @ weights
    ratio = 20 * math.log10(float(np.std(samples)) / max(float(np.std(rest)), 1e-9))
    return float(np.hypot(*weights)), ratio


def snr(sent: "array[int]", heard: "array[int]", *, most_delay: int = 64) -> float:
    """Signal-to-error ratio in dB at the delay that fits best."""
    a, b = floats(sent), floats(heard)
    best = -100.0
    for delay in range(most_delay):
        n = min(len(a), len(b) - delay)
        error = b[delay : delay + n] - a[:n]
        best = max(best, 10 * math.log10(float(np.sum(a[:n] ** 2)) / max(float(np.sum(error**2)), 1e-9)))
    return best
