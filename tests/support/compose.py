"""A Compose project of the tests' own: other ports, other names, the models that are on this machine."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent.parent
VERSION = "under-test"
_COMMAND_SECONDS = 900


class CommandFailed(AssertionError):
    """With what the command said: a test that fails for it should tell the reader why."""


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """Standard output. Raises CommandFailed."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=_COMMAND_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise CommandFailed(
            f"{' '.join(command)}: exit {done.returncode}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        )
    return done.stdout


@dataclass(frozen=True)
class ComposeProject:
    """`ports` are those on this machine: http, https, voice, chat."""

    name: str
    files: tuple[str, ...]
    ports: Mapping[str, int]
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.ports['http']}"

    @property
    def environment(self) -> dict[str, str]:
        ports = {f"{name}_PORT": str(port) for name, port in self._port_variables().items()}
        return {
            "COMPOSE_PROJECT_NAME": self.name,
            "COMPOSE_FILE": ":".join(self.files),
            "PARLEY_VERSION": VERSION,
            "DOCKER_BUILDKIT": "0",  # the builder that every engine has
            **ports,
            **self.settings,
        }

    def compose(self, *arguments: str) -> str:
        return run(("docker", "compose", *arguments), self.environment)

    def container(self, service: str) -> str:
        """The id of a service's container, whatever its state."""
        found = self.compose("ps", "--all", "--quiet", service).split()
        assert len(found) == 1, f"{service} has {len(found)} containers"
        return found[0]

    def inspect(self, service: str) -> dict[str, Any]:
        described: list[dict[str, Any]] = json.loads(run(("docker", "inspect", self.container(service))))
        return described[0]

    def address(self, service: str) -> str:
        """On one of its networks, all of which this machine is part of."""
        networks = self.inspect(service)["NetworkSettings"]["Networks"]
        return str(next(iter(networks.values()))["IPAddress"])

    def services(self) -> tuple[str, ...]:
        """Those that run on; without what ran once and ended."""
        return tuple(sorted(self.compose("ps", "--services", "--status", "running").split()))

    def token(self, user: str = "ann") -> str:
        return self.compose("run", "--rm", "--no-deps", "token", "--user", user, "--ttl", "2h").strip()

    def client(self, user: str = "ann") -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.token(user)}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=120)

    def _port_variables(self) -> dict[str, int]:
        return {
            "PARLEY_HTTP": self.ports["http"],
            "PARLEY_HTTPS": self.ports["https"],
            "VOICE": self.ports["voice"],
            "CHAT": self.ports["chat"],
        }
