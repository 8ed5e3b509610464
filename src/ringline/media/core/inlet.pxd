cimport cython

from ringline.media.core.coder cimport Coder
from ringline.media.core.message cimport Reader
from ringline.media.core.playout cimport Queue
from ringline.media.core.resample cimport Resampler


cdef int OCTETS


@cython.final
cdef class Scratch:
    cdef unsigned char[::1] octets
    cdef short[::1] decoded, samples


@cython.final
cdef class Inlet:
    cdef Reader reader
    cdef Queue queue
    cdef Coder coder
    cdef Resampler resampler
    cdef Scratch scratch
    cdef int same

    @cython.locals(octets=int, samples=int, longest="long long")
    cdef int c_push(self, const unsigned char[::1] text, int at, int size, long long most) noexcept nogil
