cimport cython

cdef long long LOUD, LOWEST, HIGHEST
cdef int BEGIN_FRAMES, END_FRAMES


@cython.final
cdef class TalkDetector:
    cdef readonly int talking, loud, quiet
    cdef readonly long long floor

    cdef int c_hear(self, long long energy) noexcept nogil
