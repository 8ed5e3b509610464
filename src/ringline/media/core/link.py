# cython: infer_types=True, annotation_typing=False, wraparound=False
"""One app's WebSocket in the media thread (RFC 6455, the client's side), without its socket.

What a stream does fifty times a second goes between the leg and the app here: frames of a tap leave as
`media` messages, the app's `media` messages of the usual exact shape go into the leg's queue. Everything else
is Python's: its octets go up as they came, and what Python sends comes down to be put between media frames.

Both sides write into the leg's queue, so there is a fence: once a frame was Python's, no other is read until
Python has dealt with it and says who goes on. What an app sends is thus heard in the app's order, marks among
audio.
"""

import struct
from array import array

from ringline.media.core.coder import Coder
from ringline.media.core.inlet import Inlet
from ringline.media.core.kinds import KEPT_FRAMES, Event
from ringline.media.core.message import Writer
from ringline.media.core.playout import Queue
from ringline.media.core.prefetch import Prefetch, Spot, objects, start
from ringline.media.core.resample import Resampler
from ringline.media.core.ring import Octets, Records
from ringline.media.core.tap import Tap

INBOX = 8192
OUTBOX = 16384
RINGS = 16384
MESSAGE = 512  # octets of 20 ms of audio as a message, about
MASK_POOL = 256
KEPT = KEPT_FRAMES
NUMBER = 20  # digits of the largest
HEAD = 8  # octets before what Python sends: its size, and where a number belongs
NO_NUMBER = 0xFFFFFFFF
LONGEST_HEAD = 14  # of a frame (RFC 6455 §5.2)
M32 = 0xFFFFFFFF
MEDIA_HEAD = 8  # of one whose message has 126 to 65535 octets
LONGEST = (1 << 55) - 1  # keeps sizes that no message has from overflowing
FINAL = 0x80
FINAL_TEXT = 0x81
FIRST_CONTROL = 8
MASKED = 0x80
EVENT_LINK = int(Event.LINK)
NO_TAP = Tap()
NO_WRITER = Writer(b"", 0)
NO_INLET = Inlet(Queue(Records(2), 0, 0), Coder(), Resampler(8000, 8000))


def unit(message: bytes, number_at: int | None = None) -> bytes:
    """What goes into `down`: octets to be sent as they are, or the text of a message that lacks its number.

    The number's place is `number_at`; such a message is framed where its number is known.
    """
    return struct.pack("<II", len(message), NO_NUMBER if number_at is None else number_at) + message


class Masks:
    """Random octets for masks (RFC 6455 §5.3), which the driver renews, and room for numbers.

    All links of a thread share one, so that both stay in its cache.
    """

    def __init__(self) -> None:
        self.pool = array("B", bytes(MASK_POOL))
        self.at = MASK_POOL
        self.head = array("B", bytes(HEAD))
        self.digits = array("B", bytes(NUMBER))

    def c_spent(self) -> int:
        """Whether it is time to renew them."""
        return 1 if self.at > MASK_POOL // 2 else 0

    def c_renewed(self) -> None:
        """The driver has filled `pool` anew."""
        self.at = 0


