"""Who a verified token speaks for."""

from dataclasses import dataclass

ALL_SCOPES = ("voice:transcribe", "voice:synthesize", "chat", "agent", "gateway:read")


@dataclass(frozen=True, slots=True)
class Principal:
    """`expires_at`: seconds since the epoch, as in the token's exp."""

    subject: str
    scopes: frozenset[str]
    expires_at: float

    def may(self, *any_of: str) -> bool:
        """Whether one of the scopes is held; with none asked for, every principal may."""
        return not any_of or not self.scopes.isdisjoint(any_of)
