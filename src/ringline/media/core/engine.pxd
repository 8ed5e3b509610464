cimport cython
from cpython.ref cimport PyObject

from ringline.media.core.leg cimport Desk, Leg
from ringline.media.core.link cimport Link, Masks
from ringline.media.core.prefetch cimport Prefetch
from ringline.media.core.ring cimport Records, cursor_t


cdef int SLOT_NS, LATEST_SLOTS, PACKET_SIZE, RTP, RTCP
cdef int OPEN, CLOSE, REMOTE, IDLE_SILENCE, ROUTE, PHASE, STOP, CLEAR, TONE, DTMF, DETECT, TAP, TARGET
cdef int LINK_OPEN, LINK_CLOSE, LINK_BIND, LINK_RELEASE, LINK_RESUME, LINK_LISTEN, LINK_LIVE, LINK_ENDING
cdef int LINK_ENDED
cdef int EVENT_CLOSED, EVENT_TAP_CLOSED, EVENT_LINK_CLOSED


@cython.final
cdef class Engine:
    cdef readonly int capacity
    cdef readonly long long timeout_ns, time_since_1900_ns
    cdef readonly Records commands, events
    cdef Desk desk
    cdef Masks masks
    cdef Prefetch leg_memory, link_memory
    cdef readonly list legs, links
    cdef PyObject **table
    cdef PyObject **link_table
    cdef int[::1] link_present, link_state, listed, look
    cdef int looks
    cdef int[::1] present, open, phases
    cdef long long[::1] closing, lasts
    cdef int closings, begun
    cdef readonly cursor_t highest
    cdef readonly long long epoch_ns, done, late_slots
    cdef unsigned char[::1] tx_data
    cdef int[::1] tx_leg, tx_kind, tx_size
    cdef long long[::1] tx_to
    cdef readonly int tx_count
    cdef list sent

    cdef int c_leg(self, int index) noexcept nogil
    @cython.locals(at="long long")
    cdef void c_commands(self, long long now_ns) noexcept nogil
    @cython.locals(kind="long long", index="long long", a="long long", b="long long", c="long long", d="long long")
    cdef void c_command(self, long long at, long long now_ns) noexcept nogil
    cdef void c_link_command(self, int kind, int index, long long a, long long b) noexcept nogil
    cdef void c_look(self, int index) noexcept nogil
    @cython.locals(index=int)
    cdef int c_take_look(self, int at) noexcept nogil
    @cython.locals(i=int)
    cdef void c_looked(self, int count) noexcept nogil
    @cython.locals(state=int)
    cdef void c_served(self, int index, long long now_ns) noexcept nogil
    cdef void c_stop(self, int index, int channel, long long number, long long now_ns) noexcept nogil
    cdef void c_clear(self, int index, int channel, long long until, long long now_ns) noexcept nogil
    cdef void c_tone(self, int index, int number, long long now_ns) noexcept nogil
    cdef void c_receive(self, int index, int kind, unsigned char[::1] data, int at, int size, long long source, long long now_ns) noexcept nogil
    @cython.locals(due="long long", rounds="long long", i=int)
    cdef long long c_due(self, long long now_ns) noexcept nogil
    cdef void c_expect(self, int index) noexcept nogil
    cdef void c_expect_link(self, int index) noexcept nogil
    @cython.locals(phase=int, i=int, after=int)
    cdef void c_slot(self, long long now_ns) noexcept nogil
    @cython.locals(i=int)
    cdef void c_let_go(self, long long now_ns) noexcept nogil
    cdef int c_next(self, int index, int phase) noexcept nogil
    cdef int c_turn(self, int index, int phase) noexcept nogil
    @cython.locals(k=int, other=int, at=int, size=int, to="long long")
    cdef void c_speak(self, int index, long long now_ns) noexcept nogil
    @cython.locals(at=int, size=int, to="long long", kind=int)
    cdef void c_report(self, int index, long long now_ns, int bye) noexcept nogil
    cdef void c_list(self, int index, int kind, long long to, int size) noexcept nogil
    cdef void c_sent(self) noexcept nogil
