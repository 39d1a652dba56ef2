"""The one table from exception to problem response. Installed by app.py."""

from collections.abc import Callable
from typing import TypeVar

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request

from services.common import problems, telemetry
from services.common.openai_errors import openai_body, openai_status, speaks_openai
from services.common.problems import InvalidRequest, MethodNotAllowed, NotFound, ProblemError, RequestRejected

_log = telemetry.get_logger()
E = TypeVar("E", bound=Exception)


def problem_response(problem: ProblemError, instance: str) -> JSONResponse:
    """`instance` is the request's path, without its query: a token must never come back in a body.

    Under /v1 it is an error as OpenAI's clients know it.
    """
    request_id = telemetry.current_request_id()
    if speaks_openai(instance):
        return JSONResponse(
            openai_body(problem, request_id), status_code=openai_status(problem), headers=problem.headers
        )
    return JSONResponse(
        problem.body(instance=instance, request_id=request_id),
        status_code=problem.status,
        headers=problem.headers,
        media_type=problems.MEDIA_TYPE,
    )


def from_validation(error: RequestValidationError) -> ProblemError:
    """Names every field that was refused; never echoes the value, which may be a secret or a megabyte."""
    errors = [
        {"field": ".".join(str(part) for part in item["loc"] if part != "body"), "message": item["msg"]}
        for item in error.errors()
    ]
    return InvalidRequest("The request does not have the form this endpoint takes.", errors=errors)


def from_http(error: HTTPException) -> ProblemError:
    if error.status_code == NotFound.status:
        return NotFound("There is nothing at this path.")
    if error.status_code == MethodNotAllowed.status:
        return MethodNotAllowed("This path does not take this method.", headers=error.headers)
    return RequestRejected(error.status_code, str(error.detail), headers=error.headers)


def from_unexpected(error: Exception) -> ProblemError:
    """For middleware.py: the framework would answer outside of it, with no request id."""
    _log.error("unexpected_error", error_type=type(error).__name__, exc_info=error)
    return ProblemError("Something failed on our side. The request id finds it in the log.")


def install(app: FastAPI) -> None:
    _handle(app, ProblemError, lambda error: error)
    _handle(app, RequestValidationError, from_validation)
    _handle(app, HTTPException, from_http)


def _handle(app: FastAPI, kind: type[E], translate: Callable[[E], ProblemError]) -> None:
    async def handler(request: Request, error: E) -> JSONResponse:
        return problem_response(translate(error), request.url.path)

    app.exception_handler(kind)(handler)
