"""Sessions over REST: paging, renaming, deleting, exporting, and that nobody sees another's."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.support.chat_app import chat_app
from tests.support.chat_chain import answer
from tests.support.tokens import bearer

CHAT = "/api/v1/chat"
ANN, BOB = bearer("ann"), bearer("bob")


@pytest.fixture(name="client")
def client_fixture() -> Iterator[TestClient]:
    app, _, _ = chat_app()
    with TestClient(app) as client:
        yield client


def say(client: TestClient, message: str, session: str) -> None:
    body = {"message": message, "session_id": session}
    assert client.post(CHAT, headers=ANN, json=body).status_code == 200


def get(client: TestClient, path: str) -> Any:
    return client.get(CHAT + path, headers=ANN)


def test_a_long_history_is_read_backwards_page_by_page(client: TestClient) -> None:
    for number in range(4):
        say(client, f"question {number}", "s")
    pages: list[list[str]] = []
    before = ""
    while True:
        page = get(client, f"/history/s?limit=3{before}").json()
        pages.insert(0, [message["content"] for message in page["messages"]])
        if not page["has_more"]:
            break
        before = f"&before={page['next_before']}"
    assert [len(page) for page in pages] == [2, 3, 3]
    said = [text for n in range(4) for text in (f"question {n}", answer(f"question {n}"))]
    assert [text for page in pages for text in page] == said


def test_sessions_are_listed_page_by_page_and_renamed(client: TestClient) -> None:
    for session in ("a", "b", "c"):
        say(client, f"in {session}", session)
    first = get(client, "/sessions?limit=2").json()
    assert [session["session_id"] for session in first["sessions"]] == ["c", "b"]
    rest = get(client, f"/sessions?limit=2&before={first['next_before']}").json()
    assert ([session["session_id"] for session in rest["sessions"]], rest["has_more"]) == (["a"], False)
    renamed = client.patch(f"{CHAT}/sessions/a", headers=ANN, json={"title": "Kettles ☕"})
    assert renamed.json()["title"] == "Kettles ☕"
    assert get(client, "/history/a").json()["title"] == "Kettles ☕"


def test_a_deleted_session_never_was(client: TestClient) -> None:
    say(client, "hello", "s")
    assert client.delete(f"{CHAT}/sessions/s", headers=ANN).status_code == 204
    assert client.delete(f"{CHAT}/sessions/s", headers=ANN).status_code == 404
    assert get(client, "/history/s").status_code == 404
    assert get(client, "/sessions").json()["sessions"] == []


def test_an_export_has_every_message_with_how_it_came_about(client: TestClient) -> None:
    for number in range(3):
        say(client, f'question "{number}" ☃', "s")
    exported = get(client, "/sessions/s/export")
    assert exported.headers["content-disposition"] == 'attachment; filename="s.json"'
    body = exported.json()
    assert (body["session_id"], body["message_count"], len(body["messages"])) == ("s", 6, 6)
    assert body["messages"] == get(client, "/history/s").json()["messages"]

    text = get(client, "/sessions/s/export?format=markdown")
    assert text.headers["content-type"].startswith("text/markdown")
    assert text.text.startswith('# question "0" ☃\n')
    assert text.text.count("## You") == text.text.count("## Parley") == 3
    assert answer('question "2" ☃').strip() in text.text
    assert get(client, "/sessions/s/export?format=pdf").status_code == 422


REQUESTS: list[tuple[str, str, dict[str, str] | None]] = [
    ("GET", "/history/{}", None),
    ("POST", "", {"message": "hi", "session_id": "{}"}),
    ("PATCH", "/sessions/{}", {"title": "mine"}),
    ("DELETE", "/sessions/{}", None),
    ("GET", "/sessions/{}/export", None),
    ("GET", "/sessions/{}/export?format=markdown", None),
    ("POST", "/sessions/{}/messages/m/retry", None),
]


@pytest.mark.parametrize(("method", "path", "body"), REQUESTS, ids=[f"{m} {p}" for m, p, _ in REQUESTS])
def test_another_users_session_answers_as_one_that_never_was(
    client: TestClient, method: str, path: str, body: dict[str, str] | None
) -> None:
    say(client, "a secret", "anns")
    filled = None if body is None else {name: value.format("anns") for name, value in body.items()}
    theirs = client.request(method, CHAT + path.format("anns"), headers=BOB, json=filled)
    never = client.get(f"{CHAT}/history/never-was", headers=BOB)
    assert (theirs.status_code, never.status_code) == (404, 404)
    assert theirs.headers["content-type"] == never.headers["content-type"]
    own = {"instance", "request_id"}
    assert {k: v for k, v in theirs.json().items() if k not in own} == {
        k: v for k, v in never.json().items() if k not in own
    }
    assert len(get(client, "/history/anns").json()["messages"]) == 2


@pytest.mark.parametrize(
    "path", ["/history/*", "/history/a%0Ab", f"/history/{'a' * 10_240}", "/sessions/%00/export"]
)
def test_an_id_that_cannot_be_one_is_refused(client: TestClient, path: str) -> None:
    assert get(client, path).status_code == 422


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "before=*", "limit=x"])
def test_a_page_that_cannot_be_is_refused(client: TestClient, query: str) -> None:
    say(client, "hello", "s")
    assert get(client, f"/history/s?{query}").status_code == 422


def test_a_page_before_an_unknown_message_is_not_found(client: TestClient) -> None:
    say(client, "hello", "s")
    assert get(client, "/history/s?before=nothing").status_code == 404


def test_the_models_are_named_with_their_providers(client: TestClient) -> None:
    body = client.get("/api/v1/models", headers=ANN).json()
    assert body == {
        "models": [{"name": "fake-1", "provider": "fake", "context_tokens": 2048}],
        "providers": [{"name": "fake", "breaker": "closed"}],
    }
