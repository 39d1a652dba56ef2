"""Problems in the shape that OpenAI's clients understand, for everything under /v1. Pure.

Source: OpenAI API reference, Errors; the stock client raises by status and reads message, type, param, code.
"""

from collections.abc import Mapping
from typing import Any

from services.common.problems import ProblemError

_PREFIX = "/v1/"
_CLIENT_FAULT = 400
_SPOKEN_AS = {415: _CLIENT_FAULT, 422: _CLIENT_FAULT}
"""The original has one status for whatever it cannot take."""
_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    503: "overloaded_error",
}


def speaks_openai(path: str) -> bool:
    return path.startswith(_PREFIX)


def openai_status(problem: ProblemError) -> int:
    return _SPOKEN_AS.get(problem.status, problem.status)


def openai_body(problem: ProblemError, request_id: str) -> dict[str, Any]:
    """`code`: the problem's own word, such as `unsupported_audio`; `param`: the first field refused."""
    return {
        "error": {
            "message": _message(problem),
            "type": _type(openai_status(problem)),
            "param": _param(problem.members),
            "code": problem.type.rpartition("/")[2].replace("-", "_"),
            "request_id": request_id,
        }
    }


def _message(problem: ProblemError) -> str:
    """With what was wrong about each field: this shape has no other place for it."""
    errors = problem.members.get("errors")
    if not isinstance(errors, list):
        return problem.detail
    return " ".join([problem.detail, *(f"{error['field']}: {error['message']}." for error in errors)])


def _type(status: int) -> str:
    return _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")


def _param(members: Mapping[str, object]) -> str | None:
    errors = members.get("errors")
    return str(errors[0]["field"]) if isinstance(errors, list) and errors else None
