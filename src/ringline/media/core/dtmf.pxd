cimport cython

from ringline.media.core.tones cimport Oscillator

cdef int _PACKET, _FIRST, _END, _DONE, _QUEUE, _LAST_DIGIT, _LONGEST


@cython.final
cdef class DigitSender:
    cdef int rate, tick_ms, gap_ms, volume
    cdef int[::1] codes, lengths_ms
    cdef double[::1] frequencies
    cdef Oscillator row, column
    cdef int read, code, elapsed_ms, length_ms, ends
    cdef readonly int queued, sounding

    cdef bint c_push(self, int code, int length_ms) noexcept nogil
    cdef void c_cancel(self) noexcept nogil
    cdef bint c_busy(self) noexcept nogil
    @cython.locals(first=bint)
    cdef int c_next_event(self, unsigned char[::1] dst, int d) noexcept nogil
    cdef int c_next_audio(self, short[::1] dst, int d, int count) noexcept nogil
    cdef bint c_enter(self) noexcept nogil
    cdef int c_leave(self) noexcept nogil


@cython.final
cdef class EventReceiver:
    cdef int clock_rate
    cdef long long timeout_ns, half_circle
    cdef int[::1] codes, durations
    cdef int read
    cdef readonly int queued, taken_ms
    cdef bint active, known
    cdef int code, duration, base
    cdef long long timestamp, heard_ns

    cdef void c_reset(self) noexcept nogil
    cdef int c_receive(
        self, unsigned char[::1] src, int s, int count, long long timestamp, long long now_ns
    ) noexcept nogil
    cdef int c_timeout(self, long long now_ns) noexcept nogil
    cdef int c_take(self) noexcept nogil
    cdef long long c_age(self, long long timestamp) noexcept nogil
    cdef void c_finish(self) noexcept nogil


@cython.final
cdef class DigitDetector:
    cdef int rate, block
    cdef double[::1] coefficients, v1, v2, powers
    cdef int[::1] key_codes, codes, durations
    cdef double least_power, energy
    cdef int position, candidate, digit, hits, misses, read
    cdef readonly int queued, taken_ms

    cdef int c_process(self, short[::1] src, int s, int count) noexcept nogil
    cdef int c_classify(self) noexcept nogil
    cdef int c_strongest(self, int group) noexcept nogil
    cdef void c_judge(self, int heard) noexcept nogil
    cdef int c_take(self) noexcept nogil
    cdef void c_finish(self) noexcept nogil
