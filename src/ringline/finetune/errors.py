"""Why a fine-tuning job fails.

::

    TrainingError                 the job cannot succeed; the message is for whoever made it
    ├── TrainingFileError         a file, and the line of it, that cannot be trained on
    └── NoTrainer                 this server has nothing that could train; says what to install or set
"""

from ringline.core.errors import RinglineError


class TrainingError(RinglineError):
    """The job cannot succeed as it is; doing it again would not help."""

    parameter: str | None = None
    """The field of the request that is at fault, when one is."""


class TrainingFileError(TrainingError):
    """A training file that cannot be used: `facts.jsonl line 3: …`. Lines count from 1."""

    parameter = "training_file"

    def __init__(self, file: str, line: int | None, problem: str) -> None:
        super().__init__(f"{file} line {line}: {problem}" if line is not None else f"{file}: {problem}")
        self.file = file
        self.line = line
        self.problem = problem


class NoTrainer(TrainingError):
    """Nothing here can train this."""
