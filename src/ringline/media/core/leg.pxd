cimport cython

from ringline.media.core.convert cimport Converter
from ringline.media.core.dtmf cimport DigitDetector
from ringline.media.core.mix cimport Mixer
from ringline.media.core.playout cimport Queue
from ringline.media.core.receive cimport Receiver
from ringline.media.core.ring cimport Records
from ringline.media.core.rtcp cimport RtcpSession
from ringline.media.core.send cimport Sender
from ringline.media.core.talk cimport TalkDetector
from ringline.media.core.tap cimport Tap
from ringline.media.core.tones cimport ToneSource


cdef int FRAME, UNITY, SOURCE_COUNT, NO_TYPE, SEND, RECEIVE, SELF, OPPOSITE, RFC4733, INBAND
cdef int EVENT_DTMF, EVENT_DTMF_SENT, EVENT_TALK, EVENT_RTP_STARTED, EVENT_RTP_TIMEOUT, EVENT_TAP_READY
cdef int EVENT_TONE_ENDED, EVENT_SECOND, DIGITS_DONE, SECOND_FRAMES, KEEPALIVE_FRAMES, NS_PER_MS
cdef long long RANDOM_MASK


@cython.final
cdef class Desk:
    cdef Mixer mixer
    cdef short[::1] scratch, heard


@cython.final
cdef class Leg:
    cdef Desk desk
    cdef readonly int index
    cdef Records events
    cdef readonly Receiver receiver
    cdef readonly Sender sender
    cdef readonly RtcpSession rtcp
    cdef readonly Queue play, overlay, inject
    cdef Converter play_converter, overlay_converter, inject_converter, given_converter
    cdef Tap tap0, tap1, tap2, tap3
    cdef Mixer mixer
    cdef readonly TalkDetector talk
    cdef DigitDetector detector, detector16
    cdef ToneSource tone
    cdef short[::1] injected, given, given_other, scratch, heard
    cdef int[::1] sources, gains
    cdef readonly int source_count, injecting, given_made, given_converted, taps, dialling, direction, connected
    cdef public int target, link, tone_number, idle_silence, detecting
    cdef public long long frames
    cdef readonly long long quiet_frames, waiting_ns, event_token, voice_token, report_ns, rtcp_source, random
    cdef readonly int rtcp_port, timed_out

    cdef void c_remote(self, long long source, int rtcp_port, int codec, int rate, int types, int direction, long long now_ns) noexcept nogil
    cdef int c_route(self, int source, int gain) noexcept nogil
    cdef void c_packet(self, unsigned char[::1] data, int at, int size, long long source, long long now_ns) noexcept nogil
    @cython.locals(code=int, length=int)
    cdef void c_digits(self, long long now_ns) noexcept nogil
    @cython.locals(count=int, change=int)
    cdef void c_listen(self, long long now_ns, long long timeout_ns) noexcept nogil
    @cython.locals(i=int)
    cdef void c_give(self) noexcept nogil
    @cython.locals(code=int)
    cdef void c_detect(self, long long now_ns) noexcept nogil
    @cython.locals(since="long long", silent="long long")
    cdef void c_silence(self, long long now_ns, long long timeout_ns) noexcept nogil
    @cython.locals(count=int, flags=int)
    cdef void c_begin_mix(self, long long now_ns) noexcept nogil
    @cython.locals(count=int)
    cdef void c_play(self, Queue queue, Converter converter, long long now_ns) noexcept nogil
    cdef void c_hear(self, Leg other, int gain) noexcept nogil
    @cython.locals(made=int)
    cdef void c_tone(self, long long now_ns) noexcept nogil
    @cython.locals(number=int)
    cdef void c_end_tone(self, long long now_ns) noexcept nogil
    @cython.locals(count=int, size=int, spoken=int, digit=int)
    cdef int c_speak(self, unsigned char[::1] data, int at, long long now_ns) noexcept nogil
    cdef int c_should_send(self, int spoken) noexcept nogil
    cdef long long c_interval(self) noexcept nogil
    cdef int c_report(self, unsigned char[::1] data, int at, long long now_ns) noexcept nogil
    cdef int c_write_report(self, unsigned char[::1] data, int at, long long now_ns, int bye) noexcept nogil
    cdef void c_control(self, unsigned char[::1] data, int at, int size, long long source, long long now_ns) noexcept nogil
    cdef int c_multiplexed(self) noexcept nogil
    @cython.locals(target="long long")
    cdef long long c_control_target(self) noexcept nogil
    @cython.locals(size=int)
    cdef int c_send_digit(self, unsigned char[::1] data, int at, long long now_ns) noexcept nogil
    cdef void c_tap(self, Tap tap, int number, int spoken, long long now_ns) noexcept nogil
    cdef void c_set_tap(self, int number, int active) noexcept nogil
    cdef void c_digit(self, int code, int length_ms, int method, long long token) noexcept nogil
    cdef void c_close(self, long long now_ns) noexcept nogil
