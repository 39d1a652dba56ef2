"""The agent over HTTP: two colours, one Valkey."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import httpx
import pytest

from services.agent.agent import thread_key
from services.common.blue_green import Colour, SharedRoles
from services.common.redis_connection import RedisConnection
from tests.support.agent_app import agent_app
from tests.support.agent_chain import FAILS, HANGS, ScriptedChain
from tests.support.eventually import eventually, eventually_so
from tests.support.serving import serving
from tests.support.tokens import bearer
from tests.support.valkey import ValkeyProcess

ANN, BOB = bearer("ann"), bearer("bob")


@dataclass
class Pair:
    blue: httpx.AsyncClient
    green: httpx.AsyncClient
    chain: ScriptedChain


@asynccontextmanager
async def an_agent(
    valkey: ValkeyProcess, chain: ScriptedChain, colour: Colour = Colour.GREEN, **changes: Any
) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serving(agent_app(valkey.url, chain, colour, **changes)) as url,
        httpx.AsyncClient(base_url=url, headers=ANN, timeout=30) as client,
    ):
        yield client


@pytest.fixture(name="pair")
async def pair_fixture(valkey: ValkeyProcess) -> AsyncIterator[Pair]:
    chain = ScriptedChain()
    async with (
        an_agent(valkey, chain, Colour.BLUE) as blue,
        an_agent(valkey, chain, Colour.GREEN) as green,
    ):
        yield Pair(blue, green, chain)


async def ask(
    client: httpx.AsyncClient, message: str = "What is two and two?", **more: Any
) -> dict[str, Any]:
    reply = await client.post("/chat", json={"message": message, **more})
    assert reply.status_code == 200, reply.text
    body: dict[str, Any] = reply.json()
    return body


async def events_of(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> list[tuple[str, Any]]:
    events = []
    async with client.stream("POST", path, json=body, headers={"Accept": "text/event-stream"}) as reply:
        assert reply.status_code == 200
        name = ""
        async for line in reply.aiter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                events.append((name, json.loads(value)))
    return events


async def until_ready(client: httpx.AsyncClient, ready: bool) -> None:
    async def as_wanted() -> bool:
        return ((await client.get("/health/ready")).status_code == 200) == ready

    await eventually_so(as_wanted)


async def is_running(client: httpx.AsyncClient, thread_id: str) -> bool:
    return bool((await client.get(f"/threads/{thread_id}")).json()["status"] == "running")


async def is_quiet(client: httpx.AsyncClient) -> bool:
    return bool((await client.get("/health")).json()["runs"]["running"] == 0)


async def test_a_thread_begun_on_blue_goes_on_on_green(pair: Pair) -> None:
    pair.chain.drafts = ["It is four.", "Four, as I said."]
    first = await ask(pair.blue)
    assert (first["reply"], first["colour"]) == ("It is four.", "blue")
    second = await ask(pair.green, "Once more?", thread_id=first["thread_id"])
    assert (second["reply"], second["colour"], second["route"]) == ("Four, as I said.", "green", "continued")
    assert "It is four." in [message.content.strip() for message in pair.chain.asked[1]]
    thread = (await pair.blue.get(f"/threads/{first['thread_id']}")).json()
    assert [message["content"] for message in thread["messages"]] == [
        "What is two and two?",
        "It is four.",
        "Once more?",
        "Four, as I said.",
    ]
    assert thread["status"] == "idle"


async def test_a_run_that_blue_could_not_end_is_resumed_by_green_where_it_stopped(pair: Pair) -> None:
    pair.chain.drafts = [FAILS, FAILS, FAILS, "It is four."]
    failed = await pair.blue.post("/chat", json={"message": "What is two and two?"})
    assert failed.status_code == 503
    assert failed.json()["type"] == "/problems/no-language-model"
    thread_id = failed.json()["thread_id"]
    thread = (await pair.green.get(f"/threads/{thread_id}")).json()
    assert (thread["status"], thread["next"]) == ("interrupted", ["draft"])
    told = await events_of(pair.green, f"/threads/{thread_id}/resume", {})
    assert [body["node"] for name, body in told if name == "node" and body["phase"] == "finished"] == [
        "draft",
        "check",
        "answer",
    ]
    assert told[-1][0] == "done"
    assert told[-1][1]["reply"] == "It is four."
    again = await pair.green.post(f"/threads/{thread_id}/resume")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/nothing-to-resume")


async def test_another_users_thread_is_like_one_that_never_was(pair: Pair) -> None:
    thread_id = (await ask(pair.green))["thread_id"]
    bodies = []
    for known in (thread_id, "neverwas"):
        for method, path, body in (
            ("GET", f"/threads/{known}", None),
            ("DELETE", f"/threads/{known}", None),
            ("POST", f"/threads/{known}/resume", {}),
            ("POST", "/chat", {"message": "Hello?", "thread_id": known}),
        ):
            reply = await pair.green.request(method, path, json=body, headers=BOB)
            assert reply.status_code == 404
            bodies.append({**reply.json(), "instance": "", "request_id": ""})
    assert all(body == bodies[0] for body in bodies)
    assert (await pair.green.get(f"/threads/{thread_id}")).status_code == 200


async def test_the_stream_tells_of_every_node_and_of_a_retry(pair: Pair) -> None:
    pair.chain.drafts = [FAILS, "Bread.", "It is four."]
    pair.chain.verdicts = ["REVISE: that is bread", "PASS"]
    told = await events_of(pair.green, "/chat", {"message": "What is two and two?"})
    assert told[0][0] == "run"
    nodes = [(body["node"], body["phase"], body["attempt"]) for name, body in told if name == "node"]
    assert nodes == [
        ("route", "started", 1),
        ("route", "finished", 1),
        ("draft", "started", 1),
        ("draft", "failed", 1),
        ("draft", "started", 2),
        ("draft", "finished", 2),
        ("check", "started", 1),
        ("check", "finished", 1),
        ("draft", "started", 1),
        ("draft", "finished", 1),
        ("check", "started", 1),
        ("check", "finished", 1),
        ("answer", "started", 1),
        ("answer", "finished", 1),
    ]
    name, done = told[-1]
    assert (name, done["reply"], done["revisions"]) == ("done", "It is four.", 1)
    deltas = [body for name, body in told if name == "delta" and body["revision"] == 1]
    assert "".join(body["content"] for body in deltas).strip() == done["reply"]


async def test_a_stream_that_cannot_be_finished_ends_with_the_problem(pair: Pair) -> None:
    pair.chain.drafts = [FAILS]
    told = await events_of(pair.green, "/chat", {"message": "What is two and two?"})
    assert [body["will_retry"] for _, body in told if body.get("phase") == "failed"] == [True, True, False]
    name, last = told[-1]
    assert (name, last["problem"]["status"]) == ("error", 503)
    assert last["problem"]["instance"] == "/chat"


async def test_one_run_of_a_thread_at_a_time_on_whichever_colour(pair: Pair) -> None:
    thread_id = (await ask(pair.green))["thread_id"]
    pair.chain.drafts = [HANGS]
    running = asyncio.create_task(events_of(pair.blue, "/chat", {"message": "Slow?", "thread_id": thread_id}))
    await eventually_so(lambda: is_running(pair.green, thread_id))
    for method, path, body in (
        ("POST", "/chat", {"message": "Quick?", "thread_id": thread_id}),
        ("DELETE", f"/threads/{thread_id}", None),
    ):
        refused = await pair.green.request(method, path, json=body)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/thread-busy")
    pair.chain.release.set()
    assert (await running)[-1][0] == "done"
    assert (await pair.green.delete(f"/threads/{thread_id}")).status_code == 204
    assert (await pair.green.get(f"/threads/{thread_id}")).status_code == 404


async def test_a_client_that_leaves_frees_the_thread_and_the_run_can_be_resumed(
    pair: Pair, connection: RedisConnection
) -> None:
    pair.chain.drafts = [HANGS, "It is four."]
    with pytest.raises(httpx.ReadTimeout):
        await pair.green.post("/chat", json={"message": "What is two and two?"}, timeout=1.0)
    await eventually_so(lambda: is_quiet(pair.green))
    [key] = await connection.client.keys("agent:thread:*")
    thread_id = cast("bytes", key).decode().split(":")[-1]
    resumed = await pair.blue.post(f"/threads/{thread_id}/resume")
    assert resumed.json()["reply"] == "It is four."


async def test_a_deadline_that_passes_is_said_and_names_the_thread(pair: Pair) -> None:
    pair.chain.drafts = [HANGS]
    late = await pair.green.post("/chat", json={"message": "Slow?"}, headers={"X-Request-Timeout": "0.5"})
    assert (late.status_code, late.json()["type"]) == (504, "/problems/deadline-exceeded")
    thread = (await pair.green.get(f"/threads/{late.json()['thread_id']}")).json()
    assert thread["status"] == "interrupted"


async def test_only_the_active_colour_is_ready_and_the_other_one_when_it_is_gone(
    valkey: ValkeyProcess, connection: RedisConnection
) -> None:
    chain = ScriptedChain()
    async with an_agent(valkey, chain, Colour.BLUE) as blue:
        async with an_agent(valkey, chain, Colour.GREEN) as green:
            await until_ready(green, True)
            await until_ready(blue, False)
            assert (await blue.get("/health/ready")).json()["checks"]["role"] == "waits while green serves"
            assert (await blue.get("/version")).json()["colour"] == "blue"
            await ask(blue)  # idle is not closed: what is under way there goes on
            await SharedRoles(connection.client).activate(Colour.BLUE)
            await until_ready(blue, True)
            await until_ready(green, False)
            await SharedRoles(connection.client).activate(Colour.GREEN)
            await until_ready(green, True)
            await until_ready(blue, False)
        await until_ready(blue, True)


async def test_without_redis_it_says_so_and_goes_on_by_itself(valkey: ValkeyProcess) -> None:
    async with an_agent(valkey, ScriptedChain()) as client:
        thread_id = (await ask(client))["thread_id"]
        valkey.kill()
        refused = await client.post("/chat", json={"message": "Hello?"})
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/threads-unavailable")
        await until_ready(client, False)
        assert (await client.get("/health")).status_code == 503
        valkey.start()
        await until_ready(client, True)
        assert (await ask(client, "Once more?", thread_id=thread_id))["route"] == "continued"


async def test_redis_that_dies_in_mid_run_fails_the_run_and_not_the_process(valkey: ValkeyProcess) -> None:
    chain = ScriptedChain([HANGS, "It is four."])
    async with an_agent(valkey, chain) as client:
        running = asyncio.create_task(client.post("/chat", json={"message": "What is two and two?"}))
        await eventually(lambda: bool(chain.asked))
        valkey.kill()
        chain.release.set()
        failed = await running
        assert (failed.status_code, failed.json()["type"]) == (503, "/problems/threads-unavailable")
        valkey.start()
        await until_ready(client, True)
        resume = f"/threads/{failed.json()['thread_id']}/resume"

        async def answered() -> bool:
            """Not before the lease has expired that could not be released."""
            resumed = await client.post(resume)
            return resumed.status_code == 200 and resumed.json()["reply"] == "It is four."

        await eventually_so(answered)


async def test_each_user_has_a_bounded_number_of_runs(valkey: ValkeyProcess) -> None:
    chain = ScriptedChain([HANGS, "Quick."])
    async with an_agent(valkey, chain, agent_runs_per_user=1) as client:
        running = asyncio.create_task(ask(client, "Slow?"))
        await eventually(lambda: bool(chain.asked))
        refused = await client.post("/chat", json={"message": "Another?"})
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
        assert (await client.post("/chat", json={"message": "Bob's?"}, headers=BOB)).status_code == 200
        chain.release.set()
        await running


async def test_a_full_house_refuses_at_once(valkey: ValkeyProcess) -> None:
    chain = ScriptedChain([HANGS])
    async with an_agent(valkey, chain, agent_runs_running_max=1, agent_runs_waiting_max=0) as client:
        running = asyncio.create_task(ask(client, "Slow?"))
        await eventually(lambda: bool(chain.asked))
        refused = await client.post("/chat", json={"message": "Another?"})
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/overloaded")
        chain.release.set()
        await running


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/chat"), ("GET", "/threads/t"), ("DELETE", "/threads/t"), ("POST", "/threads/t/resume")],
)
async def test_every_route_wants_the_scope(pair: Pair, method: str, path: str) -> None:
    body = {"message": "Hello?"} if path == "/chat" else None
    nobody = await pair.green.request(method, path, json=body, headers={"Authorization": ""})
    assert nobody.status_code == 401
    chatter = await pair.green.request(method, path, json=body, headers=bearer("ann", ("chat",)))
    assert (chatter.status_code, chatter.json()["required_scopes"]) == (403, ["agent"])


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"message": " "},
        {"message": "x" * 32_001},
        {"message": "Hi", "thread_id": "../x"},
        {"messages": "Hi"},
    ],
)
async def test_what_is_not_of_the_form_is_refused_with_its_fields(pair: Pair, body: dict[str, Any]) -> None:
    refused = await pair.green.post("/chat", json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"]


async def test_after_a_run_a_thread_is_one_checkpoint(pair: Pair, connection: RedisConnection) -> None:
    thread_id = (await ask(pair.green))["thread_id"]
    fields = await connection.client.hkeys(f"agent:thread:{thread_key('ann', thread_id)}")
    assert len(fields) == 1
