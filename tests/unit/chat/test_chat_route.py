"""POST /api/v1/chat: what it answers, keeps and refuses."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.common.inputs import MESSAGE_CHARS_MAX
from tests.support.chat_app import chat_app, chat_settings
from tests.support.chat_chain import FRIENDLY, FakeChain, answer
from tests.support.chat_memory_store import MemoryStore
from tests.support.tokens import bearer

CHAT = "/api/v1/chat"
ANN, BOB = bearer("ann"), bearer("bob")


@pytest.fixture(name="parts")
def parts_fixture() -> Iterator[tuple[TestClient, MemoryStore, FakeChain]]:
    app, store, chain = chat_app()
    with TestClient(app) as client:
        yield client, store, chain


@pytest.fixture(name="client")
def client_fixture(parts: tuple[TestClient, MemoryStore, FakeChain]) -> TestClient:
    return parts[0]


@pytest.fixture(name="store")
def store_fixture(parts: tuple[TestClient, MemoryStore, FakeChain]) -> MemoryStore:
    return parts[1]


@pytest.fixture(name="chain")
def chain_fixture(parts: tuple[TestClient, MemoryStore, FakeChain]) -> FakeChain:
    return parts[2]


def say(client: TestClient, message: str, **more: Any) -> Any:
    return client.post(CHAT, headers=ANN, json={"message": message, **more})


def events(text: str) -> list[dict[str, Any]]:
    return [
        json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")
    ]


def contents(client: TestClient, session: str) -> list[str]:
    body = client.get(f"{CHAT}/history/{session}", headers=ANN).json()
    return [message["content"] for message in body["messages"]]


def test_the_reply_says_who_answered_and_where_it_is_kept(client: TestClient) -> None:
    reply = say(client, "Hello", session_id="test123")
    assert reply.status_code == 200
    body = reply.json()
    assert body["reply"] == answer("Hello")
    assert (body["session_id"], body["model"], body["provider"]) == ("test123", "fake-1", "fake")
    assert (body["degraded"], body["finish_reason"]) == (False, "stop")
    assert (
        body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"]
    )
    assert body["created_at"].endswith("Z")
    history = client.get(f"{CHAT}/history/test123", headers=ANN).json()
    assert [m["id"] for m in history["messages"]][1] == body["message_id"]
    assert contents(client, "test123") == ["Hello", answer("Hello")]


def test_a_message_without_a_session_begins_one_titled_by_its_first_words(client: TestClient) -> None:
    question = "How long does a kettle take to boil, and why does it take so long on a mountain?"
    session = say(client, question).json()["session_id"]
    [listed] = client.get(f"{CHAT}/sessions", headers=ANN).json()["sessions"]
    assert (listed["session_id"], listed["message_count"]) == (session, 2)
    assert listed["title"] == "How long does a kettle take to boil, and why does it take s…"


def test_instructions_stand_in_for_the_system_prompt_for_one_reply(
    client: TestClient, chain: FakeChain
) -> None:
    say(client, "Hello", session_id="s", instructions="Talk like a pirate.")
    say(client, "And now?", session_id="s")
    shown = [messages[0] for messages in chain.asked]
    assert shown[0].content == "Talk like a pirate."
    assert [message.role for message in shown] == ["system", "system"]
    assert shown[1].content != "Talk like a pirate."
    assert say(client, "Hello", instructions=" ").status_code == 422


def test_the_model_sees_the_system_prompt_and_what_was_said_before(
    client: TestClient, chain: FakeChain
) -> None:
    for question in ("one", "two"):
        say(client, question, session_id="s")
    roles = [(message.role, message.content) for message in chain.asked[-1]]
    assert roles[0][0] == "system"
    assert roles[1:] == [("user", "one"), ("assistant", answer("one")), ("user", "two")]


@pytest.mark.parametrize("how", [{"json": {"stream": True}}, {"headers": {"Accept": "text/event-stream"}}])
def test_a_stream_is_ack_deltas_and_done(client: TestClient, how: dict[str, Any]) -> None:
    request = {"message": "Hello there", "session_id": "s", **how.get("json", {})}
    reply = client.post(CHAT, headers={**ANN, **how.get("headers", {})}, json=request)
    assert reply.headers["content-type"].startswith("text/event-stream")
    ack, *deltas, done = events(reply.text)
    assert (ack["type"], ack["session_id"], ack["duplicate"]) == ("ack", "s", False)
    assert [delta["seq"] for delta in deltas] == list(range(1, len(deltas) + 1))
    assert "".join(delta["content"] for delta in deltas) == answer("Hello there")
    assert (done["type"], done["finish_reason"], done["seq"]) == ("done", "stop", len(deltas) + 1)
    assert {frame["message_id"] for frame in (ack, *deltas, done)} == {ack["message_id"]}


def test_a_repeated_idempotency_key_gets_the_first_answer(client: TestClient, chain: FakeChain) -> None:
    first, second = (say(client, "Hello", idempotency_key="k") for _ in range(2))
    assert first.json() == second.json()
    assert len(chain.asked) == 1
    assert contents(client, first.json()["session_id"]) == ["Hello", answer("Hello")]
    other = say(client, "Goodbye", idempotency_key="k")
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")


def test_without_a_model_the_message_is_kept_and_can_be_retried(client: TestClient, chain: FakeChain) -> None:
    refused = say(client, "please fail", session_id="s")
    problem = refused.json()
    assert (refused.status_code, problem["detail"], problem["session_id"]) == (503, FRIENDLY, "s")
    [kept] = client.get(f"{CHAT}/history/s", headers=ANN).json()["messages"]
    assert (kept["content"], kept["status"], kept["id"]) == (
        "please fail",
        "unanswered",
        problem["message_id"],
    )

    chain.script = None
    path = f"{CHAT}/sessions/s/messages/{kept['id']}/retry"
    assert client.post(path, headers=ANN).status_code == 503
    assert client.post(path.replace("/s/", "/t/"), headers=ANN).status_code == 404
    assert contents(client, "s") == ["please fail"]


def test_a_reply_that_breaks_in_the_middle_ends_in_an_error_and_is_not_kept(client: TestClient) -> None:
    reply = say(client, "break one two three four", session_id="s", stream=True)
    *_, delta, error = events(reply.text)
    assert (delta["type"], error["type"], error["problem"]["status"]) == ("delta", "error", 503)
    assert contents(client, "s") == ["break one two three four"]


def test_a_store_that_fails_in_a_way_nobody_thought_of_leaves_no_reader_waiting() -> None:
    class Broken(MemoryStore):
        async def complete(self, *_: object) -> float:
            raise RuntimeError("not even this")

        async def fail(self, *_: object) -> None:
            raise RuntimeError("nor this")

    broken = Broken(chat_settings().store_limits, time.time)
    with TestClient(chat_app(store=broken)[0], headers=ANN) as client:
        assert say(client, "Hello").status_code == 503


def test_a_store_that_is_away_is_a_503_that_says_so(client: TestClient, store: MemoryStore) -> None:
    store.away = True
    reply = say(client, "Hello")
    assert (reply.status_code, reply.json()["type"]) == (503, "/problems/history-unavailable")
    assert reply.headers["retry-after"] == "1"
    store.away = False
    assert say(client, "Hello").status_code == 200


def test_a_deadline_that_passes_is_a_504_and_the_reply_goes_on(client: TestClient, chain: FakeChain) -> None:
    late = client.post(
        CHAT, headers={**ANN, "X-Request-Timeout": "0.05"}, json={"message": "hang on", "session_id": "s"}
    )
    assert (late.status_code, late.json()["session_id"]) == (504, "s")
    client.portal.call(chain.release.set)  # type: ignore[union-attr]  # there is one while the client is open
    again = client.post(f"{CHAT}/sessions/s/messages/{late.json()['message_id']}/retry", headers=ANN)
    assert again.json()["reply"] == answer("hang on")
    assert contents(client, "s") == ["hang on", answer("hang on")]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"message": ""},
        {"message": " \n"},
        {"message": "x" * (MESSAGE_CHARS_MAX + 1)},
        {"message": 7},
        {"message": "hi", "role": "system"},
        {"message": "hi", "session_id": "*"},
        {"message": "hi", "session_id": "a\nb"},
        {"message": "hi", "session_id": "a" * 10_240},
        {"message": "hi", "session_id": ""},
        {"message": "hi", "session_id": "../../etc"},
        {"message": "hi", "model": "a model with spaces"},
        {"message": "hi", "idempotency_key": ""},
    ],
    ids=lambda body: str(body)[:40],
)
def test_what_cannot_be_taken_is_refused_and_nothing_is_kept(
    client: TestClient, body: dict[str, Any]
) -> None:
    reply = client.post(CHAT, headers=ANN, json=body)
    assert (reply.status_code, reply.json()["type"]) == (422, "/problems/invalid-request")
    assert client.get(f"{CHAT}/sessions", headers=ANN).json()["sessions"] == []


@pytest.mark.parametrize(
    "raw", [b'{"message": "\\ud800"}', b'{"message": "hi"', b"[" * 100_000, b'{"message": "\xff"}']
)
def test_what_is_no_text_or_no_json_is_refused(client: TestClient, raw: bytes) -> None:
    reply = client.post(CHAT, headers={**ANN, "Content-Type": "application/json"}, content=raw)
    assert reply.status_code in {400, 422}
    assert reply.headers["content-type"] == "application/problem+json"


def test_a_body_past_the_bound_is_refused_before_it_is_read_whole() -> None:
    app, _, _ = chat_app(chat_body_max_bytes=1 << 16)
    with TestClient(app) as client:
        reply = client.post(CHAT, headers=ANN, content=b" " * 70_000)
    assert (reply.status_code, reply.json()["type"]) == (413, "/problems/payload-too-large")


def test_the_longest_message_is_taken_in_any_script(client: TestClient) -> None:
    assert say(client, "🦜" * MESSAGE_CHARS_MAX, session_id="s").status_code == 200
    assert len(contents(client, "s")[0]) == MESSAGE_CHARS_MAX


@pytest.mark.parametrize(("headers", "status"), [({}, 401), (bearer("ann", scopes=("agent",)), 403)])
def test_every_route_wants_a_token_with_the_scope(
    client: TestClient, headers: dict[str, str], status: int
) -> None:
    calls = [
        ("POST", CHAT),
        ("GET", f"{CHAT}/history/s"),
        ("GET", f"{CHAT}/sessions"),
        ("PATCH", f"{CHAT}/sessions/s"),
        ("DELETE", f"{CHAT}/sessions/s"),
        ("GET", f"{CHAT}/sessions/s/export"),
        ("POST", f"{CHAT}/sessions/s/messages/m/retry"),
        ("GET", "/api/v1/models"),
        ("POST", "/api/v1/ws-ticket"),
    ]
    bodies = {"POST": {"message": "hi"}, "PATCH": {"title": "t"}}
    for method, path in calls:
        body = None if "retry" in path or "ticket" in path else bodies.get(method)
        assert client.request(method, path, headers=headers, json=body).status_code == status, path


def test_a_user_past_the_limit_of_a_minute_is_told_when_to_come_back() -> None:
    app, _, _ = chat_app(chat_messages_per_minute=2)
    with TestClient(app) as client:
        assert [say(client, "hi").status_code for _ in range(3)] == [200, 200, 429]
        refused = say(client, "hi")
        assert 0 < int(refused.headers["retry-after"]) <= 60
        assert client.post(CHAT, headers=BOB, json={"message": "hi"}).status_code == 200


def test_more_than_the_models_can_take_is_refused_at_once_and_not_kept() -> None:
    app, _, chain = chat_app(chat_generations_running_max=1, chat_generations_waiting_max=0)
    with TestClient(app) as client:
        impatient = {**ANN, "X-Request-Timeout": "0.05"}
        assert client.post(CHAT, headers=impatient, json={"message": "hang"}).status_code == 504
        refused = say(client, "Hello", session_id="s")
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/overloaded")
        assert client.get(f"{CHAT}/history/s", headers=ANN).status_code == 404
        client.portal.call(chain.release.set)  # type: ignore[union-attr]  # there is one while it is open


def test_the_metrics_tell_of_first_tokens_pace_and_outcomes(client: TestClient) -> None:
    say(client, "Hello")
    say(client, "fail")
    exposition = client.get("/metrics").text
    assert 'chat_first_token_seconds_count{provider="fake"} 1.0' in exposition
    assert 'chat_tokens_per_second_count{provider="fake"} 1.0' in exposition
    assert 'chat_replies_total{outcome="complete",provider="fake"} 1.0' in exposition
    assert 'chat_replies_total{outcome="failed",provider="none"} 1.0' in exposition
    assert "chat_acknowledge_seconds_count 2.0" in exposition
    assert 'chat_breaker_state{dependency="redis"} 0.0' in exposition
    assert "chat_generations_waiting 0.0" in exposition


def heard(client: TestClient, session: str, reply: str, characters: int) -> Any:
    path = f"{CHAT}/sessions/{session}/messages/{reply}"
    return client.patch(path, headers=ANN, json={"heard_characters": characters})


def test_of_a_reply_that_was_cut_off_the_model_is_shown_what_was_heard(
    client: TestClient, chain: FakeChain
) -> None:
    reply = say(client, "Hello there", session_id="spoken").json()
    kept = heard(client, "spoken", reply["message_id"], len("You said:"))
    assert kept.json()["content"] == "You said:"
    assert kept.json()["status"] == "cancelled"
    say(client, "Again", session_id="spoken")
    assert [message.content for message in chain.asked[-1]] == [
        *([chain.asked[-1][0].content] if chain.asked[-1][0].role == "system" else []),
        "Hello there",
        "You said:",
        "Again",
    ]


def test_a_reply_of_which_nothing_was_heard_is_as_good_as_none_to_the_model(
    client: TestClient, chain: FakeChain
) -> None:
    reply = say(client, "Hello there", session_id="spoken").json()
    assert heard(client, "spoken", reply["message_id"], 0).json()["content"] == ""
    say(client, "Again", session_id="spoken")
    assert "Hello there" not in [message.content for message in chain.asked[-1]]


def test_a_reply_that_is_still_being_written_ends_where_the_listener_cut_in(client: TestClient) -> None:
    lines = []
    with client.stream(
        "POST",
        CHAT,
        headers={**ANN, "Accept": "text/event-stream"},
        json={"message": "be slow and say 500 words", "session_id": "spoken"},
    ) as stream:
        for line in stream.iter_lines():
            lines.append(line)
            if len([one for one in lines if '"delta"' in one]) == 5:
                break
    ack = events("\n".join(lines))[0]
    kept = heard(client, "spoken", ack["message_id"], 8)
    assert kept.status_code == 200
    assert len(kept.json()["content"]) <= 8
    assert contents(client, "spoken")[-1] == kept.json()["content"]


def test_a_message_of_the_user_or_of_nobody_cannot_be_cut(client: TestClient) -> None:
    body = client.get(f"{CHAT}/history/none", headers=ANN)
    assert body.status_code == 404
    say(client, "Hello", session_id="spoken")
    user_message = client.get(f"{CHAT}/history/spoken", headers=ANN).json()["messages"][0]["id"]
    assert heard(client, "spoken", user_message, 3).status_code == 404
    assert heard(client, "spoken", "never", 3).status_code == 404
    assert heard(client, "spoken", user_message, -1).status_code == 422
