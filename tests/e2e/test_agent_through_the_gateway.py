"""The agent as a stranger has it: two real colours behind the real gateway, and the command that switches."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from scripts.local_stack.folders import ROOT
from services.common.blue_green import Colour
from tests.support.agent_model import FAILS
from tests.support.agent_pair import AGENT, AgentPair, agent_pair
from tests.support.local_stack import LocalStack
from tests.support.tokens import bearer
from tests.support.traffic import Traffic

pytestmark = pytest.mark.slow
BLUE, GREEN = Colour.BLUE, Colour.GREEN


@pytest.fixture(name="pair")
async def pair_fixture(tmp_path: Path) -> AsyncIterator[AgentPair]:
    async with agent_pair(tmp_path) as pair:
        yield pair


async def test_a_thread_begun_on_blue_goes_on_on_green(pair: AgentPair) -> None:
    pair.model.drafts = ["It is four.", "Four, as I said."]
    to_blue = await pair.switch(BLUE)
    assert to_blue.lines[0] == "blue is well; green hands over to it."
    assert (to_blue.code, to_blue.lines[-1]) == (0, "langgraph-enhanced is blue.")
    await pair.served_by(BLUE)
    first = await pair.ask("What is two and two?")
    assert (first["colour"], first["route"]) == ("blue", "fresh")

    assert (await pair.switch(GREEN)).code == 0
    await pair.served_by(GREEN)
    second = await pair.ask("Once more?", thread_id=first["thread_id"])
    assert (second["colour"], second["route"]) == ("green", "continued")
    thread = (await pair.client.get(f"{AGENT}/threads/{first['thread_id']}")).json()
    assert [message["content"] for message in thread["messages"]] == [
        "What is two and two?",
        "It is four.",
        "Once more?",
        "Four, as I said.",
    ]


async def test_a_stream_that_is_open_during_a_switch_ends_as_it_would_have(pair: AgentPair) -> None:
    words = [f"word{count}" for count in range(80)]
    pair.model.drafts, pair.model.word_seconds = [" ".join(words)], 0.05
    told: list[tuple[str, Any]] = []
    begun = asyncio.Event()

    async def listen() -> None:
        async for name, body in pair.events("Tell me something long."):
            told.append((name, body))
            if name == "delta":
                begun.set()

    listening = asyncio.create_task(listen())
    await begun.wait()
    assert (await pair.switch(BLUE, watch=0)).code == 0
    await pair.served_by(BLUE)
    assert not listening.done(), "it must have been open all along"
    await listening
    assert (told[0][1]["colour"], told[-1][0]) == ("green", "done")
    assert told[-1][1]["reply"].split() == words
    assert [body["content"].strip() for name, body in told if name == "delta"] == words


async def test_a_node_that_fails_is_tried_again_and_the_stream_tells_of_it(pair: AgentPair) -> None:
    pair.model.drafts = [FAILS, "It is four."]
    told = [event async for event in pair.events("What is two and two?")]
    drafts = [body for name, body in told if name == "node" and body["node"] == "draft"]
    assert [(body["phase"], body["attempt"]) for body in drafts] == [
        ("started", 1),
        ("failed", 1),
        ("started", 2),
        ("finished", 2),
    ]
    assert drafts[1]["will_retry"] is True
    assert (told[-1][0], told[-1][1]["reply"]) == ("done", "It is four.")


async def test_a_draft_is_written_anew_twice_at_most(pair: AgentPair) -> None:
    pair.model.drafts = ["One.", "Two.", "Three.", "Four."]
    pair.model.verdicts = ["REVISE: not yet"]
    told = [event async for event in pair.events("What is two and two?")]
    written = [body for name, body in told if name == "node" and body["phase"] == "finished"]
    assert [body["revision"] for body in written if body["node"] == "draft"] == [0, 1, 2]
    done = told[-1][1]
    assert (done["reply"], done["revisions"], done["approved"]) == ("Three.", 2, False)


async def test_another_users_thread_is_a_404_like_one_that_never_was(pair: AgentPair) -> None:
    thread_id = (await pair.ask("What is two and two?"))["thread_id"]
    for known in (thread_id, "neverwas"):
        for method, path, body in (
            ("GET", f"/threads/{known}", None),
            ("DELETE", f"/threads/{known}", None),
            ("POST", f"/threads/{known}/resume", {}),
            ("POST", "/chat", {"message": "Hello?", "thread_id": known}),
        ):
            reply = await pair.client.request(method, AGENT + path, json=body, headers=bearer("bob"))
            assert reply.status_code == 404
    assert (await pair.client.get(f"{AGENT}/threads/{thread_id}")).status_code == 200


async def test_a_switch_to_a_dead_colour_is_refused_and_nobody_notices(pair: AgentPair) -> None:
    await asyncio.to_thread(pair.colours[BLUE].kill)
    async with Traffic(
        pair.gateway.port, f"{AGENT}/version", per_second=20, write_share=0
    ).flowing() as traffic:
        refused = await pair.switch(BLUE)
    assert refused.code == 1
    assert refused.lines == [
        "blue would not serve: nothing listens there. Nothing was switched; green serves on."
    ]
    assert {one.status for one in traffic.exchanges} == {401}, "who has no token is told so, by green"
    await pair.served_by(GREEN)


async def test_a_colour_that_dies_within_the_window_is_rolled_back(pair: AgentPair) -> None:
    switching = asyncio.create_task(pair.switch(BLUE, watch=60))
    await pair.served_by(BLUE)
    await asyncio.to_thread(pair.colours[BLUE].kill)
    rolled_back = await switching
    assert rolled_back.code == 1
    assert "blue failed: nothing listens there. Rolled back: green is active again." in rolled_back.lines
    await pair.served_by(GREEN)
    assert (await pair.ask("What is two and two?"))["colour"] == "green"


@pytest.mark.models("smollm2-135m-instruct")
def test_on_the_running_suite_a_thread_goes_from_blue_to_green(stack: LocalStack) -> None:
    """The command finds the suite by itself. Green serves at the end, as it found it."""
    with stack.client() as client:
        assert switched(BLUE)[-1] == "langgraph-enhanced is blue."
        try:
            first = client.post(f"{AGENT}/chat", json={"message": "My name is Ann. Say yes."}).json()
        finally:
            assert switched(GREEN)[-1] == "langgraph-enhanced is green."
        thread = {"thread_id": first["thread_id"]}
        second = client.post(f"{AGENT}/chat", json={"message": "Say yes again.", **thread}).json()
        kept = client.get(f"{AGENT}/threads/{first['thread_id']}").json()
        assert client.delete(f"{AGENT}/threads/{first['thread_id']}").status_code == 204
    assert (first["colour"], second["colour"], second["route"]) == ("blue", "green", "continued")
    assert [message["content"] for message in kept["messages"]][1::2] == [first["reply"], second["reply"]]


def switched(colour: Colour) -> list[str]:
    command = [sys.executable, "-m", "gateway", "switch", "--to", colour, "--watch", "1"]
    done = subprocess.run(
        command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout.splitlines()
