"""Piper voices on disk: a model `X.onnx` and beside it `X.onnx.json`, Piper's own layout."""

from pathlib import Path

import msgspec

from ringline.core.errors import ConfigError
from ringline.speech.voices import LocalVoice, gender_of

NEURAL = 3


class PiperAudio(msgspec.Struct, frozen=True):
    """The `audio` member."""

    sample_rate: int


class PiperEspeak(msgspec.Struct, frozen=True):
    """The `espeak` member: in which voice the phonemes are made."""

    voice: str


class PiperInference(msgspec.Struct, frozen=True):
    """The `inference` member: variation of timbre, duration of phonemes, variation of rhythm."""

    noise_scale: float = 0.667
    length_scale: float = 1.0
    noise_w: float = 0.8


class PiperLanguage(msgspec.Struct, frozen=True):
    """The `language` member; `code` is `en_US`."""

    code: str


class PiperConfig(msgspec.Struct, frozen=True):
    """What `X.onnx.json` holds, as far as it is used here."""

    audio: PiperAudio
    espeak: PiperEspeak
    phoneme_id_map: dict[str, list[int]]
    inference: PiperInference = PiperInference()
    language: PiperLanguage = PiperLanguage("en_US")
    num_speakers: int = 1
    dataset: str = ""


class PiperSettings(msgspec.Struct, frozen=True):
    """The models to load, as paths, and the threads that one inference may use."""

    models: tuple[str, ...]
    threads: int = 1


def read_config(model: Path) -> PiperConfig:
    """The configuration beside a model; raises `ConfigError`."""
    path = model.with_name(model.name + ".json")
    try:
        return msgspec.json.decode(path.read_bytes(), type=PiperConfig)
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(f"{path} is no Piper voice configuration: {error}") from error


def find_voices(models: Path) -> tuple[LocalVoice, ...]:
    """The Piper voices in a folder and the folders in it, by name; broken ones raise `ConfigError`."""
    found = sorted((*models.glob("*.onnx"), *models.glob("*/*.onnx")), key=lambda path: path.name)
    return tuple(_voice(path) for path in found if path.with_name(path.name + ".json").is_file())


def _voice(model: Path) -> LocalVoice:
    config = read_config(model)
    return LocalVoice(
        id=f"piper:{model.stem}",
        engine="piper",
        key=str(model),
        language=config.language.code.replace("_", "-"),
        gender=gender_of(config.dataset or model.stem),
        quality=NEURAL,
    )
