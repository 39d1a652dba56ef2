"""The stack on a Swarm of one node, two replicas each of chat and voice: it changes and heals under load."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from scripts.local_stack.ports import choose
from tests.support.compose import VERSION, ComposeProject, run
from tests.support.container_chat import CHAT, history
from tests.support.container_jobs import submitted, until
from tests.support.persistent_talker import PersistentTalker, talking
from tests.support.steady_load import Caller, steady_load
from tests.support.swarm import Swarm, swarm, wait_for

SPEECH = {"text": "Good morning.", "engine": "espeak"}


@pytest.fixture(scope="module")
def stack(images: ComposeProject) -> Iterator[Swarm]:
    """Instead of the Compose project, which gives its place on the machine, and leaves its models."""
    images.compose("down", "--volumes")
    images.compose("run", "--rm", "models")
    images.compose("down")  # the networks that this made: the stack's have the same names
    with swarm(choose(9580), choose(9543)) as running:
        wait_for("the gateway", lambda: _reaches_all(running))
        yield running


def test_a_rolling_update_loses_no_request_no_message_and_no_reply(stack: Swarm, figures: list[str]) -> None:
    talker = PersistentTalker(stack.url, stack.token("talker"))
    callers = (_reader(stack), _writer(stack), _speaker(stack))
    with steady_load(*callers), talking(talker):
        seconds = _updated(stack, "chat-service", _variant("chat", "next"))
        seconds += _updated(stack, "voice-interaction-service", _variant("voice", "next"))

    asked = ", ".join(f"{caller.succeeded} × {caller.name}" for caller in callers)
    figures.append(
        f"rolling update of chat and voice under load: {seconds:.0f} s; {asked}; "
        f"{len(talker.replies)} replies over a socket that was opened again {talker.reconnections} times"
    )
    assert [failure for caller in callers for failure in caller.failures] == []
    assert all(caller.succeeded for caller in callers)
    _assert_kept(stack, talker)


def test_an_update_to_a_broken_image_is_undone_by_itself(stack: Swarm) -> None:
    before = stack.image("chat-service")
    caller = _reader(stack)
    with steady_load(caller):
        stack.update("chat-service", _variant("chat", "broken"))
        wait_for("the rollback", lambda: stack.update_state("chat-service") == "rollback_completed")
        wait_for("two replicas", lambda: len(stack.running("chat-service")) == 2)

    assert stack.image("chat-service") == before
    assert caller.failures == []
    assert caller.succeeded


@pytest.mark.parametrize("service", ["chat-service", "voice-interaction-service"])
def test_a_killed_replica_is_replaced_while_the_other_serves(
    stack: Swarm, service: str, figures: list[str]
) -> None:
    victim, *others = stack.running(service)
    assert others
    caller = _reader(stack) if service == "chat-service" else _voices(stack)
    with steady_load(caller):
        run(("docker", "kill", victim))
        seconds = wait_for("a new replica", lambda: len(set(stack.running(service)) - {victim}) == 2)

    figures.append(
        f"{service}, one of two replicas killed: two again after {seconds:.0f} s; "
        f"{caller.succeeded} requests answered meanwhile, {len(caller.failures)} not"
    )
    assert caller.failures == []
    assert caller.succeeded


def test_workers_are_added_to_a_stack_that_runs_and_share_its_jobs(stack: Swarm, figures: list[str]) -> None:
    with _client(stack, "ann") as client:
        jobs = [submitted(client) for _ in range(4)]
        stack.scale("voice-worker", 2)
        wait_for("a second worker", lambda: len(stack.running("voice-worker")) == 2)
        jobs += [submitted(client) for _ in range(4)]
        texts = [until(client, job, lambda job: job["state"] == "done")["result"]["text"] for job in jobs]

    taken = [stack.log_lines(worker, '"job_left"') for worker in stack.running("voice-worker")]
    figures.append(
        f"eight jobs, a second worker added meanwhile: {' and '.join(map(str, taken))} of them done"
    )
    assert all(texts)
    assert sum(taken) == len(jobs)


def _updated(stack: Swarm, service: str, image: str) -> float:
    """Seconds until every replica runs the image."""
    stack.update(service, image)
    return wait_for(
        f"the update of {service}",
        lambda: (
            stack.update_state(service) == "completed"
            and list(stack.running(service).values()) == [image] * 2
        ),
    )


def _variant(name: str, kind: str) -> str:
    """Another image of a service, made from the one under test. `kind`: next or broken."""
    image = f"parley-{name}:{VERSION}-{kind}"
    recipe = Path(__file__).parent / "variant.Dockerfile"
    base = ("--build-arg", f"IMAGE=parley-{name}:{VERSION}")
    options = ("--quiet", "--file", str(recipe), "--target", kind, "--tag", image)
    run(("docker", "build", *options, *base, str(recipe.parent)), {"DOCKER_BUILDKIT": "0"})
    return image


def _reaches_all(stack: Swarm) -> bool:
    with _client(stack, "visitor") as client:
        try:
            answers = [client.get(f"{CHAT}/sessions"), client.get("/api/v1/voice/voices")]
        except httpx.HTTPError:
            return False
    return all(answer.is_success for answer in answers)


def _client(stack: Swarm, user: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {stack.token(user)}"}
    return httpx.Client(base_url=stack.url, headers=headers, timeout=240)


def _reader(stack: Swarm) -> Caller:
    client = _client(stack, "reader")
    return Caller("list of sessions", lambda: client.get(f"{CHAT}/sessions"), pause_seconds=0.02)


def _voices(stack: Swarm) -> Caller:
    client = _client(stack, "listener")
    return Caller("list of voices", lambda: client.get("/api/v1/voice/voices"), pause_seconds=0.02)


def _writer(stack: Swarm) -> Caller:
    client = _client(stack, "writer")
    return Caller("message", lambda: client.post(CHAT, json={"message": "Good morning."}), pause_seconds=0.2)


def _speaker(stack: Swarm) -> Caller:
    client = _client(stack, "speaker")
    path = "/api/v1/voice/tts/synthesize"
    return Caller("sentence spoken", lambda: client.post(path, json=SPEECH), pause_seconds=0.1)


def _assert_kept(stack: Swarm, talker: PersistentTalker) -> None:
    """Every reply that the talker put together stands in the history, word for word."""
    assert talker.session_id is not None
    assert talker.replies
    assert talker.out_of_order == []
    with _client(stack, "talker") as client:
        kept = {item["id"]: item["content"] for item in history(client, talker.session_id)}
    assert {reply: kept.get(reply) for reply in talker.replies} == talker.replies
