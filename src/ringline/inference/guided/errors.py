"""How a guide or a tool is wrong before any engine sees it.

::

    EngineRefused            (inference.errors)
    └── BadGuide             400: no schema, no regex, or one that strict mode forbids
    NotExpressible           no grammar of ours says this; `plan` turns it into `Unsupported`
    SchemaLimit              nobody checks answers to this; `check` turns it into `BadGuide`
"""

from ringline.core.errors import RinglineError
from ringline.inference.errors import EngineRefused

INVALID = 400


class BadGuide(EngineRefused):
    """The guide is wrong whatever the engine; `field` is the request's member that it came in."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(INVALID, f"{field}: {message}", param=field, code="invalid_value")


class SchemaLimit(ValueError):
    """A schema is one, but asks more of whoever checks answers against it than is done for anybody."""


class NotExpressible(RinglineError):
    """A regex or a schema holds `what`, which our grammars cannot say."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what
