# cython: infer_types=True, annotation_typing=False, wraparound=False, boundscheck=False
"""Talk spurts by energy, for silence timeouts and turn taking without a model.

A frame is loud when its mean square stands 12 dB above the noise floor and above −45 dB of full scale. Three
loud frames (60 ms) begin a spurt, 20 quiet ones (400 ms) end it. The floor falls at once and rises by 3 dB a
second.
"""

# Mean squares: −45 dBFS of full scale, and the floor's limits (−70 and −42 dBFS).
LOUD = 33_954
LOWEST = 107
HIGHEST = 67_747
BEGIN_FRAMES = 3
END_FRAMES = 20


class TalkDetector:
    """One direction of one leg, one call of `c_hear` per 20 ms."""

    def __init__(self) -> None:
        self.talking = 0
        self.floor = LOWEST
        self.loud = 0
        self.quiet = 0

    def c_hear(self, energy: int) -> int:
        """Judge one frame's mean square: 1 a spurt began, −1 it ended, 0 nothing changed."""
        if energy < self.floor:
            self.floor = max(energy, LOWEST)
        elif self.floor < HIGHEST:
            self.floor += (self.floor >> 6) + 1
        if energy > LOUD and energy > self.floor << 4:
            self.loud += 1
            self.quiet = 0
        else:
            self.quiet += 1
            self.loud = 0
        if not self.talking and self.loud >= BEGIN_FRAMES:
            self.talking = 1
            return 1
        if self.talking and self.quiet >= END_FRAMES:
            self.talking = 0
            return -1
        return 0

    def hear(self, energy: int) -> int:
        """`c_hear` for Python."""
        return self.c_hear(energy)
