cimport cython


cdef extern from *:
    """
    #ifndef RINGLINE_CURSOR
    #define RINGLINE_CURSOR
    typedef _Atomic long long ringline_cursor;
    #endif
    """
    ctypedef long long cursor_t "ringline_cursor"


@cython.final
cdef class Records:
    cdef long long[::1] words
    cdef readonly long long capacity, reserve
    cdef readonly cursor_t head, tail, dropped

    @cython.locals(head="long long", at="long long")
    cdef int c_put(self, long long kind, long long leg, long long a, long long b, long long c, long long d, long long e, long long f) noexcept nogil
    cdef int c_offer(self, long long kind, long long leg, long long a, long long b, long long c, long long d, long long e, long long f) noexcept nogil
    @cython.locals(tail="long long")
    cdef long long c_front(self) noexcept nogil
    cdef void c_drop(self) noexcept nogil
    @cython.locals(at="long long", words="long long[::1]")
    cpdef tuple get(self)


@cython.final
cdef class Octets:
    cdef unsigned char[::1] data
    cdef readonly long long capacity
    cdef readonly cursor_t head, tail

    cdef long long c_size(self) noexcept nogil
    cdef long long c_room(self) noexcept nogil
    @cython.locals(head="long long", i="long long")
    cdef void c_put(self, unsigned char[::1] src, int s, int count) noexcept nogil
    @cython.locals(tail="long long", i="long long")
    cdef void c_take(self, unsigned char[::1] dst, int d, int count) noexcept nogil
