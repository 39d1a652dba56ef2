"""What Wyoming's clients are told about us."""

from wyoming.info import Attribution

ATTRIBUTION = Attribution(name="Parley", url="")
VERSION = "0.1.0"
WHISPER_LANGUAGES = ("en", "de", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "sv", "tr", "uk", "zh")
"""Those that Whisper hears best of its ninety-nine. Source: arXiv:2212.04356, appendix D."""
