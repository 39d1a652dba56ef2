"""What every service does around a request: its id, its log line, its metrics, and errors as problems."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from pydantic import BaseModel, Field

from services.common import telemetry
from services.common.app import create_base_app
from services.common.health import Readiness
from services.common.problems import Overloaded
from services.common.settings import ServiceSettings
from tests.support.tokens import SECRET


class Greeting(BaseModel):
    name: str = Field(max_length=5)


def _app(readiness: Readiness) -> FastAPI:
    async def probe() -> Readiness:
        return readiness

    app = create_base_app(ServiceSettings(jwt_secret=SECRET), title="Test", service="test", readiness=probe)

    @app.post("/greet/{place}")
    async def greet(place: str, greeting: Greeting) -> str:
        return f"{greeting.name} in {place}"

    @app.get("/busy")
    async def busy() -> None:
        raise Overloaded("Too much at once.", retry_after_seconds=1.2, service="test")

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("the password is hunter2")

    @app.get("/breaks-in-the-middle")
    async def breaks_in_the_middle() -> StreamingResponse:
        def lines() -> Iterator[bytes]:
            yield b"begun\n"
            raise RuntimeError("too late for a status")

        return StreamingResponse(lines())

    return app


@pytest.fixture(name="client")
def client_fixture() -> Iterator[TestClient]:
    with TestClient(_app(Readiness(ready=True, checks={"engine": "ok"}))) as client:
        yield client


@pytest.fixture(name="log")
def log_fixture() -> Iterator[io.StringIO]:
    """The service's log as it would be printed."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    telemetry.configure_logging("test")
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # the test's own client, which prints addresses
    printed = io.StringIO()
    stream_handler = root.handlers[0]
    assert isinstance(stream_handler, logging.StreamHandler)
    stream_handler.setStream(printed)
    yield printed
    root.handlers[:], root.level = handlers, level


def test_a_sane_request_id_is_kept_and_returned(client: TestClient) -> None:
    reply = client.get("/busy", headers={"X-Request-ID": "abc-123.DEF_456"})
    assert reply.headers["x-request-id"] == "abc-123.DEF_456"
    assert reply.json()["request_id"] == "abc-123.DEF_456"


@pytest.mark.parametrize("offered", [None, "short", "x" * 129, "white space", "<script>alert(1)</script>"])
def test_any_other_request_id_is_replaced(client: TestClient, offered: str | None) -> None:
    headers = {} if offered is None else {"X-Request-ID": offered}
    request_id = client.get("/busy", headers=headers).headers["x-request-id"]
    assert len(request_id) == 32
    assert request_id != offered


def test_an_overload_is_a_problem_with_retry_after_in_whole_seconds(client: TestClient) -> None:
    reply = client.get("/busy")
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "2")
    body = reply.json()
    assert body.pop("request_id")
    assert body == {
        "type": "/problems/overloaded",
        "title": "Busy",
        "status": 503,
        "detail": "Too much at once.",
        "instance": "/busy",
        "retry_after_seconds": 2,
        "service": "test",
    }


def test_a_refused_field_is_named_and_its_value_is_not_echoed(client: TestClient) -> None:
    reply = client.post("/greet/oslo", json={"name": "a-secret-value"})
    assert reply.status_code == 422
    assert reply.json()["errors"][0]["field"] == "name"
    assert "a-secret-value" not in reply.text


def test_our_own_fault_is_a_problem_that_gives_nothing_away(client: TestClient, log: io.StringIO) -> None:
    reply = client.get("/broken")
    assert reply.status_code == 500
    assert reply.headers["content-type"] == "application/problem+json"
    assert "hunter2" not in reply.text
    assert reply.json()["request_id"] == reply.headers["x-request-id"]
    assert reply.json()["request_id"] in log.getvalue()


def test_a_fault_after_the_first_byte_breaks_the_connection(client: TestClient) -> None:
    with (
        pytest.raises(RuntimeError, match="too late"),
        client.stream("GET", "/breaks-in-the-middle") as reply,
    ):
        list(reply.iter_bytes())


@pytest.mark.parametrize(
    ("method", "path", "status", "type_"),
    [
        ("GET", "/nowhere", 404, "/problems/not-found"),
        ("DELETE", "/busy", 405, "/problems/method-not-allowed"),
    ],
)
def test_the_frameworks_own_refusals_are_problems_too(
    client: TestClient, method: str, path: str, status: int, type_: str
) -> None:
    reply = client.request(method, path)
    assert (reply.status_code, reply.json()["type"]) == (status, type_)


def test_the_log_line_has_the_route_and_the_id_but_never_the_query(
    client: TestClient, log: io.StringIO
) -> None:
    client.post(
        "/greet/oslo?token=eyJhbGciOi", json={"name": "ann"}, headers={"X-Request-ID": "request-0001"}
    )
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    [line] = [line for line in lines if line["event"] == "request"]
    assert line["route"] == "/greet/{place}"
    assert line["request_id"] == "request-0001"
    assert (line["service"], line["status"]) == ("test", 200)
    assert "eyJhbGciOi" not in log.getvalue()


def test_metrics_label_the_route_and_not_the_path(client: TestClient) -> None:
    for place in ("oslo", "rome", "lima"):
        client.post(f"/greet/{place}", json={"name": "ann"})
    client.request("INVENTED", "/nowhere")
    exposition = client.get("/metrics").text
    assert 'http_requests_total{method="POST",route="/greet/{place}",status="200"} 3.0' in exposition
    assert 'method="OTHER",route="unmatched"' in exposition
    assert "oslo" not in exposition


def test_live_and_ready_answer_without_a_token(client: TestClient) -> None:
    assert client.get("/health/live").json() == {"status": "live", "service": "test"}
    assert client.get("/health/ready").json()["checks"] == {"engine": "ok"}


def test_a_service_that_could_not_serve_says_so_with_503() -> None:
    with TestClient(_app(Readiness(ready=False, checks={"engine": "no model"}))) as client:
        reply = client.get("/health/ready")
    assert reply.status_code == 503
    assert reply.json() == {"status": "not_ready", "service": "test", "checks": {"engine": "no model"}}


IDLE = {"role": "waits while green serves", "store": "ok"}


@pytest.mark.parametrize(
    ("ready", "checks", "status"),
    [
        (True, {"role": "ok", "store": "ok"}, 200),
        (True, {"engine": "a spare one is missing"}, 200),
        (False, IDLE, 200),
        (False, {**IDLE, "store": "Redis does not answer"}, 503),
        (False, {"engine": "no model"}, 503),
        (False, {}, 503),
    ],
)
def test_asked_whether_any_role_would_do_a_colour_that_only_waits_its_turn_is_ready(
    ready: bool, checks: dict[str, str], status: int
) -> None:
    with TestClient(_app(Readiness(ready, checks))) as client:
        assert client.get("/health/ready?role=any").status_code == status
        assert client.get("/health/ready").status_code == (200 if ready else 503)
