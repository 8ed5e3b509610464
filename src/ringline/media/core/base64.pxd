cimport cython

cdef int PAD


@cython.final
cdef class Base64:
    cdef readonly unsigned char[::1] letters
    cdef readonly short[::1] values

    @cython.locals(whole=int, rest=int, at=int, to=int, word=int, i=int)
    cdef int c_encode(self, unsigned char[::1] src, int s, int count, unsigned char[::1] dst, int d) noexcept nogil
    @cython.locals(padding=int, octets=int, whole=int, at=int, to=int, word=int, i=int)
    cdef int c_decode(self, const unsigned char[::1] src, int s, int count, unsigned char[::1] dst, int d) noexcept nogil
