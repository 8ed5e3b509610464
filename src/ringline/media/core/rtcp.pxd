cimport cython

from ringline.media.core.quality cimport ReceptionStats

cdef int _SR, _RR, _SDES, _BYE, _CNAME


@cython.final
cdef class RtcpSession:
    cdef public long long ssrc, remote_ssrc
    cdef unsigned char[::1] cname
    cdef int cname_length
    cdef long long epoch_ns, second, circle, last_report, last_report_ns
    cdef readonly long long round_trip_us, remote_jitter
    cdef readonly int remote_fraction_lost, remote_lost
    cdef readonly bint left

    @cython.locals(ns=cython.longlong)
    cdef int c_report(
        self,
        unsigned char[::1] dst,
        int d,
        long long now_ns,
        long long timestamp,
        long long packets,
        long long octets,
        ReceptionStats stats,
        bint bye,
    ) noexcept nogil
    cdef int c_block(self, unsigned char[::1] dst, int at, long long now_ns, ReceptionStats stats) noexcept nogil
    cdef int c_description(self, unsigned char[::1] dst, int at) noexcept nogil
    cdef int c_receive(self, unsigned char[::1] src, int s, int count, long long now_ns) noexcept nogil
    cdef void c_hear(self, unsigned char[::1] src, int block, long long now_ns) noexcept nogil
    cdef void c_header(self, unsigned char[::1] dst, int at, int count, int kind, int size) noexcept nogil
    cdef void c_put(self, unsigned char[::1] dst, int at, long long value) noexcept nogil
    @cython.locals(high=cython.longlong)
    cdef long long c_get(self, unsigned char[::1] src, int at) noexcept nogil
