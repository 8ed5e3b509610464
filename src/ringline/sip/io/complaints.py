"""Log lines about messages that cannot be read: who sent one and what is wrong with it, never what it says.

Anybody can send such messages, as fast as the line carries them; so only a few lines are written, and the
next one tells how many were not.
"""

import re
from typing import Final

from ringline.core import log
from ringline.core.clock import Clock
from ringline.sip.flow import Flow
from ringline.sip.params import SipError
from ringline.sip.policy import TokenBucket

LINES_PER_S: Final = 1.0
BURST: Final = 20

_QUOTED: Final = re.compile(r"""b?(?:'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+")""")


class Complaints:
    """Of one endpoint."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lines = TokenBucket(LINES_PER_S, BURST)
        self._unwritten = 0
        self._log = log.get("sip")

    def unreadable(self, flow: Flow, problem: SipError) -> None:
        """Write one line about a message, or count it."""
        if not self._lines.take(self._clock.now_ns()):
            self._unwritten += 1
            return
        self._log.warning(
            "a SIP message could not be read",
            peer=flow.peer,
            transport=flow.transport.lower(),
            reason=without_quotations(str(problem)),
            unwritten=self._unwritten,
        )
        self._unwritten = 0


def without_quotations(problem: str) -> str:
    """What is wrong, without the piece of the message that an error quotes."""
    return _QUOTED.sub("…", problem)
