cimport cython

cdef int _TURN, _PHASE


@cython.final
cdef class Oscillator:
    cdef short[::1] sine
    cdef int phase, step, level

    cdef void c_set(self, double frequency, int level, int rate) noexcept nogil
    cdef int c_next(self) noexcept nogil


@cython.final
cdef class ToneSource:
    cdef Oscillator first, second
    cdef double frequency1, frequency2
    cdef int level1, level2, rate
    cdef int[::1] segments
    cdef int segment_count, segment, left
    cdef bint repeat

    cdef int c_generate(self, short[::1] dst, int d, int count) noexcept nogil
    cdef bint c_advance(self) noexcept nogil
