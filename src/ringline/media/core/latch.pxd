cimport cython

cdef int LEARN_PACKETS, STRANGER, ACCEPTED, CHANGED
cdef long long SOURCE_SILENT_NS, SSRC_SILENT_NS


@cython.final
cdef class Latch:
    cdef readonly long long announced, source, ssrc, candidate, candidate_ssrc, heard_ns, strangers
    cdef readonly int locked, renewed, candidate_count

    cdef void c_expect(self, long long source) noexcept nogil
    cdef int c_accept(self, long long source, long long ssrc, long long now_ns) noexcept nogil
    cdef int c_lock(self, long long source, long long ssrc, long long now_ns) noexcept nogil
    cdef long long c_target(self) noexcept nogil
