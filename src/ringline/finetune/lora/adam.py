"""AdamW (Loshchilov and Hutter, 2019) on named arrays, and what it has to remember."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ringline.finetune.lora.llama import Floats

BETA1 = 0.9
BETA2 = 0.999
EPSILON = 1e-8
LONGEST_GRADIENT = 1.0
"""A longer gradient is shortened to this: one odd example must not undo the others."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Running means of each gradient and of its square."""

    first: dict[str, Floats]
    second: dict[str, Floats]

    @classmethod
    def none(cls, parameters: Mapping[str, Floats]) -> "Moments":
        """Before the first step."""
        return cls(
            {name: np.zeros_like(value) for name, value in parameters.items()},
            {name: np.zeros_like(value) for name, value in parameters.items()},
        )


def update(
    parameters: Mapping[str, Floats],
    gradients: Mapping[str, Floats],
    moments: Moments,
    step: int,
    rate: float,
) -> None:
    """Change the parameters and moments in place; `step` counts from 0. No weight decay: a LoRA is small."""
    length = float(np.sqrt(sum(float((one * one).sum()) for one in gradients.values())))
    shorter = min(1.0, LONGEST_GRADIENT / max(length, EPSILON))
    correction1, correction2 = 1 - BETA1 ** (step + 1), 1 - BETA2 ** (step + 1)
    for name, value in parameters.items():
        gradient = gradients[name] * shorter
        first, second = moments.first[name], moments.second[name]
        first += (1 - BETA1) * (gradient - first)
        second += (1 - BETA2) * (gradient * gradient - second)
        value[...] -= rate * (first / correction1) / (np.sqrt(second / correction2) + EPSILON)