class Link:
    """Slot `index` of an engine's links.

    The driver reads into `inbox` behind `in_end` and sends `outbox` from `out_at` to `out_end`. Python reads
    `up` and writes `down`; it gives the link a tap and an inlet before it sends LINK_BIND.
    """

    def __init__(self, index: int, events: Records, masks: Masks, memory: Prefetch) -> None:
        self.index = index
        self.events = events
        self.inbox = array("B", bytes(INBOX))
        self.text = self.inbox
        self.in_at = 0
        self.in_end = 0
        self.outbox = array("B", bytes(OUTBOX))
        self.out_at = 0
        self.out_end = 0
        self.up = Octets(RINGS)
        self.down = Octets(RINGS)
        self.masks = masks
        self.memory = memory
        self.tap = NO_TAP
        self.writer = NO_WRITER
        self.inlet = NO_INLET
        self.takes = 0
        self.most = 0
        self.carrying = 0
        self.listening = 0
        self.fence = 0
        self.fences = 0
        self.left = 0
        self.fragmented = 0
        self.choked = 0
        self.blocked = 0
        self.signalled = 0
        self.untold = 0
        self.wanted = 0
        self.others = 0
        self.frames = 0
        self.posted = 0
        self.unit_open = 0
        self.unit_left = 0
        self.unit_plain = 0
        self.number_in = -1
        self.mask = 0
        self.finished = 0
        self.ended = 0
        self.error = 0

    def give(self, tap: Tap, writer: Writer, inlet: Inlet | None, most: int) -> None:
        """Choose what LINK_BIND will connect: `most` samples of the app's audio may wait in the queue."""
        self.tap = tap
        self.writer = writer
        self.inlet = NO_INLET if inlet is None else inlet
        self.takes = inlet is not None
        self.most = most
        self.memory.remember(self.index, self.spots())

    def spots(self) -> list[Spot]:
        """The memory that every turn needs."""
        return [
            *objects(self, self.up, self.down, self.writer, self.inlet),
            start(self.inbox, MESSAGE),
            start(self.outbox, MESSAGE),
        ]

    # What Python asked for.

    def c_post(self) -> None:
        """Something may stand in `down`."""
        self.posted = 1

    def c_bind(self) -> None:
        """Carry the stream's audio from now on."""
        self.carrying = 1
        self.tap.signalled = 1
        self.c_listen()

    def c_listen(self) -> None:
        """Take the app's audio for the leg from now on; what was read before is Python's, hence a fence."""
        if self.carrying and self.takes:
            self.listening = 1
            self.c_fence()

    def c_release(self) -> None:
        """Carry no audio any more."""
        self.carrying = 0
        self.listening = 0
        self.fence = 0

    def c_resume(self, fence: int, listen: int) -> None:
        """Lift a fence; one that stands no longer is nothing to do.

        Without `listen` all is Python's from here: it has samples that do not fit into the leg's queue yet.
        """
        if self.fence == fence:
            self.fence = 0
            self.listening = listen

    def c_fence(self) -> None:
        """Read no further until Python lifts the fence."""
        self.fences += 1
        self.fence = self.fences
        self.c_tell()

    def c_tell(self) -> None:
        """Let Python look, unless it is about to; `untold` if so many events wait that this found no room."""
        if self.signalled:
            return
        self.untold = 0 if self.events.c_put(EVENT_LINK, self.index, 0, 0, 0, 0, 0, 0) else 1
        self.signalled = 1 - self.untold

    # From the app.

    def c_room(self) -> int:
        """Octets that fit behind `in_end`."""
        if self.in_at == self.in_end:
            self.in_at = 0
            self.in_end = 0
        elif self.in_at >= INBOX // 2:
            kept = self.in_end - self.in_at
            for i in range(kept):
                self.inbox[i] = self.inbox[self.in_at + i]
            self.in_at = 0
            self.in_end = kept
        return INBOX - self.in_end

    def c_got(self, count: int) -> None:
        """The driver read `count` octets into the inbox."""
        self.in_end += count

    def c_over(self, error: int) -> None:
        """The app sends nothing more: it ended its side (0), or the connection broke with errno `error`.

        Python hears of it behind what came before.
        """
        if not self.finished:
            self.error = error
            self.finished = 1

    def c_read(self) -> None:
        """Go through the inbox as far as it goes."""
        passed = 0
        waits = 0
        while not self.fence and self.in_at < self.in_end:
            if not self.left:
                size = self.c_frame()
                if not size or self.c_half(size):
                    break
                if self.c_hear(size):
                    continue
                self.c_note()
                self.left = size
            if not self.c_pass():
                waits = 1
                break
            passed = 1
        if self.finished and not self.ended and not self.fence and not waits:
            self.ended = 1
            passed = 1
        if passed or self.untold:
            self.c_tell()

    def c_frame(self) -> int:
        """The size of the frame that begins the inbox, head and all; 0 while its head is not whole."""
        have = self.in_end - self.in_at
        if have < 2:
            return 0
        size = self.inbox[self.in_at + 1] & 127
        head = 6 if self.inbox[self.in_at + 1] & MASKED else 2
        if size == 126:
            if have < 4:
                return 0
            return head + 2 + (self.inbox[self.in_at + 2] << 8 | self.inbox[self.in_at + 3])
        if size == 127:
            if have < 10:
                return 0
            size = 0
            for i in range(8):
                size = size << 8 & LONGEST | self.inbox[self.in_at + 2 + i]
            head += 8
        return head + size

    def c_usual(self, size: int) -> int:
        """Whether the frame that begins the inbox may be audio for the leg."""
        if not self.listening or self.fragmented or size > INBOX // 2:
            return 0
        return 1 if self.inbox[self.in_at] == FINAL_TEXT and self.inbox[self.in_at + 1] < 127 else 0

    def c_half(self, size: int) -> int:
        """Whether to wait for the rest of a frame that may be audio."""
        return 1 if self.in_end - self.in_at < size and self.c_usual(size) else 0

    def c_hear(self, size: int) -> int:
        """Take the whole frame that begins the inbox if it is audio of the usual shape; 0: it is Python's."""
        if not self.c_usual(size):
            return 0
        head = 4 if self.inbox[self.in_at + 1] == 126 else 2
        if not self.inlet.c_push(self.text, self.in_at + head, size - head, self.most):
            return 0
        self.in_at += size
        return 1

    def c_note(self) -> None:
        """Remember whether a message has begun of which more frames come (RFC 6455 §5.4)."""
        if self.inbox[self.in_at] & 15 < FIRST_CONTROL:
            self.fragmented = 0 if self.inbox[self.in_at] & FINAL else 1

    def c_pass(self) -> int:
        """Hand what there is of a frame to Python, at its end with a fence if audio may follow; 0 if there is
        no room.
        """
        count = min(self.in_end - self.in_at, self.left, self.up.c_room())
        if not count:
            # Said before the second look, or Python might make room in between and not tell.
            self.choked = 1
            count = min(self.in_end - self.in_at, self.left, self.up.c_room())
            if not count:
                return 0
        self.up.c_put(self.inbox, self.in_at, count)
        self.in_at += count
        self.left -= count
        if not self.left and self.listening:
            self.c_fence()
        return count

    # To the app.

    def c_space(self) -> int:
        """Octets that fit behind `out_end`."""
        if self.out_at == self.out_end:
            self.out_at = 0
            self.out_end = 0
        elif self.out_at >= OUTBOX // 2:
            kept = self.out_end - self.out_at
            for i in range(kept):
                self.outbox[i] = self.outbox[self.out_at + i]
            self.out_at = 0
            self.out_end = kept
        return OUTBOX - self.out_end

    def c_fill(self) -> None:
        """Move what is to be sent into the outbox, as far as there is room: Python's first, then audio."""
        if self.posted:
            while self.c_unit():
                pass
            self.posted = 1 if self.unit_open or self.down.c_size() else 0
        if self.carrying and not self.unit_open:
            self.c_media()

    def c_sent(self, count: int) -> None:
        """The network took `count` octets of the outbox, perhaps not all."""
        self.out_at += count
        self.blocked = 1 if self.out_at < self.out_end else 0

    def c_over_or_idle(self) -> int:
        """Whether nothing is left to be sent, or nobody to send it to."""
        if self.finished and self.error:
            return 1
        return 1 if self.out_at == self.out_end and not self.posted else 0

    def c_unit(self) -> int:
        """Go on with what Python sends; 0 if there is nothing, or no room."""
        if not self.unit_open and not self.c_begin():
            return 0
        if not self.number_in:
            if self.c_space() < NUMBER:
                return 0
            size = self.writer.c_number(self.others + self.frames, self.outbox, self.out_end) - self.out_end
            self.c_put_out(size)
            self.number_in = -1
        count = min(self.unit_left, self.c_space(), self.down.c_size())
        if self.number_in > 0:
            count = min(count, self.number_in)
            self.number_in -= count
        if count:
            self.down.c_take(self.outbox, self.out_end, count)
            self.c_put_out(count)
            self.unit_left -= count
        if self.wanted and self.down.c_size() <= RINGS // 2:
            self.wanted = 0
            self.c_tell()
        if not self.unit_left and self.number_in:
            self.unit_open = 0
            return 1
        return 1 if count else 0

    def c_begin(self) -> int:
        """Begin Python's next message; 0 if there is none, or no room for its head."""
        if self.down.c_size() < HEAD or self.c_space() < LONGEST_HEAD or self.masks.at + 4 > MASK_POOL:
            return 0
        self.down.c_take(self.masks.head, 0, HEAD)
        self.unit_left = self.c_word(0)
        at = self.c_word(4)
        self.unit_open = 1
        if at == NO_NUMBER:
            self.unit_plain = 1
            self.number_in = -1
            return 1
        self.unit_plain = 0
        self.number_in = at
        self.others += 1
        digits = self.writer.c_number(self.others + self.frames, self.masks.digits, 0)
        self.c_head(self.unit_left + digits)
        return 1

    def c_word(self, at: int) -> int:
        """Four octets of the message's head, little-endian."""
        word = 0
        for i in range(4):
            word = word << 8 | self.masks.head[at + 3 - i]
        return word

    def c_head(self, size: int) -> None:
        """Write the head of a text frame whose message has `size` octets, and choose its mask."""
        at = self.out_end
        self.outbox[at] = FINAL_TEXT
        if size < 126:
            self.outbox[at + 1] = MASKED | size
            at += 2
        elif size < 65536:
            self.outbox[at + 1] = MASKED | 126
            self.outbox[at + 2] = size >> 8
            self.outbox[at + 3] = size & 255
            at += 4
        else:
            self.outbox[at + 1] = MASKED | 127
            for i in range(8):
                self.outbox[at + 2 + i] = size >> (56 - 8 * i) & 255
            at += 10
        self.mask = 0
        for i in range(4):
            self.outbox[at + i] = self.masks.pool[self.masks.at + i]
            self.mask = self.mask << 8 | self.masks.pool[self.masks.at + i]
        self.masks.at += 4
        self.out_end = at + 4

    def c_put_out(self, count: int) -> None:
        """Mask the `count` octets behind `out_end`, unless they are framed already, and count them in."""
        if not self.unit_plain:
            mask = self.mask
            for i in range(count):
                self.outbox[self.out_end + i] ^= mask >> 24
                mask = (mask << 8 | mask >> 24) & M32
            self.mask = mask
        self.out_end += count

    def c_media(self) -> None:
        """Append the frames that wait as messages; while the app reads too slowly, keep only the newest."""
        if self.blocked:
            self.tap.c_keep(KEPT)
            return
        self.unit_plain = 0
        while self.masks.at + 4 <= MASK_POOL and self.c_space() >= self.writer.longest + MEDIA_HEAD:
            # The head comes after the message, when its size is known; it is always one of eight octets.
            size = self.tap.c_message(self.writer, self.others, self.outbox, self.out_end + MEDIA_HEAD)
            if not size:
                break
            self.frames = self.tap.taken
            self.c_head(size)
            self.c_put_out(size)
        self.tap.c_rewind()

    # For tests, and the way in for Python's octets.

    def feed(self, data: bytes) -> int:
        """Read from the app what there is room for; returns how many octets that were."""
        count = min(len(data), self.c_room())
        for i in range(count):
            self.inbox[self.in_end + i] = data[i]
        self.c_got(count)
        self.c_read()
        return count

    def finish(self) -> None:
        """The app ends its side."""
        self.c_over(0)
        self.c_read()

    def fetch(self, random: bytes, most: int) -> bytes:
        """Send to the app what there is, with masks from `random`, 256 octets; the network takes `most`."""
        for i in range(MASK_POOL):
            self.masks.pool[i] = random[i]
        self.masks.c_renewed()
        self.posted = 1
        self.c_fill()
        sent = bytes(self.outbox[self.out_at : min(self.out_end, self.out_at + most)])
        self.c_sent(len(sent))
        return sent
