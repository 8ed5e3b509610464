cimport cython
from ringline.media.core.g711 cimport G711
from ringline.media.core.g722 cimport G722Decoder, G722Encoder
from ringline.media.core.l16 cimport L16


cdef int PCMU, PCMA, G722, LITTLE


@cython.final
cdef class Coder:
    cdef G711 mu_law, a_law
    cdef L16 l16, l16_little
    cdef G722Encoder g722_encoder
    cdef G722Decoder g722_decoder
    cdef readonly int codec, rate, clock, octets_per_unit

    cdef void c_set(self, int codec, int rate) noexcept nogil
    cdef int c_samples(self, int octets) noexcept nogil
    cdef int c_decode(self, unsigned char[::1] src, int s, int octets, short[::1] dst, int d) noexcept nogil
    cdef int c_encode(self, short[::1] src, int s, int samples, unsigned char[::1] dst, int d) noexcept nogil
