cimport cython

@cython.final
cdef class L16:
    cdef int high

    cdef int c_decode(self, unsigned char[::1] src, int s, int count, short[::1] dst, int d) noexcept nogil
    cdef int c_encode(self, short[::1] src, int s, int count, unsigned char[::1] dst, int d) noexcept nogil
