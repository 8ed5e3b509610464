"""espeak-ng through ctypes: its own voice, and the phonemes that Piper voices are made of.

For worker children only: the library is under the GPL and keeps its state in globals. One thread at a time.
"""

import ctypes
import tempfile
from collections.abc import Callable
from pathlib import Path

import espeakng_loader

from ringline.core.errors import RinglineError

AUDIO_OUTPUT_SYNCHRONOUS = 2
INITIALIZE_DONT_EXIT = 0x8000  # otherwise missing data would end the process
CHARS_UTF8 = 1
PHONEMES_IPA = 0x02
PARAMETER_RATE = 1
NORMAL_WORDS_PER_MINUTE = 175
WORDS_PER_MINUTE = (80, 900)
# The library keeps the folder's name in 160 bytes and cuts what is longer (speech.h, N_PATH_HOME), then adds
# the names of its files.
LONGEST_FOLDER = 120

SynthCallback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class EspeakError(RinglineError):
    """espeak-ng cannot do what it was asked."""


class Espeak:
    """The library, loaded once a process."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._library.espeak_Initialize.argtypes = [
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_char_p,
            ctypes.c_int,
        ]
        self._library.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
        self._library.espeak_Synth.argtypes = [
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_uint,
            ctypes.c_void_p,
            ctypes.c_void_p,
        ]
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._library.espeak_TextToPhonemes.argtypes = [
            ctypes.POINTER(ctypes.c_char_p),
            ctypes.c_int,
            ctypes.c_int,
        ]
        self._folder = self._short(Path(espeakng_loader.get_data_path()))
        rate = self._library.espeak_Initialize(
            AUDIO_OUTPUT_SYNCHRONOUS, 0, str(self._folder).encode(), INITIALIZE_DONT_EXIT
        )
        if rate <= 0:
            raise EspeakError(f"espeak-ng does not start from {self._folder}")
        self.rate: int = rate
        self._pieces: list[bytes] = []
        self._cancelled: Callable[[], bool] = bool
        self._callback = SynthCallback(self._take)  # kept: the library calls it later
        self._library.espeak_SetSynthCallback(self._callback)

    def _short(self, folder: Path) -> Path:
        if len(str(folder)) <= LONGEST_FOLDER:
            return folder
        self._link = tempfile.TemporaryDirectory(prefix="espeak-")
        link = Path(self._link.name) / "data"
        link.symlink_to(folder)
        return link

    def use(self, voice: str) -> None:
        """Choose voice and variant (`en-us`, `en-us+f3`); raises `EspeakError` for one it lacks."""
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise EspeakError(f"espeak-ng has no voice {voice!r}")

    def speak(self, text: str, speed: float, cancelled: Callable[[], bool]) -> bytes:
        """Read text out in the voice in use: mono, 16 bit, native order, at `rate`."""
        slowest, fastest = WORDS_PER_MINUTE
        words_per_minute = min(fastest, max(slowest, round(NORMAL_WORDS_PER_MINUTE * speed)))
        self._library.espeak_SetParameter(PARAMETER_RATE, words_per_minute, 0)
        self._pieces = []
        self._cancelled = cancelled
        data = text.encode()
        if self._library.espeak_Synth(data, len(data) + 1, 0, 1, 0, CHARS_UTF8, None, None) != 0:
            raise EspeakError("espeak-ng refused the text")
        return b"".join(self._pieces)

    def _take(self, samples: "ctypes._Pointer[ctypes.c_short]", count: int, events: int | None) -> int:
        if count > 0:
            self._pieces.append(ctypes.string_at(samples, count * 2))
        return int(self._cancelled())

    def phonemes(self, text: str) -> list[str]:
        """IPA of each clause of the text, in the voice in use."""
        rest = ctypes.c_char_p(text.encode())
        clauses: list[str] = []
        while rest.value:
            ipa = self._library.espeak_TextToPhonemes(ctypes.byref(rest), CHARS_UTF8, PHONEMES_IPA)
            clauses.append(ipa.decode())
        return clauses
