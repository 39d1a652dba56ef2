"""What a live stream's client may do, and for how long. From the settings."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VoiceSocketRules:
    """`leeway_seconds`: past a token's expiry, as for requests."""

    idle_seconds: float
    leeway_seconds: float
    frames_per_second: float
    frames_burst: int
    send_seconds: float
