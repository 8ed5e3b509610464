# cython: infer_types=True, annotation_typing=False, wraparound=False
"""DTMF: telephone events in RTP (RFC 4733), and the dual tones themselves (ITU-T Q.23, Q.24).

A digit is its event code 0–15 everywhere in here: its place in `DIGITS` (RFC 4733 §3.2).
"""

import math
from array import array
from collections.abc import MutableSequence
from dataclasses import dataclass
from typing import Final

from ringline.core.errors import ProtocolError
from ringline.media.core.tones import Oscillator

DIGITS: Final = "0123456789*#ABCD"
PAUSES_MS: Final = {"w": 500, "W": 1000}
"""Pauses between digits that `send_dtmf` knows (spec voice-api §5.1)."""

EVENT_SIZE: Final = 4

# What a tick of `DigitSender` answers.
PACKET: Final = 1
FIRST: Final = 2
END: Final = 4
DONE: Final = 8

# The same, and limits, as C integers for the media thread (typed in the .pxd).
_PACKET = PACKET
_FIRST = FIRST
_END = END
_DONE = DONE
_QUEUE = 128
_LAST_DIGIT = 15
_LONGEST = 65535

_ROWS = (697.0, 770.0, 852.0, 941.0)
_COLUMNS = (1209.0, 1336.0, 1477.0, 1633.0)
_KEYPAD = "123A456B789C*0#D"


@dataclass(frozen=True, slots=True)
class TelephoneEvent:
    """The payload of one RTP packet of a named event (RFC 4733 §2.3).

    `volume` is 0–63, the power in −dBm0; `duration` counts timestamp units since the event's start.
    """

    event: int
    end: bool
    volume: int
    duration: int


def parse(data: bytes) -> TelephoneEvent:
    """Read a payload's first event; raises `ProtocolError` where it is shorter than one."""
    if len(data) < EVENT_SIZE:
        raise ProtocolError(f"{len(data)} bytes are shorter than a telephone event")
    return TelephoneEvent(data[0], data[1] & 0x80 != 0, data[1] & 0x3F, int.from_bytes(data[2:4]))


def serialize(event: TelephoneEvent) -> bytes:
    """The four bytes of an event."""
    flags = (0x80 if event.end else 0) | event.volume
    return bytes((event.event, flags)) + event.duration.to_bytes(2)


