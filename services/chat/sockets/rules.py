"""What a socket's client may do, and for how long. From the settings."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SocketRules:
    """`leeway_seconds`: past a token's expiry, as for requests. `deliveries_max`: replies at a time."""

    idle_seconds: float
    leeway_seconds: float
    frames_per_second: float
    frames_burst: int
    bad_frames_max: int
    send_seconds: float
    deliveries_max: int
