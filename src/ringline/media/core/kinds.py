"""The numbers that travel between Python and the media thread: commands, events, codecs, channels.

Plain Python on purpose: compiled modules copy the values they compare with into C integers at import, so
there is one table. A record is eight 64-bit words: kind, leg slot, then six arguments named beside each
member.
"""

from enum import IntEnum, IntFlag


class Command(IntEnum):
    """From Python to the engine."""

    OPEN = 1  # –
    CLOSE = 2  # –; CLOSED follows once the engine has forgotten the leg
    REMOTE = 3  # address << 16 | port, rtcp port, codec, rate, payload types, Direction
    IDLE_SILENCE = 4  # 0 or 1
    ROUTE = 5  # speaker slot, gain in 1/256 (0 takes the route out)
    PHASE = 6  # 0 to 3
    STOP = 7  # channel, playout number
    CLEAR = 8  # channel, sample position up to which nothing more is heard
    TONE = 9  # tone number, 0 stops
    DTMF = 10  # event code 0 to 15 or −1 for a pause, duration ms, Method, token (0: more digits follow)
    DETECT = 11  # 0 or 1: in-band DTMF
    TAP = 12  # tap slot, 1 opens, 0 closes (TAP_CLOSED follows)
    TARGET = 13  # Target of the leg's inject channel
    LINK_OPEN = 14  # link slot in the leg's place; so with all that begin with LINK
    LINK_CLOSE = 15  # 1: once all is sent; LINK_CLOSED follows
    LINK_BIND = 16  # leg slot
    LINK_RELEASE = 17  # leg slot
    LINK_LOOK = 18  # –: there is something to send, or room for what was read
    LINK_RESUME = (
        19  # the fence that is lifted, 1 if the media thread takes the app's audio, 0 if Python does
    )
    LINK_LISTEN = 20  # –: the media thread is to take the app's audio again; a fence comes first


class Event(IntEnum):
    """From the engine to Python; the last word of each record is the engine's now_ns."""

    CLOSED = 1  # –
    STARTED = 2  # channel, playout number
    ENDED = 3  # channel, playout number, samples heard, Ending, rate
    MARK = 4  # channel, mark number
    CLEARED = 5  # channel, samples of the cleared audio that were heard, samples dropped, rate
    ROOM = 6  # channel: half of its ring is free
    DTMF = 7  # event code, duration ms, Method
    DTMF_SENT = 8  # token
    TALK = 9  # 1 starts, 0 stops
    RTP_STARTED = 10  # address << 16 | port
    RTP_TIMEOUT = 11  # ms since the last packet
    TAP_READY = 12  # tap slot
    TAP_CLOSED = 13  # tap slot
    SECOND = 14  # –: the leg's counters are worth reading
    TONE_ENDED = 15  # tone number
    LINK = 16  # –: look at the link whose slot stands in the leg's place
    LINK_CLOSED = 17  # –


class Codec(IntEnum):
    """Payload formats the core codes by itself."""

    PCMU = 0
    PCMA = 1
    G722 = 2
    L16 = 3
    L16_LITTLE = 4  # little-endian: for Python's own arrays, and for apps that want it so


class Direction(IntFlag):
    """What *we* do after offer and answer: sendrecv is both, inactive neither."""

    INACTIVE = 0
    SEND = 1
    RECEIVE = 2
    BOTH = 3


class Channel(IntEnum):
    """The sample queues of a leg."""

    PLAY = 0
    OVERLAY = 1
    INJECT = 2


class Target(IntFlag):
    """Who hears an inject channel (spec media-streaming §6)."""

    SELF = 1
    OPPOSITE = 2
    BOTH = 3


class Cue(IntEnum):
    """What stands at a position of a channel."""

    START = 1
    END = 2
    MARK = 3


class Ending(IntEnum):
    """Why a playout ended."""

    COMPLETED = 0
    STOPPED = 1
    CLOSED = 2


class Method(IntEnum):
    """How a digit travels."""

    RFC4733 = 0
    INBAND = 1


class Packet(IntEnum):
    """Which of a leg's two sockets a packet belongs to."""

    RTP = 0
    RTCP = 1


class Take(IntEnum):
    """What a jitter buffer answers instead of a packet's slot."""

    CONCEAL = -1  # lost: others that came later wait behind it
    SILENCE = -2  # the sender paused
    STARVED = -3  # nothing there; late or lost, who knows
    WAIT = -4  # between talk spurts, or before the first


class Put(IntEnum):
    """What became of a packet given to a jitter buffer."""

    KEPT = 0
    DUPLICATE = 1
    LATE = 2
    STRAY = 3
    OVERSIZE = 4


NO_PAYLOAD_TYPE = 128
"""Stands for "none" where a payload type is expected; real ones are 0 to 127."""

TAPS = 4
"""Taps that a leg can have at once."""
KEPT_FRAMES = 25
"""Frames kept for an app that reads too slowly: half a second of one track; older ones are dropped."""
SOURCES = 16
"""Legs that one leg can hear at once."""


def payload_types(
    send: int, send_events: int, receive: int | None = None, receive_events: int | None = None
) -> int:
    """The fifth argument of REMOTE: receive, receive events, send, send events, a byte each.

    What comes has the numbers of what goes unless the other side renumbered (RFC 3264 §5.1).
    """
    receive = send if receive is None else receive
    receive_events = send_events if receive_events is None else receive_events
    return receive << 24 | receive_events << 16 | send << 8 | send_events
