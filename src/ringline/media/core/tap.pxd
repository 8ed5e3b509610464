cimport cython

from ringline.media.core.coder cimport Coder
from ringline.media.core.message cimport Writer
from ringline.media.core.resample cimport Resampler
from ringline.media.core.ring cimport cursor_t


cdef int INBOUND, OUTBOUND, PAIR, FRAMES_PER_SECOND, WIDEST, META


@cython.final
cdef class Tap:
    cdef cursor_t signalled
    cdef readonly int inbound, outbound, pairs, slots, slot_size, rate
    cdef unsigned char[::1] data
    cdef long long[::1] meta
    cdef long long chunks_in, chunks_out
    cdef readonly cursor_t head, tail, dropped
    cdef readonly long long ticks, sequence, taken
    cdef Resampler narrow_in, narrow_out, wide_in, wide_out
    cdef Coder coder_in, coder_out
    cdef short[::1] pcm

    cdef int c_hear(self, short[::1] inbound, short[::1] outbound, int count, int spoken) noexcept nogil
    cdef int c_convert(self, int track, short[::1] pcm, int count) noexcept nogil
    @cython.locals(head="long long", slot=int, chunk="long long")
    cdef int c_number(self, int track) noexcept nogil
    @cython.locals(slot=int, samples=int)
    cdef void c_frame(self, int track, short[::1] pcm, int count) noexcept nogil
    @cython.locals(at=int, size=int)
    cdef void c_code(self, int track, int slot, short[::1] pcm, int samples) noexcept nogil
    @cython.locals(samples=int, slot=int, at=int, size=int)
    cdef void c_pair(self, short[::1] inbound, short[::1] outbound, int count) noexcept nogil
    @cython.locals(tail="long long", slot=int, meta=int)
    cdef int c_message(self, Writer writer, long long before, unsigned char[::1] dst, int at) noexcept nogil
    @cython.locals(size=int)
    cpdef list messages(self, Writer writer, long long before)
    cdef void c_rewind(self) noexcept nogil
    cdef void c_keep(self, int count) noexcept nogil
    cpdef void trim(self, int keep)
