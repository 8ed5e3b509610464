from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.speech.engines.espeak_voices import LANGUAGES, VOICES
from ringline.speech.voices import (
    Gender,
    LocalVoice,
    UnknownVoice,
    VoiceName,
    VoiceTraits,
    bare,
    choose,
    gender_of,
    parse,
    spoken_language,
    traits,
)

pytestmark = pytest.mark.unit

JOE = LocalVoice("piper:joe", "piper", "joe.onnx", "en-US", Gender.MALE, quality=3)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("male", ("telnyx", "", "male")),
        ("Female", ("telnyx", "", "female")),
        ("AWS.Polly.Joanna", ("aws", "Polly", "Joanna")),
        ("aws.Polly.Generative.Lucia", ("aws", "Polly.Generative", "Lucia")),
        ("Polly.Joanna", ("aws", "Polly", "Joanna")),
        ("AWS.Polly", ("aws", "Polly", "")),
        ("Telnyx.KokoroTTS.af_heart", ("telnyx", "KokoroTTS", "af_heart")),
        ("telnyx.NaturalHD.Telnyx_Alloy", ("telnyx", "NaturalHD", "Telnyx_Alloy")),
        (
            "Telnyx.Ultra.3f2c0e9a-1111-4222-8333-444455556666",
            ("telnyx", "Ultra", "3f2c0e9a-1111-4222-8333-444455556666"),
        ),
        ("Azure.en-US-Ava:DragonHDLatestNeural", ("azure", "", "en-US-Ava:DragonHDLatestNeural")),
        (
            "ElevenLabs.eleven_multilingual_v2.21m00Tcm4TlvDq8ikWAM",
            ("elevenlabs", "eleven_multilingual_v2", "21m00Tcm4TlvDq8ikWAM"),
        ),
        ("ElevenLabs.21m00Tcm4TlvDq8ikWAM", ("elevenlabs", "", "21m00Tcm4TlvDq8ikWAM")),
        (
            "Minimax.speech-2.8-turbo.English_radiant_girl",
            ("minimax", "speech-2.8-turbo", "English_radiant_girl"),
        ),
        ("FishAudio.s2.1-pro.abc", ("fishaudio", "s2.1-pro", "abc")),
        ("xAI.eve", ("xai", "", "eve")),
        ("Humain.sara-ar", ("humain", "", "sara-ar")),
        ("Soniox.tts-rt-v2.Emma", ("soniox", "tts-rt-v2", "Emma")),
        ("Telnyx", ("telnyx", "", "")),
    ],
)
def test_names_of_every_provider_are_taken_apart(name: str, parts: tuple[str, str, str]) -> None:
    assert parse(name) == VoiceName(*parts)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "joanna",
        "Nobody.X.Y",
        "AWS.",
        "AWS..Joanna",
        "AWS.Polly.",
        ".Polly",
        "AWS.Po\nlly.X",
        "AWS. Polly",
        "x" * 257,
        "AWS." + "x" * 300,
    ],
)
def test_malformed_names_are_unknown(name: str) -> None:
    with pytest.raises(UnknownVoice):
        parse(name)


