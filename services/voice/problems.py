"""The voice service's own problems."""

from services.common.problems import PayloadTooLarge, ProblemError, ServiceUnavailable


class UnsupportedAudio(ProblemError):
    type, title, status = "/problems/unsupported-audio", "Unsupported audio", 415


class DamagedAudio(ProblemError):
    type, title, status = "/problems/damaged-audio", "Damaged audio", 422


class AudioTooLong(PayloadTooLarge):
    type, title, status = "/problems/audio-too-long", "Audio too long", 413


class NoEngine(ServiceUnavailable):
    """Every engine that could have served is missing, resting, or has just failed. Carries `attempts`."""

    type, title, status = "/problems/no-engine", "No engine could serve this", 503
