"""The voices of espeak-ng for the languages of the API (spec voice-api §5.1)."""

from ringline.speech.voices import Gender, LocalVoice

# `en` is the British one there; it has none for India, Australia, Wales or Canada.
LANGUAGES = {
    "arb": "ar",
    "cmn-CN": "cmn",
    "cy-GB": "cy",
    "da-DK": "da",
    "de-DE": "de",
    "en-AU": "en",
    "en-GB": "en",
    "en-GB-WLS": "en",
    "en-IN": "en",
    "en-US": "en-us",
    "es-ES": "es",
    "es-MX": "es-419",
    "es-US": "es-419",
    "fr-CA": "fr",
    "fr-FR": "fr",
    "hi-IN": "hi",
    "is-IS": "is",
    "it-IT": "it",
    "ja-JP": "ja",
    "ko-KR": "ko",
    "nb-NO": "nb",
    "nl-NL": "nl",
    "pl-PL": "pl",
    "pt-BR": "pt-br",
    "pt-PT": "pt",
    "ro-RO": "ro",
    "ru-RU": "ru",
    "sv-SE": "sv",
    "tr-TR": "tr",
}
VARIANTS = {Gender.MALE: "", Gender.FEMALE: "+f3"}

VOICES = tuple(
    LocalVoice(f"espeak:{name}{variant}", "espeak", f"{name}{variant}", language, gender, quality=1)
    for language, name in LANGUAGES.items()
    for gender, variant in VARIANTS.items()
)