class DigitSender:
    """The schedule of a string of digits, one step per 20 ms tick, for either way of sending.

    RFC 4733 §2.5.1: an update each tick under the event's one timestamp, then the end three times, then a
    gap. The caller sends with the timestamp it noted at `FIRST`, and no audio while a digit or gap lasts:
    `sounding` says so of the last tick.
    """

    def __init__(self, rate: int, *, tick_ms: int = 20, gap_ms: int = 80, volume: int = 10) -> None:
        self.rate = rate
        self.tick_ms = tick_ms
        self.gap_ms = gap_ms
        self.volume = volume
        self.codes = array("i", bytes(4 * _QUEUE))
        self.lengths_ms = array("i", bytes(4 * _QUEUE))
        self.read = 0
        self.queued = 0
        self.code = -1
        self.elapsed_ms = 0
        self.length_ms = 0
        self.ends = 0
        self.sounding = 0
        self.row = Oscillator()
        self.column = Oscillator()
        self.frequencies = array("d", _digit_frequencies())

    def c_push(self, code: int, length_ms: int) -> bool:
        """Queue digit `code`, or a pause where it is −1, for `length_ms`; false if 128 are waiting."""
        if self.queued == _QUEUE:
            return False
        slot = (self.read + self.queued) % _QUEUE
        self.codes[slot] = code
        self.lengths_ms[slot] = length_ms
        self.queued += 1
        return True

    def c_cancel(self) -> None:
        """Forget what waits; the digit being sent still gets its end."""
        self.queued = 0

    def c_busy(self) -> bool:
        """Whether a digit, its gap or a pause lasts, or any waits."""
        return self.length_ms > 0 or self.queued > 0

    def c_next_event(self, dst: MutableSequence[int], d: int) -> int:
        """One tick of RFC 4733: flags of `PACKET` (4 bytes were written at `dst[d]`), `FIRST`, `END`, `DONE`.

        `FIRST` starts an event: marker bit, new timestamp. `DONE` comes once, with the last tick of the last
        digit's gap.
        """
        first = self.c_enter()
        self.sounding = 1 if self.length_ms > 0 and self.code >= 0 else 0
        if self.length_ms == 0:
            return 0
        flags = 0
        self.elapsed_ms += self.tick_ms
        if self.code >= 0 and self.ends < 3:
            sounding_ms = min(self.elapsed_ms, self.length_ms)
            duration = min(sounding_ms * self.rate // 1000, _LONGEST)
            flags = _PACKET | (_FIRST if first else 0)
            if self.elapsed_ms >= self.length_ms:
                self.ends += 1
                flags |= _END
            dst[d] = self.code
            dst[d + 1] = (128 if flags & _END else 0) | self.volume
            dst[d + 2] = duration >> 8
            dst[d + 3] = duration & 255
        return flags | self.c_leave()

    def c_next_audio(self, dst: MutableSequence[int], d: int, count: int) -> int:
        """One tick in the band: `PACKET` (`count` samples of tone or gap now stand at `dst[d]`), `DONE`."""
        if self.c_enter() and self.code >= 0:
            self.row.c_set(self.frequencies[2 * self.code], 9200, self.rate)
            # The high group is 2 dB stronger, as Q.23 phones send it: lines lose more of it.
            self.column.c_set(self.frequencies[2 * self.code + 1], 11600, self.rate)
        if self.length_ms == 0:
            return 0
        sounding = 0
        if self.code >= 0:
            sounding = (self.length_ms - self.elapsed_ms) * self.rate // 1000
            sounding = min(max(sounding, 0), count)
        for i in range(sounding):
            dst[d + i] = self.row.c_next() + self.column.c_next()
        for i in range(sounding, count):
            dst[d + i] = 0
        self.elapsed_ms += self.tick_ms
        return _PACKET | self.c_leave()

    def c_enter(self) -> bool:
        """Begin what waits if nothing lasts; true where something began."""
        if self.length_ms > 0 or self.queued == 0:
            return False
        self.code = self.codes[self.read]
        self.length_ms = self.lengths_ms[self.read]
        self.read = (self.read + 1) % _QUEUE
        self.queued -= 1
        self.elapsed_ms = 0
        self.ends = 0
        return True

    def c_leave(self) -> int:
        """End what lasts if its time and gap are over; `DONE` where nothing follows."""
        if self.elapsed_ms < self.length_ms + (self.gap_ms if self.code >= 0 else 0):
            return 0
        self.length_ms = 0
        return _DONE if self.queued == 0 else 0

    def push(self, digits: str, duration_ms: int) -> bool:
        """Queue `0-9 A-D * #`, with `w` and `W` for pauses; false, and nothing queued, if too many."""
        if self.queued + len(digits) > _QUEUE:
            return False
        for digit in digits:
            if digit in PAUSES_MS:
                self.c_push(-1, PAUSES_MS[digit])
            else:
                self.c_push(DIGITS.index(digit), duration_ms)
        return True

    def cancel(self) -> None:
        """Forget the digits that wait."""
        self.c_cancel()

    def next_event(self) -> tuple[int, bytes]:
        """One tick of RFC 4733: the flags and, with `PACKET`, the payload."""
        payload = bytearray(4)
        flags = self.c_next_event(payload, 0)
        return flags, bytes(payload) if flags & PACKET else b""

    def next_audio(self) -> tuple[int, "array[int]"]:
        """One tick in the band: the flags and, with `PACKET`, the samples."""
        out = array("h", bytes(2 * (self.rate * self.tick_ms // 1000)))
        flags = self.c_next_audio(out, 0, len(out))
        return flags, out if flags & PACKET else array("h")


def _digit_frequencies() -> list[float]:
    pairs = []
    for digit in DIGITS:
        key = _KEYPAD.index(digit)
        pairs += [_ROWS[key // 4], _COLUMNS[key % 4]]
    return pairs


class EventReceiver:
    """Turns packets of telephone events into digits, each once (RFC 4733 §2.5.2).

    A digit is its timestamp: repeats and late packets change nothing. It counts at the first packet with the
    end bit, or at the next event's first packet, or after 150 ms without packets if all ends were lost.
    Events beyond the sixteen digits are ignored.
    """

    def __init__(self, clock_rate: int = 8000) -> None:
        self.clock_rate = clock_rate
        self.timeout_ns = 150_000_000
        self.half_circle = 1 << 31
        self.codes = array("i", bytes(16))
        self.durations = array("i", bytes(16))
        self.read = 0
        self.queued = 0
        self.taken_ms = 0
        self.c_reset()

    def c_reset(self) -> None:
        """Forget the digit under way: the sender or its timestamps changed."""
        self.active = False
        self.known = False
        self.code = 0
        self.timestamp = 0
        self.duration = 0
        self.base = 0
        self.heard_ns = 0

    def c_receive(self, src: MutableSequence[int], s: int, count: int, timestamp: int, now_ns: int) -> int:
        """Take in a payload of `count` bytes at `src[s]`; returns how many digits wait for `c_take`."""
        if count < 4 or src[s] > _LAST_DIGIT:
            return self.queued
        code = src[s]
        ended = src[s + 1] & 128
        duration = (src[s + 2] << 8) | src[s + 3]
        if self.known:
            age = self.c_age(timestamp)
            if age == 0 and not self.active:
                return self.queued
            # Older than 5 s is no straggler but a sender that began to count anew.
            if 0 < age < 5 * self.clock_rate:
                return self.queued
            if age != 0 and self.active:
                if code == self.code and age == -_LONGEST and self.duration == _LONGEST:
                    # A key held beyond the 16 bits goes on under a later timestamp (RFC 4733 §2.5.1.3).
                    self.base += _LONGEST
                    self.duration = 0
                    self.timestamp = timestamp
                else:
                    self.c_finish()
        if not self.active:
            self.active = True
            self.known = True
            self.code = code
            self.timestamp = timestamp
            self.duration = 0
            self.base = 0
        self.duration = max(self.duration, duration)
        self.heard_ns = now_ns
        if ended:
            self.c_finish()
        return self.queued

    def c_timeout(self, now_ns: int) -> int:
        """Finish a digit whose ends were lost; whether one lasts, or waits for `c_take`."""
        if self.active and now_ns - self.heard_ns > self.timeout_ns:
            self.c_finish()
        return 1 if self.active or self.queued else 0

    def c_take(self) -> int:
        """The oldest digit that waits, −1 if none; its length is then in `taken_ms`."""
        if self.queued == 0:
            return -1
        code = self.codes[self.read]
        self.taken_ms = self.durations[self.read] * 1000 // self.clock_rate
        self.read = (self.read + 1) & 3
        self.queued -= 1
        return code

    def c_age(self, timestamp: int) -> int:
        """Timestamp units by which `timestamp` lies behind the newest event's, on the 32-bit circle."""
        age = self.timestamp - timestamp
        if age >= self.half_circle:
            return age - 2 * self.half_circle
        if age < -self.half_circle:
            return age + 2 * self.half_circle
        return age

    def c_finish(self) -> None:
        """Queue the digit under way; where four wait unread, the newest is lost."""
        self.active = False
        if self.queued < 4:
            slot = (self.read + self.queued) & 3
            self.codes[slot] = self.code
            self.durations[slot] = self.base + self.duration
            self.queued += 1

    def reset(self) -> None:
        """Forget the digit under way."""
        self.c_reset()

    def receive(self, payload: bytes, timestamp: int, now_ns: int) -> list[tuple[str, int]]:
        """Take in one packet's payload; the digits that it completed with their milliseconds."""
        self.c_receive(bytearray(payload), 0, len(payload), timestamp, now_ns)
        return self._taken()

    def timeout(self, now_ns: int) -> list[tuple[str, int]]:
        """The digit whose ends were lost, if it is due."""
        self.c_timeout(now_ns)
        return self._taken()

    def _taken(self) -> list[tuple[str, int]]:
        digits = []
        while self.queued:
            digit = DIGITS[self.c_take()]
            digits.append((digit, self.taken_ms))
        return digits


class DigitDetector:
    """Hears digits in the audio itself: eight Goertzel filters over blocks of 12.75 ms.

    The limits follow ITU-T Q.24: a digit lasts 40 ms or more, its tones differ by at most 8 dB, each stands
    8 dB above its group and −33 dB of full scale, and together they are most of what is heard, which keeps
    speech from dialling. Two equal blocks begin a digit; three others end it, as a dropout of 10 ms may
    spoil two.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.block = rate * 51 // 4000
        self.coefficients = array("d", [2 * math.cos(2 * math.pi * f / rate) for f in _ROWS + _COLUMNS])
        self.v1 = array("d", bytes(64))
        self.v2 = array("d", bytes(64))
        self.powers = array("d", bytes(64))
        self.key_codes = array("i", [DIGITS.index(key) for key in _KEYPAD])
        # A Goertzel filter at its frequency answers a sine of peak A with the power (A·N/2)².
        self.least_power = (32768 * 10 ** (-33 / 20) * self.block / 2) ** 2
        self.position = 0
        self.energy = 0.0
        self.candidate = -1
        self.digit = -1
        self.hits = 0
        self.misses = 0
        self.codes = array("i", bytes(32))
        self.durations = array("i", bytes(32))
        self.read = 0
        self.queued = 0
        self.taken_ms = 0

    def c_process(self, src: MutableSequence[int], s: int, count: int) -> int:
        """Listen to `count` samples at `src[s]`; returns how many ended digits wait for `c_take`."""
        for i in range(count):
            sample = src[s + i] * 1.0
            self.energy += sample * sample
            for k in range(8):
                v0 = sample + self.coefficients[k] * self.v1[k] - self.v2[k]
                self.v2[k] = self.v1[k]
                self.v1[k] = v0
            self.position += 1
            if self.position == self.block:
                self.c_judge(self.c_classify())
        return self.queued

    def c_classify(self) -> int:
        """The digit that the finished block sounds like, −1 for none; clears the filters."""
        for k in range(8):
            a = self.v1[k]
            b = self.v2[k]
            self.powers[k] = a * a + b * b - a * b * self.coefficients[k]
            self.v1[k] = 0.0
            self.v2[k] = 0.0
        energy = self.energy
        self.energy = 0.0
        self.position = 0
        row = self.c_strongest(0)
        column = self.c_strongest(4)
        if row < 0 or column < 0:
            return -1
        low = self.powers[row]
        high = self.powers[column]
        if low > 6.31 * high or high > 6.31 * low:
            return -1
        # Two tones alone would reach N/2 times the energy; 0.7 leaves room for noise and 1.5 % of detuning.
        if low + high < 0.7 * energy * self.block / 2:
            return -1
        return self.key_codes[4 * row + column - 4]

    def c_strongest(self, group: int) -> int:
        """The filter of the group (0: rows, 4: columns) that stands out, −1 if none does."""
        best = group
        for k in range(group + 1, group + 4):
            if self.powers[k] > self.powers[best]:
                best = k
        if self.powers[best] < self.least_power:
            return -1
        for k in range(group, group + 4):
            if k != best and self.powers[k] * 6.31 > self.powers[best]:
                return -1
        return best

    def c_judge(self, heard: int) -> None:
        """Advance from block to digit: what begins and what ends one."""
        if self.digit >= 0:
            if heard == self.digit:
                self.hits += self.misses + 1
                self.misses = 0
                return
            self.misses += 1
            if self.misses < 3:
                self.candidate = heard
                return
            self.c_finish()
            self.hits = 1 if heard == self.candidate else 0
        if heard < 0:
            self.hits = 0
        elif heard == self.candidate:
            self.hits += 1
        else:
            self.hits = 1
        self.candidate = heard
        if self.hits == 2:
            self.digit = heard
            self.misses = 0

    def c_finish(self) -> None:
        """Queue the digit that has ended; where eight wait unread, it is lost."""
        if self.queued < 8:
            slot = (self.read + self.queued) & 7
            self.codes[slot] = self.digit
            self.durations[slot] = self.hits * self.block * 1000 // self.rate
            self.queued += 1
        self.digit = -1

    def c_take(self) -> int:
        """The oldest digit that waits, −1 if none; its length is then in `taken_ms`."""
        if self.queued == 0:
            return -1
        code = self.codes[self.read]
        self.taken_ms = self.durations[self.read]
        self.read = (self.read + 1) & 7
        self.queued -= 1
        return code

    def process(self, pcm: "array[int]") -> list[tuple[str, int]]:
        """Listen to samples; the digits that have ended with their milliseconds."""
        self.c_process(pcm, 0, len(pcm))
        digits = []
        while self.queued:
            digit = DIGITS[self.c_take()]
            digits.append((digit, self.taken_ms))
        return digits
