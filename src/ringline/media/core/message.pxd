cimport cython

from ringline.media.core.base64 cimport Base64


cdef int INBOUND, SEQUENCE, TRACK, TIMESTAMP, PAYLOAD, STREAM, END, NUMBERS


cdef class Writer:
    cdef Base64 base64
    cdef unsigned char[::1] text, digits, out
    cdef int[::1] ends

    @cython.locals(begin=int, size=int, i=int)
    cdef int c_part(self, int number, int at) noexcept nogil
    @cython.locals(count=int, i=int)
    cdef int c_number(self, long long value, int at) noexcept nogil
    cdef int c_write(self, int track, long long chunk, long long timestamp_ms, long long sequence, unsigned char[::1] payload, int s, int size) noexcept nogil


cdef class Reader:
    cdef Base64 base64
    cdef unsigned char[::1] heads, tail
    cdef int second

    @cython.locals(count=int, i=int)
    cdef int c_head(self, const unsigned char[::1] message, int size, int begin, int end) noexcept nogil
    @cython.locals(head=int, letters=int, i=int)
    cdef int c_read(self, const unsigned char[::1] message, int size, unsigned char[::1] dst, int most) noexcept nogil
