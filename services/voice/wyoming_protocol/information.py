"""What Wyoming's clients are told about us."""

from collections.abc import Mapping

from wyoming.info import Attribution

from services.voice.transcription.engine import TranscriptionEngine

PROGRAM_NAME = "Parley"
"""Home Assistant shows it, and makes the names of its entities from it: `stt.parley`, `tts.parley`."""
PROJECT = Attribution(name="Parley", url="")
VERSION = "0.1.0"

_MAKERS: Mapping[str, Attribution] = {
    "coqui": Attribution("Coqui", "https://github.com/idiap/coqui-ai-TTS"),
    "espeak": Attribution("eSpeak NG", "https://github.com/espeak-ng/espeak-ng"),
    "google": Attribution("Google Cloud", "https://cloud.google.com/text-to-speech"),
    "kokoro": Attribution("hexgrad", "https://huggingface.co/hexgrad/Kokoro-82M"),
    "vosk": Attribution("Alpha Cephei", "https://alphacephei.com/vosk"),
    "whisper": Attribution("OpenAI", "https://github.com/openai/whisper"),
}
_WHISPER_LANGUAGES = (
    *("af", "am", "ar", "as", "az", "ba", "be", "bg", "bn", "bo", "br", "bs", "ca", "cs", "cy", "da"),
    *("de", "el", "en", "es", "et", "eu", "fa", "fi", "fo", "fr", "gl", "gu", "ha", "haw", "he", "hi"),
    *("hr", "ht", "hu", "hy", "id", "is", "it", "ja", "jw", "ka", "kk", "km", "kn", "ko", "la", "lb"),
    *("ln", "lo", "lt", "lv", "mg", "mi", "mk", "ml", "mn", "mr", "ms", "mt", "my", "ne", "nl", "nn"),
    *("no", "oc", "pa", "pl", "ps", "pt", "ro", "ru", "sa", "sd", "si", "sk", "sl", "sn", "so", "sq"),
    *("sr", "su", "sv", "sw", "ta", "te", "tg", "th", "tk", "tl", "tr", "tt", "uk", "ur", "uz", "vi"),
    *("yi", "yo", "zh"),
)
"""All ninety-nine: Home Assistant offers no other, and how well each is heard is for people to judge.
Source: openai/whisper, whisper/tokenizer.py, LANGUAGES.
"""
_COMMON_TAGS = {"cmn": "zh"}
"""eSpeak's word for a language where clients look for another."""


def attribution(engine: str) -> Attribution:
    """Who made what the engine speaks or hears with."""
    return _MAKERS.get(engine, PROJECT)


def heard_languages(engine: TranscriptionEngine) -> list[str]:
    """Those that the engine could be asked for; `whisper-tiny.en` has one."""
    known = getattr(engine, "languages", _WHISPER_LANGUAGES)
    return [language for language in known if engine.availability(language).available]


def tag(language: str) -> str:
    """The tag under which clients look for a voice's language."""
    return _COMMON_TAGS.get(language, language)
