"""Voice names of the API, and the voice that really speaks for each (spec ai-api §11.2, voice-api §5.1)."""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files

from ringline.core.errors import RinglineError

MAX_NAME = 256


class UnknownVoice(RinglineError):
    """A voice name that no provider could have; the API answers 90012."""


class Gender(StrEnum):
    """Of a voice."""

    FEMALE = "female"
    MALE = "male"


@dataclass(frozen=True, slots=True)
class VoiceName:
    """A name taken apart. `provider` is lower case; `model` and `voice` are as given, possibly empty."""

    provider: str
    model: str
    voice: str


@dataclass(frozen=True, slots=True)
class VoiceTraits:
    """What a name tells of its voice; `language` is empty, `gender` None where it tells nothing."""

    language: str
    gender: Gender | None


@dataclass(frozen=True, slots=True)
class LocalVoice:
    """A voice that an engine here has.

    `id` names it to people (`piper:joe`, `espeak:en-us+f3`), `key` to its engine; `quality` orders engines,
    larger is better; `language` is BCP 47, empty for one that speaks any.
    """

    id: str
    engine: str
    key: str
    language: str
    gender: Gender | None
    quality: int


PROVIDERS = frozenset(
    (
        "telnyx",
        "aws",
        "polly",
        "azure",
        "elevenlabs",
        "minimax",
        "resemble",
        "rime",
        "inworld",
        "murfai",
        "fishaudio",
        "soniox",
        "xai",
        "humain",
    )
)
SEGMENT = re.compile(r"[^\s.][^.\x00-\x1f\x7f]*")
LOCALE = re.compile(r"(?<![A-Za-z])([a-z]{2,3})-([A-Z]{2})(?![A-Za-z])")
LANGUAGE_SUFFIX = re.compile(r"(?:^|[-_])([a-z]{2})$")
KOKORO = re.compile(r"([abefhijpz])([fm])(?:_\w+)?")
KOKORO_LANGUAGES = {
    "a": "en-US",
    "b": "en-GB",
    "e": "es-ES",
    "f": "fr-FR",
    "h": "hi-IN",
    "i": "it-IT",
    "j": "ja-JP",
    "p": "pt-BR",
    "z": "cmn-CN",
}
GENDER_WORDS = {
    "male": Gender.MALE,
    "man": Gender.MALE,
    "boy": Gender.MALE,
    "gentleman": Gender.MALE,
    "female": Gender.FEMALE,
    "woman": Gender.FEMALE,
    "girl": Gender.FEMALE,
    "lady": Gender.FEMALE,
}
_names = tomllib.loads(files(__package__).joinpath("names.toml").read_text(encoding="utf-8"))
MEN = frozenset(_names["gender"]["male"])
WOMEN = frozenset(_names["gender"]["female"])
POLLY_LANGUAGES: dict[str, str] = _names["polly"]
CATALOGUE: dict[str, list[str]] = _names["catalogue"]


def parse(name: str) -> VoiceName:
    """Take a voice name apart; raises `UnknownVoice` for one that is malformed or of no provider."""
    if not name or len(name) > MAX_NAME:
        raise UnknownVoice(f"a voice name has 1 to {MAX_NAME} characters; got {len(name)}")
    if name.lower() in tuple(Gender):
        return VoiceName("telnyx", "", name.lower())
    provider, *rest = name.split(".")
    if provider.lower() not in PROVIDERS:
        raise UnknownVoice(
            f"{name!r} is no voice: use male, female or <Provider>.<Model>.<VoiceId>, "
            "such as Telnyx.KokoroTTS.af or AWS.Polly.Joanna-Neural"
        )
    if not all(SEGMENT.fullmatch(segment) for segment in rest):
        raise UnknownVoice(f"{name!r} has an empty or unreadable part")
    if provider.lower() == "polly":  # the older form, Polly.Joanna
        provider, rest = "aws", ["Polly", *rest]
    *model, voice = rest or [""]
    if provider.lower() == "aws" and rest and not model and voice.lower() == "polly":
        model, voice = [voice], ""
    return VoiceName(provider.lower(), ".".join(model), voice)


def bare(name: str) -> str:
    """The full name for one that comes without a provider, as in `POST /audio/speech` (spec ai-api §11.5)."""
    return name if "." in name or name.lower() in tuple(Gender) else f"Telnyx.NaturalHD.{name}"


def traits(name: VoiceName) -> VoiceTraits:
    """Language and gender, as far as the name tells them."""
    if name.model.lower() == "kokorotts" and (kokoro := KOKORO.fullmatch(name.voice)):
        gender = Gender.FEMALE if kokoro[2] == "f" else Gender.MALE
        return VoiceTraits(KOKORO_LANGUAGES[kokoro[1]], gender)
    return VoiceTraits(_language(name), gender_of(name.voice))


def _language(name: VoiceName) -> str:
    if name.provider == "aws":
        return POLLY_LANGUAGES.get(name.voice.partition("-")[0], "en-US" if name.voice else "")
    if locale := LOCALE.search(name.voice):
        return locale[0]
    if name.provider == "humain" and (suffix := LANGUAGE_SUFFIX.search(name.voice)):
        return suffix[1]
    return ""


def gender_of(voice: str) -> Gender | None:
    """What a voice's own name (`Ava:DragonHDLatest`, `en-US-BrianNeural`, `joe`) says; None for nothing."""
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", voice).lower())
    for word in words:
        if word in GENDER_WORDS:
            return GENDER_WORDS[word]
        if word in MEN:
            return Gender.MALE
        if word in WOMEN:
            return Gender.FEMALE
    return None


def spoken_language(name: VoiceName, asked: str) -> str:
    """The language of an utterance: a Polly voice has its own, whatever was asked for; others obey."""
    own = traits(name).language
    return own if name.provider == "aws" and own else (asked or own or "en-US")


def choose(name: VoiceName, language: str, voices: Iterable[LocalVoice]) -> LocalVoice | None:
    """The local voice that speaks for a name: right language first, then quality, region and gender.

    None when no voice speaks the language.
    """
    wanted = spoken_language(name, language)
    gender = traits(name).gender or Gender.FEMALE
    able = [voice for voice in voices if _base(voice.language) in (_base(wanted), "")]
    return max(
        able,
        key=lambda voice: (voice.quality, voice.language.lower() == wanted.lower(), voice.gender is gender),
        default=None,
    )


def _base(language: str) -> str:
    base = language.partition("-")[0].lower()
    return {"arb": "ar", "cmn": "zh", "nb": "no"}.get(base, base)
