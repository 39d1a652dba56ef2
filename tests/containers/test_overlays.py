"""Every overlay: Compose accepts it, and what it adds is as confined as what it is added to."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.compose import ROOT, run

OVERLAYS = ("engines", "gpu", "observability", "offline")
RUN_ONCE = {"secrets", "models", "token", "ollama-model"}

pytestmark = pytest.mark.docker


def _services(overlay: str) -> dict[str, dict[str, Any]]:
    files = ("-f", "docker-compose.yml", "-f", f"deploy/{overlay}.yml")
    shown = run(("docker", "compose", *files, "--profile", "tools", "config", "--format", "json"))
    services: dict[str, dict[str, Any]] = json.loads(shown)["services"]
    return services


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_whatever_runs_is_confined_and_limited(overlay: str) -> None:
    for name, service in _services(overlay).items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert {"cpus", "memory", "pids"} <= set(service["deploy"]["resources"]["limits"]), name
        if name not in RUN_ONCE:
            assert service["healthcheck"]["test"], name
            assert service["restart"] == "unless-stopped", name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_only_the_gateway_is_open_to_other_machines(overlay: str) -> None:
    open_to_all = {
        name
        for name, service in _services(overlay).items()
        if any(port.get("host_ip") != "127.0.0.1" for port in service.get("ports", ()))
    }
    assert open_to_all == {"caddy_reverse_proxy"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_image_is_built_from_a_lock_that_there_is(overlay: str) -> None:
    for service in _services(overlay).values():
        arguments = service.get("build", {}).get("args", {})
        if "SERVICE" in arguments:
            lock = arguments.get("LOCK", arguments["SERVICE"])
            assert (Path(ROOT) / "requirements" / f"{lock}.txt").is_file()


def test_the_gpu_goes_to_those_who_know_what_to_do_with_it() -> None:
    given = {
        name
        for name, service in _services("gpu").items()
        if service["deploy"]["resources"].get("reservations", {}).get("devices")
    }
    assert given == {"ollama", "voice-interaction-service", "voice-worker"}


def test_secrets_are_named_in_no_environment() -> None:
    for overlay in OVERLAYS:
        for name, service in _services(overlay).items():
            assert "JWT_SECRET" not in service.get("environment", {}), name
