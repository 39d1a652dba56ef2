"""Which language a stream of speech is in, as its utterances have shown. Pure; used by listener.py.

A few words do not show their language well, and looking for it needs Whisper's full window, which costs them
three times as long. What was said before tells it better.
"""

TELLING_SECONDS = 2.0
"""So much speech shows its language by itself, and corrects what was taken for it."""


class SpokenLanguage:
    def __init__(self) -> None:
        self._known: str | None = None
        self._last: str | None = None

    def hint(self, speech_seconds: float) -> str | None:
        """What an utterance of this length is to be heard in; None: it shows by itself, or nobody knows."""
        return None if speech_seconds >= TELLING_SECONDS else self._known

    def heard(self, language: str | None, speech_seconds: float) -> None:
        """An utterance was heard in this language: known from a long one, or from two short ones alike."""
        if language is None:
            return
        if speech_seconds >= TELLING_SECONDS or language == self._last:
            self._known = language
        self._last = language
