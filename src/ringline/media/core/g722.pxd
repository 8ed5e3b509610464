cimport cython


cdef int _clip(int value) noexcept nogil


@cython.final
cdef class Band:
    cdef readonly int step, log_step, estimate, zeros
    cdef int log_limit, shift
    cdef int a1, a2, r1, r2, p1, p2
    cdef int[::1] b, d, antilog

    cdef void c_scale(self, int weight) noexcept nogil
    @cython.locals(same1=bint, same2=bint, same=bint)
    cdef void c_adapt(self, int difference) noexcept nogil


@cython.final
cdef class G722Encoder:
    cdef Band low, high
    cdef int[::1] history, qmf, levels, code_negative, code_positive, qm4, qm2, wl, wh

    cdef int c_encode(self, short[::1] src, int s, int count, unsigned char[::1] dst, int d) noexcept nogil
    @cython.locals(outer=bint)
    cdef int c_pair(self, int first, int second) noexcept nogil


@cython.final
cdef class G722Decoder:
    cdef Band low, high
    cdef int[::1] history, qmf, qm6, qm4, qm2, wl, wh

    cdef int c_decode(self, unsigned char[::1] src, int s, int count, short[::1] dst, int d) noexcept nogil
    cdef void c_octet(self, int octet) noexcept nogil
