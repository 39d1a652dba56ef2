"""The error tree, and how each error becomes an RFC 9457 body. The classes carry type, title and status.

Source: RFC 9457 (Problem Details for HTTP APIs).
"""

import math
from collections.abc import Mapping

MEDIA_TYPE = "application/problem+json"


class ProblemError(Exception):
    """An error that a client is told about. `detail` is one sentence for a person; `members` are facts."""

    type: str = "/problems/internal"
    title: str = "Internal error"
    status: int = 500

    def __init__(self, detail: str, *, headers: Mapping[str, str] | None = None, **members: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members

    def body(self, *, instance: str, request_id: str) -> dict[str, object]:
        """The RFC 9457 object, the same over HTTP and in a WebSocket frame."""
        return {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "request_id": request_id,
            **self.members,
        }


class Unauthorized(ProblemError):
    type, title, status = "/problems/unauthorized", "Authentication required", 401

    def __init__(self, detail: str, **members: object) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": 'Bearer realm="parley"'}, **members)


class Forbidden(ProblemError):
    type, title, status = "/problems/forbidden", "Not permitted", 403


class NotFound(ProblemError):
    type, title, status = "/problems/not-found", "Not found", 404


class MethodNotAllowed(ProblemError):
    type, title, status = "/problems/method-not-allowed", "Method not allowed", 405


class PayloadTooLarge(ProblemError):
    type, title, status = "/problems/payload-too-large", "Payload too large", 413


class InvalidRequest(ProblemError):
    type, title, status = "/problems/invalid-request", "Invalid request", 422


class TooManyRequests(ProblemError):
    type, title, status = "/problems/too-many-requests", "Too many requests", 429

    def __init__(self, detail: str, *, retry_after_seconds: float, **members: object) -> None:
        headers, told = retry_after(retry_after_seconds)
        super().__init__(detail, headers=headers, retry_after_seconds=told, **members)


class ServiceUnavailable(ProblemError):
    type, title, status = "/problems/service-unavailable", "Service unavailable", 503


class Overloaded(ServiceUnavailable):
    type, title, status = "/problems/overloaded", "Busy", 503

    def __init__(self, detail: str, *, retry_after_seconds: float = 1.0, **members: object) -> None:
        headers, told = retry_after(retry_after_seconds)
        super().__init__(detail, headers=headers, retry_after_seconds=told, **members)


class DeadlineExceeded(ProblemError):
    type, title, status = "/problems/deadline-exceeded", "Deadline exceeded", 504


class RequestRejected(ProblemError):
    """An HTTP error that the framework raised (an unparsable body, say), with the status it chose."""

    type, title = "/problems/request-rejected", "Request rejected"

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail, headers=headers)
        self.status = status


def retry_after(seconds: float) -> tuple[dict[str, str], int]:
    """The Retry-After header and the member that repeats it: whole seconds, at least one.

    Source: RFC 9110, 10.2.3 (delay-seconds is a non-negative integer).
    """
    whole = max(1, math.ceil(seconds))
    return {"Retry-After": str(whole)}, whole
