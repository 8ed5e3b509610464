"""What can be measured of speech without understanding it."""

import numpy as np
from numpy.typing import NDArray

from ringline.speech.synthesis import PcmChunk

FRAME_MS = 20


def samples(*chunks: PcmChunk) -> NDArray[np.float64]:
    """Chunks as one signal of ±1."""
    return np.frombuffer(b"".join(chunk.pcm for chunk in chunks), "<i2").astype(np.float64) / 32768


def level(signal: NDArray[np.float64]) -> float:
    """RMS in dB below full scale."""
    return 20 * float(np.log10(np.sqrt(np.mean(signal**2)) + 1e-9))


def loud(signal: NDArray[np.float64], rate: int, above_db: float = -45.0) -> NDArray[np.bool_]:
    """For each frame of 20 ms whether something sounds."""
    size = rate * FRAME_MS // 1000
    frames = signal[: len(signal) // size * size].reshape(-1, size)
    power = 20 * np.log10(np.sqrt(np.mean(frames**2, axis=1)) + 1e-9)
    return np.asarray(power > above_db)


def seconds_of_sound(signal: NDArray[np.float64], rate: int) -> float:
    """How long something sounds."""
    return float(loud(signal, rate).sum()) * FRAME_MS / 1000


def share_above(signal: NDArray[np.float64], rate: int, hertz: float) -> float:
    """The part of the power above a frequency, 0 to 1."""
    power = np.abs(np.fft.rfft(signal)) ** 2
    frequencies = np.fft.rfftfreq(len(signal), 1 / rate)
    return float(power[frequencies > hertz].sum() / power.sum())


def pitch(signal: NDArray[np.float64], rate: int) -> float:
    """The median fundamental of the voiced frames, in Hz, by autocorrelation between 60 and 400 Hz."""
    size, found = rate * 40 // 1000, []
    for start in range(0, len(signal) - size, size):
        frame = signal[start : start + size] - signal[start : start + size].mean()
        if np.sqrt(np.mean(frame**2)) < 0.02:
            continue
        correlation = np.correlate(frame, frame, "full")[size - 1 :]
        low, high = rate // 400, rate // 60
        lag = low + int(np.argmax(correlation[low:high]))
        if correlation[lag] > 0.5 * correlation[0]:
            found.append(rate / lag)
    return float(np.median(found))
