"""Logs: JSON lines on standard error, pretty on a terminal.

Never digits, transcripts, keys, auth headers or message bodies: callers log identifiers and counts;
as a second line of defence, members whose name says that they are secret are masked here.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from ringline.core.settings import LogSettings

SECRET = ("password", "token", "secret", "authorization", "api_key", "digit", "transcript", "payload", "ha1")


def get(room: str) -> structlog.stdlib.BoundLogger:
    """The logger of one room."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(room=room)
    return logger


def configure(settings: LogSettings) -> None:
    """Send structured lines to standard error, at the level asked for."""
    pretty = settings.format == "pretty" or (settings.format == "auto" and sys.stderr.isatty())
    level: int = logging.getLevelNamesMapping()[settings.level.upper()]
    renderer = structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            mask,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(level, logging.WARNING), stream=sys.stderr, format="%(name)s: %(message)s")


def mask(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace values whose name says that they are secret."""
    for name in event:
        if name != "event" and any(word in name.lower() for word in SECRET):
            event[name] = "…"
    return event
