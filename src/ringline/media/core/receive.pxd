cimport cython

from ringline.media.core.coder cimport Coder
from ringline.media.core.dtmf cimport EventReceiver
from ringline.media.core.jitter cimport JitterBuffer
from ringline.media.core.latch cimport Latch
from ringline.media.core.mix cimport Mixer
from ringline.media.core.plc cimport Concealer
from ringline.media.core.quality cimport ReceptionStats
from ringline.media.core.rtp cimport Header


cdef int FIFO, FRAME, NO_TYPE, COMFORT_NOISE, STRANGER, CHANGED, CONCEAL, STARVED, KEPT


@cython.final
cdef class Receiver:
    cdef readonly Header header
    cdef readonly Latch latch
    cdef readonly JitterBuffer jitter
    cdef readonly Coder coder
    cdef Concealer concealer, concealer16
    cdef readonly EventReceiver events
    cdef readonly ReceptionStats stats
    cdef Mixer mixer
    cdef short[::1] fifo, pcm, second
    cdef readonly int held, frame, payload_type, event_type, expecting, live
    cdef public int fresh, pressed
    cdef readonly long long packets, octets, malformed, unknown, heard_ns

    @cython.locals(before=int, before_rate=int)
    cdef void c_configure(self, int codec, int rate, int payload_type, int event_type) noexcept nogil
    @cython.locals(length=int, verdict=int, kind=int, audio=int, kept=int)
    cdef int c_packet(self, unsigned char[::1] data, int at, int size, long long source, long long now_ns) noexcept nogil
    @cython.locals(shrink=int)
    cdef void c_frame(self, long long now_ns) noexcept nogil
    @cython.locals(slot=int)
    cdef void c_take(self, short[::1] out, long long now_ns) noexcept nogil
    cdef int c_samples(self, int slot) noexcept nogil
    @cython.locals(samples=int)
    cdef int c_packet_samples(self, int slot, short[::1] out, int at) noexcept nogil
    @cython.locals(samples=int)
    cdef void c_append(self, int slot) noexcept nogil
    cdef int c_units(self, long long units) noexcept nogil
    cdef void c_good(self, short[::1] out, int at, int samples) noexcept nogil
