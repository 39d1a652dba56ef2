"""Decides what of a text that is still being written can be spoken. Pure; called by text_to_speech.py."""

from services.voice.conversation.phrasing import Phrasing


class WrittenText:
    """The first piece waits for a second. One that has none is a whole answer ("Turned on the light"), and is
    spoken in whole sentences: cut into phrases it begins a little sooner, and is harder to understand.
    """

    def __init__(self) -> None:
        self._first = ""
        self._phrasing: Phrasing | None = None

    def feed(self, piece: str) -> list[str]:
        """The parts that can be spoken now."""
        if not self._first:
            self._first = piece
            return []
        if self._phrasing is None:
            self._phrasing, piece = Phrasing(), self._first + piece
        return [phrase.text for phrase in self._phrasing.feed(piece)]

    def finish(self) -> list[str]:
        """The rest, when the text is whole."""
        if self._phrasing is not None:
            return [phrase.text for phrase in self._phrasing.finish()]
        return [self._first] if self._first else []
