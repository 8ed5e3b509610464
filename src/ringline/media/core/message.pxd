cimport cython

from ringline.media.core.base64 cimport Base64


cdef int INBOUND, SEQUENCE, TRACK, TIMESTAMP, PAYLOAD, STREAM, END, NUMBERS


@cython.final
cdef class Writer:
    cdef Base64 base64
    cdef unsigned char[::1] text, stream, digits, out
    cdef int[::1] ends
    cdef readonly int longest

    @cython.locals(begin=int, size=int, i=int)
    cdef int c_part(self, int number, unsigned char[::1] dst, int at) noexcept nogil
    @cython.locals(count=int, i=int)
    cdef int c_number(self, long long value, unsigned char[::1] dst, int at) noexcept nogil
    @cython.locals(at=int, i=int)
    cdef int c_write(self, int track, long long chunk, long long timestamp_ms, long long sequence, unsigned char[::1] payload, int s, int size, unsigned char[::1] dst, int begin) noexcept nogil


@cython.final
cdef class Reader:
    cdef Base64 base64
    cdef unsigned char[::1] heads, tail
    cdef int second

    @cython.locals(count=int, i=int)
    cdef int c_head(self, const unsigned char[::1] text, int at, int size, int begin, int end) noexcept nogil
    @cython.locals(head=int, letters=int, i=int)
    cdef int c_read(self, const unsigned char[::1] text, int at, int size, unsigned char[::1] dst, int most) noexcept nogil
