cimport cython

from ringline.media.core.coder cimport Coder
from ringline.media.core.message cimport Writer
from ringline.media.core.resample cimport Resampler
from ringline.media.core.ring cimport cursor_t


cdef int INBOUND, OUTBOUND, PAIR, TRACKS, WIDEST, META


cdef class Tap:
    cdef public int active
    cdef cursor_t signalled
    cdef readonly int inbound, outbound, pairs, slots, slot_size, rate
    cdef unsigned char[::1] data
    cdef long long[::1] meta, chunks
    cdef readonly cursor_t head, tail, dropped
    cdef readonly long long ticks, sequence, taken
    cdef Resampler narrow_in, narrow_out, wide_in, wide_out
    cdef Coder coder_in, coder_out
    cdef short[::1] pcm

    cdef int c_hear(self, short[::1] inbound, short[::1] outbound, int count, int spoken) noexcept nogil
    cdef int c_convert(self, int track, short[::1] pcm, int count) noexcept nogil
    @cython.locals(head="long long", slot=int)
    cdef int c_number(self, int track) noexcept nogil
    @cython.locals(samples=int, slot=int, at=int, size=int)
    cdef void c_frame(self, int track, short[::1] pcm, int count) noexcept nogil
    @cython.locals(samples=int, slot=int, at=int, size=int)
    cdef void c_pair(self, short[::1] inbound, short[::1] outbound, int count) noexcept nogil
    @cython.locals(tail="long long", head="long long", meta=int, size=int)
    cpdef list messages(self, Writer writer, long long before)
    cpdef void trim(self, int keep)
