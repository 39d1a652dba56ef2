"""Which part of a reply was heard, given how much of its audio was played. Pure."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class _Span:
    seconds: float
    characters: int
    """Of the reply, up to this span's end."""


@dataclass(slots=True)
class HeardText:
    """Grows as a reply is spoken."""

    _spans: list[_Span] = field(default_factory=list)
    _text: str = ""

    @property
    def seconds(self) -> float:
        """How much audio there is."""
        return sum(span.seconds for span in self._spans)

    @property
    def text(self) -> str:
        return self._text

    def spoke(self, text: str, seconds: float) -> None:
        """The reply's next characters, and how long they are as speech."""
        self._text += text
        self._spans.append(_Span(seconds, len(self._text)))

    def more(self, seconds: float) -> None:
        """The last phrase went on for so much longer."""
        last = self._spans.pop()
        self._spans.append(_Span(last.seconds + seconds, last.characters))

    def characters(self, played_seconds: float) -> int:
        """Whole words of which the greater part was played; all of them when everything was."""
        begun_at, before = 0.0, 0
        for span in self._spans:
            if played_seconds < begun_at + span.seconds:
                share = max(0.0, played_seconds - begun_at) / span.seconds
                return self._at_a_word(before, before + round(share * (span.characters - before)))
            begun_at, before = begun_at + span.seconds, span.characters
        return before

    def _at_a_word(self, least: int, near: int) -> int:
        """The end of the last word that ends at or before `near`."""
        if near >= len(self._text):
            return near
        return next((at for at in range(near, least, -1) if self._text[at].isspace()), least)
