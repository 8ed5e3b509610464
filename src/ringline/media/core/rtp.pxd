cimport cython


@cython.final
cdef class Header:
    cdef readonly int payload_type, marker, sequence, payload, padding, extension, csrcs
    cdef readonly long long timestamp, ssrc

    @cython.locals(value=int)
    cdef int c_u16(self, unsigned char[::1] data, int at) noexcept nogil
    @cython.locals(value="long long")
    cdef long long c_u32(self, unsigned char[::1] data, int at) noexcept nogil
    @cython.locals(first=int, offset=int)
    cdef int c_parse(self, unsigned char[::1] data, int start, int length) noexcept nogil
    cdef int c_write(self, unsigned char[::1] data, int at, int payload_type, int marker, int sequence, long long timestamp, long long ssrc) noexcept nogil
