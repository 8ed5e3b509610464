cimport cython

from ringline.media.core.coder cimport Coder
from ringline.media.core.dtmf cimport DigitSender
from ringline.media.core.rtp cimport Header


cdef int PACKET, FIRST, DONE, NO_TYPE, FRAME
cdef long long M32


@cython.final
cdef class Sender:
    cdef Header header
    cdef readonly Coder coder
    cdef readonly DigitSender events, voice
    cdef short[::1] tone
    cdef readonly int payload_type, event_type, frame, units
    cdef public int paused
    cdef readonly long long ssrc, sequence, timestamp, event_timestamp, packets, octets, skipped_ms

    cdef void c_configure(self, int codec, int rate, int payload_type, int event_type) noexcept nogil
    cdef void c_advance(self, int frames) noexcept nogil
    cdef void c_skip(self, int frames) noexcept nogil
    @cython.locals(size=int)
    cdef int c_audio(self, short[::1] pcm, unsigned char[::1] data, int at) noexcept nogil
    @cython.locals(flags=int, size=int)
    cdef int c_event(self, unsigned char[::1] data, int at) noexcept nogil
    cdef void c_header(self, unsigned char[::1] data, int at, int kind, int marker, long long timestamp) noexcept nogil
