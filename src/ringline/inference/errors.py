"""How asking a model fails.

::

    InferenceError
    ├── UnknownModel         no model or alias of that name
    ├── Unsupported          the engine behind the model cannot do what was asked; says which field
    ├── EngineRefused        the engine found the request wrong (its own 4xx)
    ├── GuideBroken          a strict answer does not hold what it promised
    └── EngineFailed         the engine is gone, broken or breaks its protocol
        └── EngineTimeout    it took too long

`workers.Busy` is raised beside these when there is no place.
"""

from http import HTTPStatus

from ringline.core.errors import ProtocolError, RinglineError


def words(error: Exception) -> str:
    """A library's error as a message may tell it: its kind, and what it says."""
    return f"{type(error).__name__} {error}".strip()


class InferenceError(RinglineError):
    """A question that was not answered."""


class UnknownModel(InferenceError):
    """No model and no alias is called so."""

    def __init__(self, name: str, advice: str = "GET /v2/ai/models lists those that do.") -> None:
        super().__init__(f"The model {name[:200]!r} does not exist. {advice}")
        self.name = name


class Unsupported(InferenceError):
    """The engine behind `model` cannot do what `field` of the request asks."""

    def __init__(self, field: str, model: str, what: str) -> None:
        super().__init__(f"The model {model} cannot do {what} ({field}).")
        self.field = field


class EngineRefused(InferenceError):
    """The engine's own refusal: `status` 400 to 499, its words, and `param` and `code` if it gave them."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code


class GuideBroken(InferenceError):
    """The answer ended without being what the guide asks; nothing wrong is handed out as right."""


class EngineFailed(InferenceError):
    """The engine cannot be reached, died, or broke its protocol.

    `status` is what it answered, None for no (whole) answer. `retry_after`: seconds ≥ 1, where known.
    """

    def __init__(self, message: str, status: int | None = None, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class EngineTimeout(EngineFailed):
    """The engine did not begin, go on or end in time."""


def broken(engine: str, error: Exception) -> EngineFailed:
    """A library's error while `engine` was asked.

    Who does not speak the protocol will not speak it a moment later: that counts as his answer. Who was not
    heard may.
    """
    status = HTTPStatus.OK if isinstance(error, ProtocolError) else None
    return EngineFailed(f"The engine {engine} failed: {words(error)}", status)
