cimport cython

from ringline.media.core.ring cimport Records, cursor_t


cdef int SAMPLES, CUES, START, END, CANCELLED, HEARD, SENT, UNHEARD, COMPLETED, STOPPED, CLOSED
cdef int EVENT_STARTED, EVENT_ENDED, EVENT_MARK, EVENT_CLEARED, EVENT_ROOM


@cython.final
cdef class Queue:
    cdef Records events
    cdef readonly int leg, channel
    cdef short[::1] samples
    cdef long long[::1] cue_at, cue_number
    cdef int[::1] cue_kind
    cdef readonly cursor_t rate, write, read, cue_head, cue_tail, wanted
    cdef readonly long long current, began, skipped, skip_to, burst
    cdef readonly int running, reason

    cdef long long c_room(self) noexcept nogil
    cdef long long c_waiting(self) noexcept nogil
    @cython.locals(write="long long", i=int)
    cdef void c_push(self, short[::1] pcm, int at, int count) noexcept nogil
    @cython.locals(tail="long long")
    cdef long long c_boundary(self) noexcept nogil
    @cython.locals(got="long long", read="long long", step="long long", i=int)
    cdef int c_pull(self, short[::1] out, int count, long long now_ns) noexcept nogil
    @cython.locals(tail="long long", slot=int, kind=int, number="long long", heard="long long")
    cdef int c_cue(self, long long now_ns, int mode) noexcept nogil
    @cython.locals(tail="long long", slot=int)
    cdef void c_skip(self, long long number) noexcept nogil
    @cython.locals(tail="long long", slot=int)
    cdef void c_stop(self, long long number, long long now_ns) noexcept nogil
    @cython.locals(boundary="long long")
    cdef void c_discard(self, long long until, int reason, long long now_ns) noexcept nogil
    @cython.locals(heard="long long", dropped="long long")
    cdef void c_clear(self, long long until, long long now_ns) noexcept nogil
    cdef void c_close(self, long long now_ns) noexcept nogil
