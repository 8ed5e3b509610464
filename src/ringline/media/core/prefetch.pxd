cimport cython


cdef extern from *:
    """
    #ifndef RINGLINE_PREFETCH
    #define RINGLINE_PREFETCH
    static inline void ringline_prefetch(long long address, long long octets) {
        for (long long line = address & ~63LL; line < address + octets; line += 64)
            __builtin_prefetch((const void *)line);
    }
    #endif
    """
    void ringline_prefetch(long long address, long long octets) noexcept nogil


cdef int PLACES


@cython.final
cdef class Prefetch:
    cdef long long[::1] addresses, octets
    cdef int[::1] counts

    @cython.locals(at=int, i=int)
    cdef void c_fetch(self, int index) noexcept nogil
