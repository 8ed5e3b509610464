"""What a run needs to go on after a kill: the LoRA, the optimizer's memory, the step; one file, put whole."""

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ringline.finetune.lora.adam import Moments
from ringline.finetune.lora.llama import Floats

PARTS = ("parameter", "first", "second")


@dataclass(slots=True)
class State:
    """Where a run is. `step` counts the steps done, `tokens` what they have read."""

    step: int
    tokens: int
    parameters: dict[str, Floats]
    moments: Moments


def save(path: Path, state: State, mark: str) -> None:
    """Write the state; `mark` says what it belongs to."""
    arrays: dict[str, Floats] = {}
    for part, values in zip(
        PARTS, (state.parameters, state.moments.first, state.moments.second), strict=True
    ):
        arrays |= {f"{part}/{name}": value for name, value in values.items()}
    new = path.with_suffix(".new")
    with new.open("wb") as file:
        np.savez(
            file,
            allow_pickle=False,
            step=np.int64(state.step),
            tokens=np.int64(state.tokens),
            mark=np.array(mark),
            **arrays,
        )
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def load(path: Path, mark: str) -> State | None:
    """The state that was saved last; None when there is none, or one of something else."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            if str(file["mark"]) != mark:
                return None
            values: dict[str, dict[str, Floats]] = {part: {} for part in PARTS}
            for name in file.files:
                part, slash, rest = name.partition("/")
                if slash:
                    values[part][rest] = file[name]
            return State(
                int(file["step"]),
                int(file["tokens"]),
                values["parameter"],
                Moments(values["first"], values["second"]),
            )
    except FileNotFoundError:
        return None
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        return None  # not ours, or broken: what was learnt is lost, the job is not
