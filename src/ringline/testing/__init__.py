"""For those who test voice apps: virtual phone, webhook inbox, running server, pytest plugin."""

from ringline.testing.app import App, Inbox, InboxError, Received, StreamSocket
from ringline.testing.heard import Heard, Likeness, Span, tone, wav
from ringline.testing.phone import Phone, PhoneCall, PhoneError
from ringline.testing.server import Server, ServerError

__all__ = [
    "App",
    "Heard",
    "Inbox",
    "InboxError",
    "Likeness",
    "Phone",
    "PhoneCall",
    "PhoneError",
    "Received",
    "Server",
    "ServerError",
    "Span",
    "StreamSocket",
    "tone",
    "wav",
]
