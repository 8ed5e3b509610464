cimport cython


cdef int FRAME, UNITY


@cython.final
cdef class Mixer:
    cdef int[::1] sum
    cdef readonly int sources

    cdef void c_clear(self, int count) noexcept nogil
    cdef void c_add(self, short[::1] pcm, int count, int gain) noexcept nogil
    cdef void c_read(self, short[::1] out, int count) noexcept nogil
    cdef void c_crossfade(self, short[::1] early, short[::1] late, int count) noexcept nogil
    @cython.locals(total="long long")
    cdef long long c_energy(self, short[::1] pcm, int count) noexcept nogil
