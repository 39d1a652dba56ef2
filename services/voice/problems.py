"""The voice service's own problems."""

from services.common.problems import NotFound, PayloadTooLarge, ProblemError, ServiceUnavailable


class UnsupportedAudio(ProblemError):
    type, title, status = "/problems/unsupported-audio", "Unsupported audio", 415


class DamagedAudio(ProblemError):
    type, title, status = "/problems/damaged-audio", "Damaged audio", 422


class AudioTooLong(PayloadTooLarge):
    type, title, status = "/problems/audio-too-long", "Audio too long", 413


class NoEngine(ServiceUnavailable):
    """Every engine that could have served is missing, resting, or has just failed. Carries `attempts`."""

    type, title, status = "/problems/no-engine", "No engine could serve this", 503


class JobNotFound(NotFound):
    """A job that never was, has expired, or is another user's: nobody can tell them apart."""

    title = "Job not found"

    def __init__(self) -> None:
        super().__init__("There is no such job, or its result has expired.")


class JobNotDone(ProblemError):
    type, title, status = "/problems/job-not-done", "Job not done", 409

    def __init__(self, state: str) -> None:
        super().__init__(f"The job is {state}: there is no text of it.", state=state)


class JobsUnavailable(ServiceUnavailable):
    type, title = "/problems/jobs-unavailable", "Jobs unavailable"

    def __init__(self, detail: str = "The store of the jobs does not answer. No job was lost.") -> None:
        super().__init__(detail, headers={"Retry-After": "1"}, retry_after_seconds=1)


class TicketsUnavailable(ServiceUnavailable):
    type, title = "/problems/tickets-unavailable", "Tickets unavailable"

    def __init__(self) -> None:
        super().__init__(
            "Tickets cannot be looked up just now. Try again in a moment, or open the socket with a token.",
            headers={"Retry-After": "1"},
            retry_after_seconds=1,
        )
