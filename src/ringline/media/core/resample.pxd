cimport cython

cdef int _BLOCK


@cython.final
cdef class Resampler:
    cdef int[::1] coefficients, line
    cdef readonly int phases, step
    cdef int taps, ahead, phase
    cdef bint same

    cdef int c_process(self, short[::1] src, int s, int count, short[::1] dst, int d) noexcept nogil
    @cython.locals(total=cython.longlong)
    cdef int c_block(self, short[::1] src, int s, int count, short[::1] dst, int d) noexcept nogil
