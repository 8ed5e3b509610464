cimport cython

from ringline.media.core.engine cimport Engine
from ringline.media.core.ring cimport cursor_t


cdef int SLOT_NS, PACKET_SIZE, RTCP, DATAGRAM, BATCH, BURST, FDS


cdef class NativeDriver:
    cdef Engine engine
    cdef object poller
    cdef int epoll, timer
    cdef readonly int wakeup
    cdef int[::1] leg_of, rtp, rtcp, fds
    cdef unsigned char[::1] data
    cdef long long[::1] source
    cdef cursor_t halted
    cdef readonly long long unsent, latest_ns

    @cython.locals(now_ns="long long", head="long long")
    cdef void c_run(self) noexcept nogil
    @cython.locals(count=int, i=int)
    cdef void c_read(self, long long now_ns) noexcept nogil
    @cython.locals(index=int, size=int)
    cdef void c_read_socket(self, int fd, long long now_ns) noexcept nogil
    @cython.locals(i=int, fd=int, at=int, size=int)
    cdef void c_send(self) noexcept nogil
