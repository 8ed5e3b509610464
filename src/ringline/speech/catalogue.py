"""What `GET /text-to-speech/voices` lists (spec ai-api §11.3); who really speaks, `voices.choose` says."""

from collections.abc import Iterator
from dataclasses import dataclass

from ringline.core.errors import RinglineError
from ringline.speech.voices import CATALOGUE, POLLY_LANGUAGES, Gender, parse, spoken_language, traits

# Those that the endpoint takes; the last two have no voices of a name that everybody knows.
PROVIDERS = ("aws", "telnyx", "azure", "minimax", "resemble", "xai", "humain", "soniox", "elevenlabs", "rime")
PREFIXES = {"aws": "AWS", "xai": "xAI"}


class UnknownProvider(RinglineError):
    """A provider that the catalogue does not know; the API answers 400."""


@dataclass(frozen=True, slots=True)
class CatalogueVoice:
    """`voice_id` can be used as `voice` as it is; `gender` is None where the name does not tell it."""

    provider: str
    name: str
    voice_id: str
    language: str
    gender: Gender | None


def catalogue(provider: str | None = None) -> list[CatalogueVoice]:
    """Every voice, or those of one provider (any case); raises `UnknownProvider`."""
    if provider is None:
        return [voice for known in PROVIDERS for voice in _of(known)]
    if provider.lower() not in PROVIDERS:
        raise UnknownProvider(f"{provider!r} is no provider; there are {', '.join(PROVIDERS)}")
    return list(_of(provider.lower()))


def _of(provider: str) -> Iterator[CatalogueVoice]:
    names = (
        [f"Polly.{name}" for name in POLLY_LANGUAGES] if provider == "aws" else CATALOGUE.get(provider, [])
    )
    prefix = PREFIXES.get(provider, provider.capitalize())
    for name in names:
        voice_id = f"{prefix}.{name}"
        parsed = parse(voice_id)
        yield CatalogueVoice(
            provider=provider,
            name=parsed.voice[:1].upper() + parsed.voice[1:],
            voice_id=voice_id,
            language=spoken_language(parsed, ""),
            gender=traits(parsed).gender,
        )
