"""Which examples are learnt at which step, and how fast: all of it follows from the numbers and the seed."""

import functools
import math
import random
from dataclasses import dataclass

VISITS = 200
"""With `n_epochs` "auto", how often examples are to be seen altogether, at least."""

MOST_EPOCHS = 50
MOST_AUTO = 25
WARM_UP = 0.05
"""Part of the steps in which the learning rate rises to its full value."""


def auto_epochs(examples: int) -> int:
    """What `n_epochs` "auto" means for so many examples (≥ 1): few are repeated more often."""
    return min(MOST_AUTO, max(1, math.ceil(VISITS / examples)))


@dataclass(frozen=True, slots=True)
class Plan:
    """`epochs` passes over `examples`, `batch` at a step, each pass in an order of its own."""

    examples: int
    epochs: int
    batch: int
    learning_rate: float
    seed: int

    @property
    def per_epoch(self) -> int:
        """Steps of one pass; its last batch may be smaller."""
        return -(-self.examples // self.batch)

    @property
    def steps(self) -> int:
        """Steps of the whole job."""
        return self.epochs * self.per_epoch

    def batch_at(self, step: int) -> tuple[int, ...]:
        """The numbers of the examples of a step (from 0)."""
        epoch, position = divmod(step, self.per_epoch)
        order = _order(self.seed, epoch, self.examples)
        return order[position * self.batch : (position + 1) * self.batch]

    def rate_at(self, step: int) -> float:
        """The learning rate of a step: it rises over the first steps, then falls in a line towards zero."""
        warm = max(1, round(self.steps * WARM_UP))
        if step < warm:
            return self.learning_rate * (step + 1) / warm
        return self.learning_rate * (self.steps - step) / (self.steps - warm + 1)


@functools.lru_cache(maxsize=2)
def _order(seed: int, epoch: int, examples: int) -> tuple[int, ...]:
    order = list(range(examples))
    random.Random(f"{seed} {epoch}").shuffle(order)
    return tuple(order)