@pytest.mark.parametrize(
    ("name", "language", "gender"),
    [
        ("male", "", Gender.MALE),
        ("female", "", Gender.FEMALE),
        ("AWS.Polly.Joanna-Neural", "en-US", Gender.FEMALE),
        ("AWS.Polly.Brian", "en-GB", Gender.MALE),
        ("Polly.Hans", "de-DE", Gender.MALE),
        ("AWS.Polly.Zeina", "arb", Gender.FEMALE),
        ("Telnyx.KokoroTTS.af", "en-US", Gender.FEMALE),
        ("Telnyx.KokoroTTS.bm_george", "en-GB", Gender.MALE),
        ("Telnyx.KokoroTTS.jf_alpha", "ja-JP", Gender.FEMALE),
        ("Telnyx.NaturalHD.astra", "", Gender.FEMALE),
        ("Azure.en-CA-ClaraNeural", "en-CA", Gender.FEMALE),
        ("Azure.de-DE-FlorianMultilingualNeural", "de-DE", None),
        ("Azure.en-US-BrianMultilingualNeural", "en-US", Gender.MALE),
        ("Resemble.Turbo.Aaron_en-US", "en-US", Gender.MALE),
        ("Minimax.speech-02-hd.Wise_Woman", "", Gender.FEMALE),
        ("Humain.sara-ar", "ar", Gender.FEMALE),
        ("ElevenLabs.v3.21m00Tcm4TlvDq8ikWAM", "", None),
    ],
)
def test_names_tell_language_and_gender(name: str, language: str, gender: Gender | None) -> None:
    assert traits(parse(name)) == VoiceTraits(language, gender)


@pytest.mark.parametrize(
    ("name", "asked", "language"),
    [
        ("AWS.Polly.Hans", "en-US", "de-DE"),
        ("AWS.Polly", "fr-FR", "fr-FR"),
        ("female", "it-IT", "it-IT"),
        ("female", "", "en-US"),
        ("Telnyx.KokoroTTS.ff_siwis", "", "fr-FR"),
        ("Telnyx.KokoroTTS.ff_siwis", "de-DE", "de-DE"),
    ],
)
def test_polly_voices_have_their_own_language_and_others_obey(name: str, asked: str, language: str) -> None:
    assert spoken_language(parse(name), asked) == language


@pytest.mark.parametrize("language", sorted(LANGUAGES))
@pytest.mark.parametrize("gender", list(Gender))
def test_every_language_of_the_api_has_both_voices(language: str, gender: Gender) -> None:
    voice = choose(parse(gender.value), language, VOICES)
    assert voice is not None
    assert (voice.language, voice.gender) == (language, gender)


def test_a_better_engine_wins_over_region_and_gender_but_not_over_language() -> None:
    voices = (*VOICES, JOE)
    assert choose(parse("female"), "en-GB", voices) == JOE
    german = choose(parse("male"), "de-DE", voices)
    assert german is not None
    assert german.id == "espeak:de"


def test_a_voice_for_any_language_speaks_all() -> None:
    anyone = LocalVoice("remote:alloy", "remote", "alloy", "", Gender.FEMALE, quality=5)
    assert choose(parse("male"), "ja-JP", (*VOICES, anyone)) == anyone


@pytest.mark.parametrize(
    ("asked", "language"), [("no-NO", "nb-NO"), ("ar-SA", "arb"), ("zh-CN", "cmn-CN"), ("en", "en")]
)
def test_other_tags_of_the_same_language_are_understood(asked: str, language: str) -> None:
    voice = choose(parse("male"), asked, VOICES)
    assert voice is not None
    assert voice.language.partition("-")[0] == language.partition("-")[0]


def test_a_language_without_a_voice_has_none() -> None:
    assert choose(parse("male"), "tlh", VOICES) is None


def test_gender_of_a_voices_own_name() -> None:
    assert gender_of("joe") is Gender.MALE
    assert gender_of("en-US-AvaMultilingualNeural") is Gender.FEMALE
    assert gender_of("nobody-knows") is None


@pytest.mark.parametrize(
    ("name", "full"),
    [("astra", "Telnyx.NaturalHD.astra"), ("male", "male"), ("AWS.Polly.Joanna", "AWS.Polly.Joanna")],
)
def test_bare_names_are_natural_voices(name: str, full: str) -> None:
    assert bare(name) == full
    parse(bare(name))


@given(st.text(max_size=100))
@settings(max_examples=200)
def test_any_name_has_a_voice_or_is_unknown(name: str) -> None:
    for candidate in (name, f"Telnyx.{name}", f"AWS.Polly.{name}"):
        with suppress(UnknownVoice):
            assert choose(parse(candidate), "en-US", VOICES) is not None
