"""The suite in containers, as its users and its operators meet it."""

import sys

from websockets.asyncio.client import connect
from websockets.typing import Origin

from tests.support.chat_socket import refusal
from tests.support.compose import ComposeProject, run
from tests.support.container_chat import answered, history, send


def test_three_names_bring_all_that_they_need(suite: ComposeProject) -> None:
    running = suite.services()
    assert {"voice-interaction-service", "chat-service", "caddy_reverse_proxy", "redis"} <= set(running)
    with suite.client() as ann:
        assert answered(ann, "Good morning.")


def test_the_validator_finds_nothing_wrong(suite: ComposeProject) -> None:
    validate(suite)


async def test_the_consoles_own_page_may_open_its_sockets_and_another_page_may_not(
    suite: ComposeProject,
) -> None:
    token = suite.token()
    for path in ("/ws/chat-service", "/api/v1/voice/stt/stream", "/v1/realtime"):
        async with connect(
            f"{suite.url}{path}?token={token}".replace("http", "ws", 1), origin=Origin(suite.url)
        ):
            pass
        strange = await refusal(f"{suite.url}{path}?token={token}", origin="https://elsewhere.example")
        assert strange.response.status_code == 403


def test_the_demo_speaks_and_hears(suite: ComposeProject) -> None:
    demo = ("scripts/demo", "--base-url", suite.url, "--token", suite.token("demo"))
    assert "of the words came back" in run((sys.executable, *demo))


def test_down_and_up_keep_the_history_the_models_and_the_secret(suite: ComposeProject) -> None:
    with suite.client() as ann:
        message = send(ann, "Remember the kettle.")
        before = history(ann, message["session_id"])
        assert [item["content"] for item in before if item["role"] == "user"] == ["Remember the kettle."]

        suite.compose("down")
        suite.compose("up", "--detach", "--wait")

        assert history(ann, message["session_id"]) == before  # with the token of before
    log = suite.compose("logs", "--no-color", "models")
    assert "whisper-base: there already" in log
    assert "kokoro-int8-ja: there already" in log
    validate(suite)


def validate(suite: ComposeProject) -> str:
    command = ("scripts/gateway_integration_validator.py", "--base-url", suite.url, "--token", suite.token())
    return run((sys.executable, *command), suite.environment)
