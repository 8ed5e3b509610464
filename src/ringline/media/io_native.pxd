cimport cython

from ringline.media.core.engine cimport Engine
from ringline.media.core.link cimport Link
from ringline.media.core.ring cimport cursor_t


cdef int SLOT_NS, PACKET_SIZE, RTCP, DATAGRAM, BATCH, STAGES, BURST, READS, FDS, NOBODY, FIRST_LINK, MASK_POOL


@cython.final
cdef class NativeDriver:
    cdef Engine engine
    cdef object poller
    cdef int epoll, timer
    cdef readonly int wakeup
    cdef int[::1] owner, rtp, rtcp, tcp, readable, ending, fds, ends
    cdef unsigned char[::1] data
    cdef long long[::1] sources
    cdef int[::1] sizes, owners, served
    cdef cursor_t halted
    cdef readonly long long unsent, latest_ns

    @cython.locals(now_ns="long long", head="long long")
    cdef void c_run(self) noexcept nogil
    @cython.locals(count=int, staged=int, i=int, owner=int)
    cdef void c_read(self, long long now_ns) noexcept nogil
    @cython.locals(size=int)
    cdef int c_stage(self, int fd, int owner, int at) noexcept nogil
    @cython.locals(i=int)
    cdef void c_hand_over(self, int staged, long long now_ns) noexcept nogil
    @cython.locals(count=int, i=int)
    cdef void c_serve(self, long long now_ns) noexcept nogil
    @cython.locals(room=int, size=int)
    cdef void c_read_link(self, int index, Link link) noexcept nogil
    cdef void c_work_link(self, int index, Link link) noexcept nogil
    @cython.locals(size=int)
    cdef void c_write_link(self, int index, Link link) noexcept nogil
    @cython.locals(i=int, fd=int, at=int, size=int)
    cdef void c_send(self) noexcept nogil
