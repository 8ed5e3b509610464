cimport cython


@cython.final
cdef class Concealer:
    cdef int per_ms, fade_start, fade_end, shortest, longest, size, write, period, position, onset
    cdef readonly int lost
    cdef short[::1] history, cycle

    cdef void c_good(self, short[::1] buf, int o, int count) noexcept nogil
    @cython.locals(audible=bint)
    cdef bint c_conceal(self, short[::1] dst, int d, int count) noexcept nogil
    cdef void c_reset(self) noexcept nogil
    cdef int c_past(self, int age) noexcept nogil
    cdef void c_prepare(self) noexcept nogil
    cdef int c_pitch(self) noexcept nogil
    @cython.locals(product=cython.longlong, energy=cython.longlong)
    cdef int c_best(self, int low, int high, int step, int window, int stride) noexcept nogil
    cdef int c_next(self) noexcept nogil
