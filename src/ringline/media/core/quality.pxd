cimport cython

cdef int _MAX_DROPOUT


@cython.final
cdef class ReceptionStats:
    cdef int clock_rate
    cdef long long half_circle, timestamp, arrival
    cdef readonly long long received, base, highest, measured, jitter16, max_jitter16
    cdef long long reported_expected, reported_received

    cdef void c_reset(self) noexcept nogil
    cdef void c_packet(self, int sequence, long long timestamp, long long now_ns) noexcept nogil
    cdef void c_spread(self, long long difference) noexcept nogil
    cdef long long c_circular(self, long long difference) noexcept nogil
    cdef long long c_expected(self) noexcept nogil
    cdef int c_fraction_lost(self) noexcept nogil
    cdef long long c_jitter(self) noexcept nogil
