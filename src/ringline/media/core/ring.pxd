cimport cython


cdef extern from *:
    """
    #ifndef RINGLINE_CURSOR
    #define RINGLINE_CURSOR
    typedef _Atomic long long ringline_cursor;
    #endif
    """
    ctypedef long long cursor_t "ringline_cursor"


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
