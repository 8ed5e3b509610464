"""For those who test voice apps: phone, webhook inbox, scripted engine, running server, pytest plugin."""

from ringline.testing.app import App, Inbox, InboxError, Received, StreamSocket
from ringline.testing.engine import Engine, Reply
from ringline.testing.heard import Heard, Likeness, Span, tone, wav
from ringline.testing.phone import Phone
from ringline.testing.phone_call import PhoneCall, PhoneError
from ringline.testing.server import Server, ServerError

__all__ = [
    "App",
    "Engine",
    "Heard",
    "Inbox",
    "InboxError",
    "Likeness",
    "Phone",
    "PhoneCall",
    "PhoneError",
    "Received",
    "Reply",
    "Server",
    "ServerError",
    "Span",
    "StreamSocket",
    "tone",
    "wav",
]
