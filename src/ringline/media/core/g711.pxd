cimport cython


@cython.final
cdef class G711:
    cdef readonly short[::1] decode_table
    cdef readonly unsigned char[::1] encode_table
    cdef readonly int bias, shift, below

    cdef int c_decode(self, unsigned char[::1] src, int s, int count, short[::1] dst, int d) noexcept nogil
    @cython.locals(sample=int, i=int)
    cdef int c_encode(self, short[::1] src, int s, int count, unsigned char[::1] dst, int d) noexcept nogil
