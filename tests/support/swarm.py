"""A stack on a Swarm of one node, made for the tests and gone with them."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from services.common.auth import ALL_SCOPES, issue_token
from tests.support.compose import VERSION, run

STACK = "parley-under-test"
_FILES = ("--compose-file", "deploy/swarm.yml", "--compose-file", "tests/containers/swarm_for_tests.yml")
_PATIENCE_SECONDS = 400.0


@dataclass(frozen=True)
class Swarm:
    port: int
    secret: str

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def token(self, user: str) -> str:
        now = time.time()
        return issue_token(self.secret, subject=user, scopes=ALL_SCOPES, lifetime_seconds=7200, now=now)

    def update(self, service: str, image: str) -> None:
        """Starts the update and returns at once."""
        command = ("docker", "service", "update", "--detach", "--quiet", "--no-resolve-image")
        run((*command, "--image", image, f"{STACK}_{service}"))

    def scale(self, service: str, replicas: int) -> None:
        """Asks for so many, and returns at once."""
        run(("docker", "service", "scale", "--detach", f"{STACK}_{service}={replicas}"))

    def log_lines(self, container: str, text: str) -> int:
        """How many lines of a container's log have this in them."""
        return sum(text in line for line in run(("docker", "logs", container)).splitlines())

    def service(self, service: str) -> dict[str, Any]:
        described: list[dict[str, Any]] = json.loads(
            run(("docker", "service", "inspect", f"{STACK}_{service}"))
        )
        return described[0]

    def image(self, service: str) -> str:
        return str(self.service(service)["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"])

    def update_state(self, service: str) -> str:
        return str(self.service(service).get("UpdateStatus", {}).get("State", ""))

    def running(self, service: str) -> dict[str, str]:
        """Container id → image, of the replicas that run and are well."""
        wanted = (
            "--filter",
            f"label=com.docker.swarm.service.name={STACK}_{service}",
            "--filter",
            "health=healthy",
        )
        lines = run(("docker", "ps", "--no-trunc", *wanted, "--format", "{{.ID}} {{.Image}}")).splitlines()
        return dict(line.split(" ", 1) for line in lines)


def wait_for(what: str, condition: Callable[[], bool]) -> float:
    """Seconds that it took. The limit is for a machine that is busy, and for what never comes."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() > started + _PATIENCE_SECONDS:
            raise AssertionError(f"{what}: not within {_PATIENCE_SECONDS:.0f} s\n{_tasks()}")
        time.sleep(0.5)
    return time.monotonic() - started


@contextmanager
def swarm(port: int, https_port: int) -> Iterator[Swarm]:
    """Running with two replicas each of voice and chat."""
    run(("docker", "swarm", "init", "--advertise-addr", "127.0.0.1"))
    secret = token_hex(32)
    try:
        _add_secret(secret)
        _deploy({"PARLEY_HTTP_PORT": str(port), "PARLEY_HTTPS_PORT": str(https_port)})
        running = Swarm(port, secret)
        for service, replicas in (
            ("voice-interaction-service", 2),
            ("chat-service", 2),
            ("caddy_reverse_proxy", 1),
        ):
            wait_for(service, lambda s=service, n=replicas: len(running.running(s)) == n)  # type: ignore[misc]
        yield running
    finally:
        run(("docker", "stack", "rm", STACK))
        wait_for("the stack goes", lambda: run(_CONTAINERS).split() == [])
        run(("docker", "swarm", "leave", "--force"))
        for volume in run(("docker", "volume", "ls", "--quiet", "--filter", f"name={STACK}_")).split():
            run(("docker", "volume", "rm", volume))


_CONTAINERS = (
    *("docker", "ps", "--all", "--quiet"),
    *("--filter", f"label=com.docker.stack.namespace={STACK}"),
)


def _add_secret(secret: str) -> None:
    command = ("docker", "secret", "create", "parley_jwt_secret", "-")
    subprocess.run(command, input=secret, text=True, check=True, capture_output=True)


def _deploy(environment: Mapping[str, str]) -> None:
    """With room for one replica more, while one takes another's place; and without the agent."""
    small = {"VOICE_CPUS_RESERVED": "0.2", "AGENT_REPLICAS": "0"}
    settings = {**environment, **small, "PARLEY_VERSION": VERSION}
    run(("docker", "stack", "deploy", "--resolve-image", "never", *_FILES, STACK), settings)


def _tasks() -> str:
    return run(("docker", "stack", "ps", "--no-trunc", STACK))
