cimport cython

from ringline.media.core.inlet cimport Inlet
from ringline.media.core.message cimport Writer
from ringline.media.core.prefetch cimport Prefetch
from ringline.media.core.ring cimport Octets, Records, cursor_t
from ringline.media.core.tap cimport Tap


cdef int INBOX, OUTBOX, RINGS, MESSAGE, MASK_POOL, KEPT, NUMBER, HEAD, LONGEST_HEAD, MEDIA_HEAD
cdef int FINAL, FINAL_TEXT, FIRST_CONTROL, MASKED, EVENT_LINK
cdef long long NO_NUMBER, LONGEST
cdef unsigned int M32


@cython.final
cdef class Masks:
    cdef unsigned char[::1] pool, head, digits
    cdef int at

    cdef int c_spent(self) noexcept nogil
    cdef void c_renewed(self) noexcept nogil


@cython.final
cdef class Link:
    cdef readonly int index
    cdef Records events
    cdef Masks masks
    cdef Prefetch memory
    cdef unsigned char[::1] inbox, outbox
    cdef const unsigned char[::1] text
    cdef int in_at, in_end, out_at, out_end
    cdef readonly Octets up, down
    cdef Tap tap
    cdef Writer writer
    cdef Inlet inlet
    cdef long long most
    cdef readonly int carrying, listening
    cdef int takes
    cdef readonly cursor_t fence, blocked
    cdef long long fences, left, others, frames, unit_left, number_in
    cdef unsigned int mask
    cdef int fragmented, posted, unit_open, unit_plain
    cdef public cursor_t signalled, wanted, choked
    cdef int finished, untold
    cdef readonly cursor_t ended, error

    cdef void c_post(self) noexcept nogil
    cdef void c_bind(self) noexcept nogil
    cdef void c_listen(self) noexcept nogil
    cdef void c_release(self) noexcept nogil
    cdef void c_resume(self, long long fence, int listen) noexcept nogil
    cdef void c_fence(self) noexcept nogil
    cdef void c_tell(self) noexcept nogil
    @cython.locals(kept=int, i=int)
    cdef int c_room(self) noexcept nogil
    cdef void c_got(self, int count) noexcept nogil
    cdef void c_over(self, int error) noexcept nogil
    @cython.locals(passed=int, waits=int, size="long long")
    cdef void c_read(self) noexcept nogil
    @cython.locals(have=int, head=int, size="long long", i=int)
    cdef long long c_frame(self) noexcept nogil
    cdef int c_usual(self, long long size) noexcept nogil
    cdef int c_half(self, long long size) noexcept nogil
    @cython.locals(head=int)
    cdef int c_hear(self, long long size) noexcept nogil
    cdef void c_note(self) noexcept nogil
    @cython.locals(count="long long")
    cdef long long c_pass(self) noexcept nogil
    @cython.locals(kept=int, i=int)
    cdef int c_space(self) noexcept nogil
    cdef void c_fill(self) noexcept nogil
    cdef void c_sent(self, int count) noexcept nogil
    cdef int c_over_or_idle(self) noexcept nogil
    @cython.locals(size="long long", count="long long")
    cdef int c_unit(self) noexcept nogil
    @cython.locals(at="long long", digits=int)
    cdef int c_begin(self) noexcept nogil
    @cython.locals(word="long long", i=int)
    cdef long long c_word(self, int at) noexcept nogil
    @cython.locals(at=int, i=int)
    cdef void c_head(self, long long size) noexcept nogil
    @cython.locals(i="long long", mask="unsigned int")
    cdef void c_put_out(self, long long count) noexcept nogil
    @cython.locals(size=int)
    cdef void c_media(self) noexcept nogil
    @cython.locals(count=int, i=int)
    cpdef int feed(self, bytes data)
    cpdef void finish(self)
    @cython.locals(i=int)
    cpdef bytes fetch(self, bytes random, int most)
