"""A service that is away, frozen or late; and what the log says about it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.integration.gateway.conftest import Scene
from tests.support.caddy import FakeService, wait_until

NOBODY_LEFT = '"cause":"none of the upstreams is well"'
"""Told so at once; a pair that only changes places is waited for."""


def get(scene: Scene, path: str, **headers: str) -> httpx.Response:
    return httpx.get(f"{scene.gateway.url}{path}", headers=headers, timeout=10)


@contextmanager
def not_ready(*services: FakeService) -> Iterator[None]:
    for service in services:
        service.ready = False
    try:
        yield
    finally:
        for service in services:
            service.ready = True


def answers(scene: Scene, path: str, status: int) -> bool:
    return get(scene, path).status_code == status


def test_a_service_that_is_not_ready_is_answered_for_with_its_friendly_sentence(scene: Scene) -> None:
    path = "/api/v1/voice/voices"
    with not_ready(scene.voice):
        wait_until(lambda: answers(scene, path, 503), seconds=5)
        started = time.monotonic()
        answer = get(scene, path, **{"X-Request-ID": "order-2024.7"})
        assert time.monotonic() - started < 2
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "2"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json() == {
        "type": "/problems/service-unavailable",
        "title": "Service unavailable",
        "status": 503,
        "detail": "Speech is not available just now.",
        "instance": path,
        "request_id": "order-2024.7",
        "service": "voice",
    }
    wait_until(lambda: answers(scene, path, 200), seconds=5)


def test_one_service_away_does_not_touch_another(scene: Scene) -> None:
    with not_ready(scene.voice):
        wait_until(lambda: answers(scene, "/api/v1/voice/voices", 503), seconds=5)
        assert get(scene, "/api/v1/chat-service/x").json()["service"] == "chat"
    wait_until(lambda: answers(scene, "/api/v1/voice/voices", 200), seconds=5)


def test_of_an_ordered_pair_the_second_serves_while_the_first_is_not_ready(scene: Scene) -> None:
    path = "/api/v1/langgraph/enhanced/version"
    assert get(scene, path).json()["service"] == "green"
    with not_ready(scene.green):
        wait_until(lambda: get(scene, path).json()["service"] == "blue", seconds=5)
        with not_ready(scene.blue):
            wait_until(lambda: answers(scene, path, 503), seconds=10)
            assert get(scene, path).json()["detail"] == "The agent is not available just now."
            wait_until(lambda: get(scene, path).status_code == 503 and NOBODY_LEFT in scene.gateway.log)
    wait_until(lambda: get(scene, path).json().get("service") == "green", seconds=5)


def test_an_answer_that_does_not_begin_in_time_is_a_504_problem(scene: Scene) -> None:
    scene.voice.seconds_before_answer = 1.6
    try:
        answer = httpx.post(f"{scene.gateway.url}/api/v1/voice/voices", timeout=10)
    finally:
        scene.voice.seconds_before_answer = 0
    assert (answer.status_code, answer.json()["type"]) == (504, "/problems/deadline-exceeded")
    wait_until(lambda: answers(scene, "/api/v1/voice/voices", 200), seconds=5)


@pytest.mark.parametrize("parameter", ["token", "ticket"])
def test_a_credential_never_reaches_the_log(scene: Scene, parameter: str) -> None:
    marker = f"hush-{parameter}"
    secret = {
        "Authorization": f"Bearer {marker}",
        "Referer": f"http://x/?token={marker}",
        "Cookie": f"a={marker}",
    }
    secret["Sec-WebSocket-Protocol"] = f"bearer, {marker}"
    get(scene, f"/api/v1/voice/voices?{parameter}={marker}", **secret)
    get(scene, f"/nope?{parameter}={marker}", **secret)
    with not_ready(scene.chat):
        path = f"/api/v1/chat-service/x?{parameter}={marker}"
        wait_until(lambda: get(scene, path, **secret).status_code == 503, seconds=5)
    wait_until(lambda: "/api/v1/chat-service/x" in scene.gateway.log, seconds=5)
    assert marker not in scene.gateway.log


def test_the_log_keeps_the_cause_and_the_request_id(scene: Scene) -> None:
    get(scene, "/api/v1/voice/lost", **{"X-Request-ID": "find-me-again"})
    with not_ready(scene.voice):
        wait_until(lambda: answers(scene, "/api/v1/voice/voices", 503), seconds=5)
    wait_until(lambda: "no upstreams available" in scene.gateway.log, seconds=5)
    assert '"request_id":"find-me-again"' in scene.gateway.log
    wait_until(lambda: answers(scene, "/api/v1/voice/voices", 200), seconds=5)
