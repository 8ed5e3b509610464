cimport cython


cdef int SLOTS, SLOT_SIZE, SMALLEST, FIELDS, SEQUENCE, SEEN, STAMP, ARRIVAL, LENGTH
cdef int CONCEAL, SILENCE, STARVED, WAIT, KEPT, DUPLICATE, LATE, STRAY, OVERSIZE
cdef long long FEWEST_NS, MOST_NS, ONE_SECOND, M32, TURN, FAR


@cython.final
cdef class JitterBuffer:
    cdef unsigned char[::1] data
    cdef long long[::1] kept
    cdef int stride
    cdef readonly long long received, lost, late, duplicates, reordered, concealed, shrunk, resets
    cdef readonly long long spread_ns, ns_per_unit, granted
    cdef readonly int clock, octets_per_unit, quantum
    cdef readonly long long newest, newest_stamp, next, floor, cursor, end
    cdef readonly int started, waiting, starved, pulls
    cdef long long stray, base_ns, lowest

    cdef void c_configure(self, int clock, int octets_per_unit) noexcept nogil
    cdef void c_reset(self) noexcept nogil
    cdef long long c_target_ns(self) noexcept nogil
    cdef long long c_level(self) noexcept nogil
    @cython.locals(delta="long long", number="long long", stamp="long long", slot=int, i=int)
    cdef int c_put(self, long long sequence, long long timestamp, unsigned char[::1] data, int at, int length, int audio, long long now_ns) noexcept nogil
    cdef int c_length(self, int slot) noexcept nogil
    @cython.locals(stride=int, k=int, slot=int, i=int)
    cdef void c_widen(self, int length) noexcept nogil
    @cython.locals(delta="long long")
    cdef long long c_extend(self, long long timestamp) noexcept nogil
    @cython.locals(transit="long long", lateness="long long")
    cdef void c_measure(self, long long stamp, long long now_ns) noexcept nogil
    @cython.locals(oldest="long long", slot=int)
    cdef void c_overrun(self) noexcept nogil
    @cython.locals(number="long long")
    cdef long long c_find(self) noexcept nogil
    cdef void c_begin(self, long long number) noexcept nogil
    @cython.locals(slot=int)
    cdef void c_skip_empty(self) noexcept nogil
    cdef void c_give_up(self, long long number) noexcept nogil
    @cython.locals(number="long long", slot=int, ahead="long long", units="long long", short=bint)
    cdef int c_next(self, long long now_ns) noexcept nogil
    @cython.locals(level="long long", target="long long", verdict=int)
    cdef int c_excess(self) noexcept nogil
