"""Audio files to samples and back: WAV and MP3, by FFmpeg's decoders and soxr's resampler.

Everything here blocks and allocates: call it in a thread pool, never in the loop or the media thread.
What is read comes from strangers, so the container is told from the file's first bytes and FFmpeg is held to
it and to a short list of codecs: none that opens other files, none that unpacks little into much.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import numpy as np
import soxr
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from ringline.core.errors import RinglineError
from ringline.media import wav

Samples = NDArray[np.int16]

DECODE_LIMIT_S: Final = 1800.0
"""What `decode` holds in memory at most, by default: 58 MB at 16 kHz."""
STREAM_LIMIT_S: Final = 4 * 3600.0
"""What `blocks` plays at most, by default: the longest call."""

_CODECS: Final = {
    "wav": {
        "pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "pcm_mulaw", "pcm_alaw",
        "adpcm_ms", "adpcm_ima_wav", "gsm_ms", "mp3", "mp3float",
    },
    "mp3": {"mp3", "mp3float"},
}  # fmt: skip
_RATES: Final = range(4000, 192_001)
_MAX_CHANNELS: Final = 8


class UnreadableAudio(RinglineError):
    """A file that is no audio we play; the message says why."""


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What a file says of itself. `duration_ms` is None where it does not say, and never to be trusted."""

    container: str
    codec: str
    rate: int
    channels: int
    duration_ms: int | None


def probe(source: bytes | Path) -> AudioInfo:
    """Look at a file's headers without decoding; raises `UnreadableAudio`."""
    with _opened(source) as (container, stream):
        duration_ms = None if container.duration is None else container.duration // 1000
        context = stream.codec_context
        name = container.format.name
        return AudioInfo(name, context.name, context.sample_rate, context.channels, duration_ms)


def blocks(source: bytes | Path, *, rate: int, limit_seconds: float = STREAM_LIMIT_S) -> Iterator[Samples]:
    """Decode piece by piece to mono at `rate`; pieces of any length but zero.

    Raises `UnreadableAudio`, before the first piece where the file is none we play, in between where it turns
    out longer than `limit_seconds`. Damage after the first sound ends or shortens it, as in any player.
    """
    with _opened(source) as (container, stream):
        left = round(limit_seconds * rate)
        heard = False
        for block in _resampled(_decoded(container, stream), rate):
            if len(block) > left:
                raise UnreadableAudio(f"the audio is longer than {limit_seconds:g} s")
            left -= len(block)
            heard = True
            yield block
        if not heard:
            raise UnreadableAudio("the file has no sound in it")


def decode(source: bytes | Path, *, rate: int, limit_seconds: float = DECODE_LIMIT_S) -> Samples:
    """The whole file as mono int16 at `rate`; raises `UnreadableAudio`."""
    return np.concatenate(list(blocks(source, rate=rate, limit_seconds=limit_seconds)))


def encode_wav(pcm: Samples, rate: int, *, channels: int = 1) -> bytes:
    """A 16-bit WAV file; samples of two channels alternate."""
    data = pcm.astype("<i2").tobytes()
    return wav.serialize(wav.WavHeader(channels, rate, len(data))) + data


def encode_mp3(pcm: Samples, rate: int, *, channels: int = 1, bit_rate: int = 32_000) -> bytes:
    """An MP3 file of constant bit rate; `rate` one of MPEG's (8000, 11025, 12000, 16000, 22050, … 48000)."""
    out = io.BytesIO()
    layout = "mono" if channels == 1 else "stereo"
    with av.open(out, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=rate, layout=layout)
        stream.bit_rate = bit_rate
        container.start_encoding()
        if len(pcm):
            frame = AudioFrame.from_ndarray(np.ascontiguousarray(pcm).reshape(1, -1), "s16", layout)
            frame.sample_rate = rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


@contextmanager
def _opened(source: bytes | Path) -> Iterator[tuple[InputContainer, AudioStream]]:
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            name = _container_of(file.read(64 * 1024))
            file.seek(0)
            with av.open(file, "r", format=name, metadata_errors="replace") as container:
                if not container.streams.audio:
                    raise UnreadableAudio("the file has no audio in it")
                stream = container.streams.audio[0]
                _check(name, stream)
                yield container, stream
    except av.FFmpegError as error:
        raise UnreadableAudio(f"the file cannot be read: {error.strerror}") from error


def _container_of(head: bytes) -> str:
    if head[:4] in {b"RIFF", b"RIFX"} and head[8:12] == b"WAVE":
        return "wav"
    # Some encoders pad with zeros; eleven ones, a version, a layer: the header of an MPEG audio frame.
    start = head.lstrip(b"\0")
    if start[:3] == b"ID3" or (len(start) > 1 and start[0] == 0xFF and start[1] & 0xE6 in {0xE2, 0xE4, 0xE6}):
        return "mp3"
    raise UnreadableAudio("the file is neither WAV nor MP3" if head else "the file is empty")


def _check(container: str, stream: AudioStream) -> None:
    context: AudioCodecContext | None = stream.codec_context
    if context is None:
        raise UnreadableAudio("the audio's coding is unknown")
    if context.name not in _CODECS[container]:
        raise UnreadableAudio(f"{context.name} in {container} is not supported")
    if context.sample_rate not in _RATES or not 1 <= context.channels <= _MAX_CHANNELS:
        raise UnreadableAudio(f"{context.channels} channels at {context.sample_rate} Hz are out of range")


def _decoded(container: InputContainer, stream: AudioStream) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Rate and mono samples, frame by frame: damaged packets are left out, rate and channels may change."""
    to_float: AudioResampler | None = None
    shape = None
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.FFmpegError:
            continue
        for frame in frames:
            if to_float is None or shape != (frame.sample_rate, frame.layout.name, frame.format.name):
                shape = (frame.sample_rate, frame.layout.name, frame.format.name)
                to_float = AudioResampler("fltp", frame.layout.name, frame.sample_rate)
            for planar in to_float.resample(frame):
                # A float file may hold anything, NaN too. The mean, not FFmpeg's own downmix, which adds 3 dB
                # to what both channels share, and clips.
                samples = np.nan_to_num(planar.to_ndarray(), nan=0.0, posinf=1.0, neginf=-1.0)
                yield planar.sample_rate, np.clip(samples, -1.0, 1.0).mean(axis=0)


def _resampled(frames: Iterator[tuple[int, NDArray[np.float32]]], rate: int) -> Iterator[Samples]:
    stream: soxr.ResampleStream | None = None
    rate_in = 0
    for frame_rate, samples in frames:
        if stream is None or frame_rate != rate_in:
            if stream is not None:
                yield from _pcm(stream.resample_chunk(np.empty(0, np.float32), last=True))
            rate_in = frame_rate
            stream = soxr.ResampleStream(rate_in, rate, 1, dtype="float32")
        yield from _pcm(stream.resample_chunk(samples))
    if stream is not None:
        yield from _pcm(stream.resample_chunk(np.empty(0, np.float32), last=True))


def _pcm(block: NDArray[np.float32]) -> Iterator[Samples]:
    if len(block):
        yield np.rint(np.clip(block * 32768.0, -32768.0, 32767.0)).astype(np.int16)
