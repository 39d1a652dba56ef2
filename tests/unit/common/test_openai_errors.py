"""Under /v1 an error has the shape that OpenAI's clients read; elsewhere it is a problem document."""

import httpx
import pytest
from fastapi import FastAPI

from services.common import problem_handlers
from services.common.openai_errors import openai_body, openai_status
from services.common.problems import (
    InvalidRequest,
    NotFound,
    Overloaded,
    PayloadTooLarge,
    ProblemError,
    Unauthorized,
)


def app_that_raises(problem: ProblemError) -> FastAPI:
    app = FastAPI()
    problem_handlers.install(app)

    @app.get("/v1/audio/speech")
    @app.get("/api/v1/voice/voices")
    async def refuse() -> None:
        raise problem

    return app


async def get(app: FastAPI, path: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await client.get(path)


async def test_the_same_problem_takes_the_shape_of_its_path() -> None:
    app = app_that_raises(Overloaded("Busy.", retry_after_seconds=3))
    dialect = await get(app, "/v1/audio/speech")
    ours = await get(app, "/api/v1/voice/voices")
    assert dialect.json()["error"]["message"] == "Busy."
    assert dialect.headers["retry-after"] == ours.headers["retry-after"] == "3"
    assert dialect.headers["content-type"] == "application/json"
    assert "error" not in ours.json()
    assert ours.headers["content-type"] == "application/problem+json"


async def test_a_path_that_is_not_there_is_told_in_the_dialect_too() -> None:
    reply = await get(app_that_raises(NotFound("unused")), "/v1/audio/nothing")
    assert reply.status_code == 404
    assert reply.json()["error"]["type"] == "not_found_error"


@pytest.mark.parametrize(
    ("problem", "status", "error_type", "code"),
    [
        (Unauthorized("x"), 401, "authentication_error", "unauthorized"),
        (InvalidRequest("x"), 400, "invalid_request_error", "invalid_request"),
        (PayloadTooLarge("x"), 413, "invalid_request_error", "payload_too_large"),
        (ProblemError("x"), 500, "server_error", "internal"),
    ],
)
def test_statuses_and_types_are_those_of_the_original(
    problem: ProblemError, status: int, error_type: str, code: str
) -> None:
    assert openai_status(problem) == status
    error = openai_body(problem, "req-1")["error"]
    assert (error["type"], error["code"], error["request_id"]) == (error_type, code, "req-1")


def test_refused_fields_are_named_in_the_message_and_the_first_is_the_param() -> None:
    problem = InvalidRequest("Not taken.", errors=[{"field": "speed", "message": "at most 4"}])
    error = openai_body(problem, "r")["error"]
    assert error["message"] == "Not taken. speed: at most 4."
    assert error["param"] == "speed"
