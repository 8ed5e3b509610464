import pytest

from ringline.speech.catalogue import PROVIDERS, UnknownProvider, catalogue
from ringline.speech.engines.espeak_voices import VOICES
from ringline.speech.voices import Gender, choose, parse

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("voice_id", "provider", "name", "language", "gender"),
    [
        ("Telnyx.NaturalHD.astra", "telnyx", "Astra", "en-US", Gender.FEMALE),
        ("Telnyx.KokoroTTS.bf_emma", "telnyx", "Bf_emma", "en-GB", Gender.FEMALE),
        ("AWS.Polly.Joanna", "aws", "Joanna", "en-US", Gender.FEMALE),
        ("AWS.Polly.Hans", "aws", "Hans", "de-DE", Gender.MALE),
        ("Azure.en-CA-ClaraNeural", "azure", "En-CA-ClaraNeural", "en-CA", Gender.FEMALE),
        ("xAI.rex", "xai", "Rex", "en-US", Gender.MALE),
        ("Humain.nourah-ar", "humain", "Nourah-ar", "ar", Gender.FEMALE),
    ],
)
def test_voices_that_clients_know_are_listed(
    voice_id: str, provider: str, name: str, language: str, gender: Gender
) -> None:
    (voice,) = [voice for voice in catalogue() if voice.voice_id == voice_id]
    assert (voice.provider, voice.name, voice.language, voice.gender) == (provider, name, language, gender)


def test_each_is_listed_once_and_can_be_spoken_with() -> None:
    voices = catalogue()
    assert len({voice.voice_id for voice in voices}) == len(voices)
    for voice in voices:
        chosen = choose(parse(voice.voice_id), "", VOICES)
        assert chosen is not None, voice
        assert voice.gender in (None, chosen.gender), voice


def test_nearly_all_tell_their_gender() -> None:
    assert [voice.voice_id for voice in catalogue() if voice.gender is None] == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_lists_its_own(provider: str) -> None:
    voices = catalogue(provider.upper())
    assert {voice.provider for voice in voices} <= {provider}
    assert voices == [voice for voice in catalogue() if voice.provider == provider]


def test_another_provider_is_unknown() -> None:
    with pytest.raises(UnknownProvider, match="'nobody' is no provider; there are aws, telnyx"):
        catalogue("nobody")
