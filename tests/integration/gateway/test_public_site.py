"""The production site: the committed Caddyfile under a public name, certified by an authority of its own."""

import json
import os
import socket
import ssl
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from gateway.__main__ import CADDYFILE
from tests.support.caddy import FakeService, Gateway, running_caddy, wait_until

DOMAIN = "parley.localhost"
VOICES = "/api/v1/voice/voices"


@dataclass
class PublicSite:
    gateway: Gateway
    folder: Path
    voice: FakeService
    chat: FakeService
    trust: ssl.SSLContext

    def get(self, path: str, *, name: str = DOMAIN, headers: dict[str, str] | None = None) -> httpx.Response:
        """As a browser that looked the name up would: to this machine, under that name."""
        with httpx.Client(verify=self.trust, trust_env=False) as client:
            return client.get(
                f"https://127.0.0.1:{self.gateway.https_port}{path}",
                headers={"Host": f"{name}:{self.gateway.https_port}", **(headers or {})},
                extensions={"sni_hostname": name},
                timeout=20,
            )


@pytest.fixture(scope="module", name="site")
def site_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PublicSite]:
    folder = tmp_path_factory.mktemp("public")
    (folder / "index.html").write_text("<!doctype html><title>console</title>")
    voice, chat = FakeService("voice"), FakeService("chat")
    environment = {
        "DOMAIN": DOMAIN,
        "VOICE_INTERACTION_SERVICE_UPSTREAMS": voice.upstream,
        "CHAT_SERVICE_UPSTREAMS": chat.upstream,
    }
    with ExitStack() as stack:
        for service in (voice, chat):
            stack.enter_context(service.running())
        gateway = stack.enter_context(running_caddy(CADDYFILE, folder, environment, folder))
        root = folder / ".local/share/caddy/pki/authorities/local/root.crt"
        wait_until(root.exists)
        site = PublicSite(gateway, folder, voice, chat, ssl.create_default_context(cafile=str(root)))
        wait_until(lambda: _serves(site))
        yield site


def _serves(site: PublicSite) -> bool:
    try:
        return site.get(VOICES).status_code == 200
    except httpx.TransportError:
        return False


def test_it_serves_over_tls_and_tells_browsers_to_stay_there(site: PublicSite) -> None:
    answer = site.get(VOICES)
    assert answer.json()["service"] == "voice"
    assert answer.json()["headers"]["x-forwarded-proto"] == "https"
    assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert "server" not in answer.headers
    assert "<title>console</title>" in site.get("/").text


def test_plain_http_under_the_public_name_is_sent_to_https(site: PublicSite) -> None:
    answer = httpx.get(f"http://127.0.0.1:{site.gateway.port}{VOICES}", headers={"Host": DOMAIN}, timeout=10)
    assert answer.status_code == 308
    assert answer.headers["location"].startswith(f"https://{DOMAIN}")


def test_a_name_that_is_not_ours_gets_no_certificate(site: PublicSite) -> None:
    with pytest.raises(httpx.ConnectError):
        site.get(VOICES, name="evil.example")


def test_a_request_with_everything_spoofed_at_once_reaches_the_service_clean(site: PublicSite) -> None:
    spoofed = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "gopher",
        "Forwarded": "for=203.0.113.9;host=evil.example",
        "X-Real-IP": "203.0.113.9",
        "X-User-Id": "root",
        "X-Auth-Request-User": "root",
        "X-Original-URL": "/metrics",
        "X-Rewrite-URL": "/metrics",
        "Origin": f"https://{DOMAIN}.evil.example",
        "X-Request-ID": "two words",
    }
    answer = site.get(VOICES, headers=spoofed)
    seen = answer.json()["headers"]
    assert (seen["x-forwarded-for"], seen["x-forwarded-proto"]) == ("127.0.0.1", "https")
    assert not {"forwarded", "x-real-ip", "x-user-id", "x-auth-request-user", "x-original-url"} & seen.keys()
    assert seen["origin"] == f"https://{DOMAIN}.evil.example", "the service judges it, so it must see it"
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["x-request-id"] != "two words"


@pytest.mark.parametrize(
    "path", ["/metrics", "/health/ready", "/api/v1/chat-service/metrics", "/config/", "/nope"]
)
def test_what_is_not_for_the_public_is_a_404_problem(site: PublicSite, path: str) -> None:
    answer = site.get(path)
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


def test_the_control_socket_is_the_owners_alone_and_on_no_port(site: PublicSite) -> None:
    assert stat.S_IMODE(os.stat(site.folder / "admin.sock").st_mode) == 0o600  # noqa: PTH116 - a socket
    with pytest.raises(httpx.ConnectError):
        httpx.get("http://127.0.0.1:2019/config/", timeout=5, trust_env=False)


def test_a_socket_under_the_public_name_reaches_the_chat_and_one_without_a_token_does_not(
    site: PublicSite,
) -> None:
    with open_socket(site, "?token=a.b.c") as chat:
        assert json.loads(chat.recv(timeout=10)) == {"service": "chat", "path": "/ws"}
    with pytest.raises(InvalidStatus) as refused:
        open_socket(site, "")
    assert refused.value.response.status_code == 401


def open_socket(site: PublicSite, query: str) -> ClientConnection:
    port = site.gateway.https_port
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    address = f"wss://{DOMAIN}:{port}/ws/chat-service{query}"
    return connect(address, sock=connection, ssl=site.trust, server_hostname=DOMAIN)
