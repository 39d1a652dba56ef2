"""What a container of the running suite may do, seen from outside and from inside: as little as it needs."""

import itertools
from typing import Any

import pytest

from tests.support.compose import CommandFailed, ComposeProject, run

SERVICES = (
    "caddy_reverse_proxy",
    "chat-service",
    "gateway-health-monitor",
    "langgraph-enhanced-service",
    "language-model-server",
    "learning-service",
    "redis",
    "voice-interaction-service",
    "voice-worker",
)
ONE_SHOT = ("models", "secrets")
_CAPABILITY_SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
_MOUNTED_BY_DOCKER = {"/tmp", "/run/caddy", "/usr/sbin/docker-init", "/sbin/docker-init"}  # noqa: S108
_NO_CAPABILITY = "0000000000000000"
_SECRET_READER = "voice-interaction-service"


def test_these_are_all_the_services(suite: ComposeProject) -> None:
    suite.compose("up", "--detach", "--wait")
    assert suite.services() == SERVICES


@pytest.mark.parametrize("service", [*SERVICES, *ONE_SHOT])
def test_a_container_is_confined(suite: ComposeProject, service: str) -> None:
    described = suite.inspect(service)
    host = described["HostConfig"]
    assert described["Config"]["User"] not in {"", "0", "root", "0:0"}
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["Memory"] > 0
    assert host["NanoCpus"] > 0
    assert host["PidsLimit"] > 0
    assert not [mount for mount in described["Mounts"] if mount["Destination"] == "/var/run/docker.sock"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_watched_and_started_again(suite: ComposeProject, service: str) -> None:
    described = suite.inspect(service)
    assert described["Config"]["Healthcheck"]["Test"]
    assert described["State"]["Health"]["Status"] == "healthy"
    assert described["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"


@pytest.mark.parametrize("service", SERVICES)
def test_no_process_is_root_or_keeps_a_capability(suite: ComposeProject, service: str) -> None:
    states = [_status(suite, service, pid) for pid in _processes(suite, service)]
    assert states
    for state in states:
        assert "0" not in state["Uid"].split()
        assert {state[name] for name in _CAPABILITY_SETS} == {_NO_CAPABILITY}
        assert state["NoNewPrivs"] == "1"


@pytest.mark.parametrize("service", SERVICES)
def test_the_root_file_system_cannot_be_written_and_was_not(suite: ComposeProject, service: str) -> None:
    with pytest.raises(CommandFailed, match="Read-only file system"):
        suite.compose(
            "exec", "-T", service, "sh", "-c", "for f in / /app /etc; do echo x >$f/probe || exit 1; done"
        )
    changed = run(("docker", "diff", suite.container(service))).splitlines()
    mounted = {mount["Destination"] for mount in suite.inspect(service)["Mounts"]} | _MOUNTED_BY_DOCKER
    assert [line for line in changed if not any(place.startswith(line[2:]) for place in mounted)] == []


def test_only_the_gateway_is_open_to_other_machines(suite: ComposeProject) -> None:
    bound = {
        (service, binding["HostIp"])
        for service in SERVICES
        for binding in itertools.chain.from_iterable(_bindings(suite.inspect(service)))
    }
    others = {(service, address) for service, address in bound if service != "caddy_reverse_proxy"}
    assert others == {("voice-interaction-service", "127.0.0.1"), ("chat-service", "127.0.0.1")}
    assert ("caddy_reverse_proxy", "0.0.0.0") in bound


def test_redis_is_out_of_reach_of_those_who_keep_nothing_in_it(suite: ComposeProject) -> None:
    script = "import socket; socket.create_connection(('redis', 6379), 3)"
    suite.compose("exec", "-T", "chat-service", "python", "-c", script)
    with pytest.raises(CommandFailed, match=r"gaierror|timed out"):
        suite.compose("exec", "-T", "language-model-server", "python", "-c", script)


def test_the_secret_is_its_owners_alone_and_nowhere_else(suite: ComposeProject) -> None:
    mode, secret = suite.compose(
        "exec",
        "-T",
        _SECRET_READER,
        "sh",
        "-c",
        "stat -c %a /run/secrets/jwt_secret; cat /run/secrets/jwt_secret",
    ).split()
    assert mode == "600"
    assert len(bytes.fromhex(secret)) == 32

    token = suite.token()
    logs = suite.compose("logs", "--no-color")
    for service in (*SERVICES, *ONE_SHOT):
        described = str(suite.inspect(service))
        assert secret not in described
        assert token not in described
    assert secret not in logs
    assert token not in logs


def _bindings(described: dict[str, Any]) -> list[list[dict[str, str]]]:
    return [bound for bound in described["NetworkSettings"]["Ports"].values() if bound]


def _processes(suite: ComposeProject, service: str) -> list[str]:
    listing = suite.compose("exec", "-T", service, "sh", "-c", "ls -d /proc/[0-9]*")
    return [path.removeprefix("/proc/") for path in listing.split()]


def _status(suite: ComposeProject, service: str, pid: str) -> dict[str, str]:
    script = f"cat /proc/{pid}/status 2>/dev/null || cat /proc/1/status"  # a process may have just ended
    lines = suite.compose("exec", "-T", service, "sh", "-c", script).splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
