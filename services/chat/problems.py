"""The chat service's own problems."""

from collections.abc import Mapping

from services.common.problems import InvalidRequest, NotFound, ProblemError, ServiceUnavailable


class SessionNotFound(NotFound):
    """A session that never was, and another user's: nobody can tell the two apart."""

    title = "Session not found"

    def __init__(self) -> None:
        super().__init__("There is no such session.")


class ReplyNotFound(NotFound):
    title = "Reply not found"

    def __init__(self) -> None:
        super().__init__("There is no such reply, or it is too long ago to be resumed. The history has it.")


class MessageNotFound(NotFound):
    title = "Message not found"

    def __init__(self) -> None:
        super().__init__("There is no such message in this session.")


class TooManySessions(ProblemError):
    type, title, status = "/problems/too-many-sessions", "Too many sessions", 409

    def __init__(self, sessions_max: int) -> None:
        super().__init__(
            f"You have {sessions_max} sessions. Delete one to begin another.", sessions_max=sessions_max
        )


class IdempotencyKeyReused(InvalidRequest):
    """The same key or message id with another text.

    Source: draft-ietf-httpapi-idempotency-key-header, 2.7.
    """

    type, title = "/problems/idempotency-key-reused", "Key already used"

    def __init__(self) -> None:
        super().__init__("This key or message id was used for another message.")


class StoreUnavailable(ServiceUnavailable):
    type, title = "/problems/history-unavailable", "History unavailable"

    def __init__(self, detail: str = "The conversation store does not answer. Nothing was lost.") -> None:
        super().__init__(detail, headers={"Retry-After": "1"}, retry_after_seconds=1)


class ReplyInterrupted(ServiceUnavailable):
    """The process that was writing the reply died, or froze past its lease."""

    type, title = "/problems/reply-interrupted", "Reply interrupted"

    def __init__(self) -> None:
        super().__init__("The reply was interrupted. Your message is kept: send it again to retry.")


class RecordedProblem(ProblemError):
    """A problem that was kept with a reply, told again to whoever asks for it."""

    def __init__(self, facts: Mapping[str, object]) -> None:
        members = {name: value for name, value in facts.items() if name not in _FIXED}
        super().__init__(str(facts["detail"]))
        self.members = members
        self.type, self.title = str(facts["type"]), str(facts["title"])
        self.status = int(str(facts["status"]))
        if "retry_after_seconds" in members:
            self.headers["Retry-After"] = str(members["retry_after_seconds"])


_FIXED = frozenset({"type", "title", "status", "detail"})


def problem_facts(problem: ProblemError) -> dict[str, object]:
    """The problem's body without what belongs to one request: `instance` and `request_id`."""
    body = problem.body(instance="", request_id="")
    return {name: value for name, value in body.items() if name not in {"instance", "request_id"}}
