cimport cython

from ringline.media.core.playout cimport Queue
from ringline.media.core.resample cimport Resampler


cdef int FRAME


@cython.final
cdef class Converter:
    cdef Resampler up, down
    cdef short[::1] frame

    cdef void c_turn(self, short[::1] src, int count, short[::1] dst) noexcept nogil
    @cython.locals(own=int, got=int)
    cdef int c_pull(self, Queue queue, short[::1] dst, int count, long long now_ns) noexcept nogil
