"""What reaches a service through the gateway, and what does not."""

import json
import socket

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.integration.gateway.conftest import Scene


def get(scene: Scene, path: str, **options: object) -> httpx.Response:
    return httpx.get(f"{scene.gateway.url}{path}", timeout=10, **options)  # type: ignore[arg-type]  # httpx types each option by itself


@pytest.mark.parametrize(
    ("path", "service", "seen"),
    [
        ("/api/v1/voice/voices", "voice", "/api/v1/voice/voices"),
        ("/api/v1/voice/stt/transcribe", "voice", "/api/v1/voice/stt/transcribe"),
        ("/v1/audio/speech", "voice", "/v1/audio/speech"),
        ("/api/v1/chat-service/api/v1/chat", "chat", "/api/v1/chat"),
        ("/v1/chat/completions", "chat", "/v1/chat/completions"),
        ("/api/v1/langgraph/enhanced/threads/7", "green", "/threads/7"),
    ],
)
def test_each_path_reaches_its_service_with_its_prefix_cut(
    scene: Scene, path: str, service: str, seen: str
) -> None:
    answer = get(scene, f"{path}?language=en").json()
    assert (answer["service"], answer["path"]) == (service, seen)


@pytest.mark.parametrize("path", ["/nope", "/api/v1/voice", "/v1/chat/completions/x", "/ws", "/index.htm"])
def test_a_path_that_nobody_has_is_a_404_problem(scene: Scene, path: str) -> None:
    answer = get(scene, path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json()["type"] == "/problems/not-found"
    assert answer.json()["instance"] == path


OUTSIDE = ("", "/api/v1/voice/../../..")


@pytest.mark.parametrize("prefix", [*OUTSIDE, "/api/v1/chat-service", "/api/v1/langgraph/enhanced"])
@pytest.mark.parametrize(
    "spelling",
    [
        "/metrics",
        "/metrics/",
        "/METRICS",
        "/%6detrics",
        "//metrics",
        "/./metrics",
        "/x/../metrics",
        "/%2e%2e/metrics",
        "/%2fmetrics",
        "/health/ready",
        "/health/live",
        "/health%2fready",
        "/health?fresh=1",
        "/healthz",
    ],
)
def test_metrics_and_health_of_a_service_are_not_reachable_however_spelled(
    scene: Scene, prefix: str, spelling: str
) -> None:
    before = len(scene.paths_seen)
    answer = raw_get(scene, prefix + spelling)
    is_the_gateways_own = prefix in OUTSIDE and spelling == "/health?fresh=1"
    assert b" 200 " in answer if is_the_gateways_own else b" 404 " in answer
    assert len(scene.paths_seen) == before


def raw_get(scene: Scene, target: str) -> bytes:
    """The status line, for a target that no client library would leave as it is."""
    with socket.create_connection(("127.0.0.1", scene.gateway.port), timeout=10) as connection:
        host = f"localhost:{scene.gateway.port}"
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return connection.makefile("rb").readline()


def test_the_gateway_has_a_health_of_its_own(scene: Scene) -> None:
    answer = get(scene, "/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "service": "gateway"})


def test_the_console_is_served_with_a_strict_policy(scene: Scene) -> None:
    answer = get(scene, "/")
    assert "<title>console</title>" in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/", "/health", "/nope", "/api/v1/voice/voices"])
def test_every_answer_carries_the_security_headers_and_hides_who_gave_it(scene: Scene, path: str) -> None:
    headers = get(scene, path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "server" not in headers
    assert "via" not in headers


def test_the_console_may_be_asked_for_only_by_reading(scene: Scene) -> None:
    assert httpx.post(f"{scene.gateway.url}/index.html").status_code == 404


def test_headers_that_only_a_proxy_may_set_are_dropped_or_made_anew(scene: Scene) -> None:
    spoofed = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "gopher",
        "X-Forwarded-User": "root",
        "Forwarded": "for=203.0.113.9",
        "X-Real-IP": "203.0.113.9",
        "X-User-Id": "root",
        "X-Auth-Request-User": "root",
        "X-Original-URL": "/health",
        "X-Rewrite-URL": "/health",
        "Proxy": "http://evil.example",
    }
    seen = get(scene, "/api/v1/voice/voices", headers=spoofed).json()["headers"]
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-host"] == f"localhost:{scene.gateway.port}"
    assert seen["x-forwarded-proto"] == "http"
    assert not {name.lower() for name in spoofed if not name.endswith(("For", "Host", "Proto"))} & seen.keys()
    assert not any("203.0.113.9" in value or "evil" in value for value in seen.values())


def test_a_sane_request_id_is_kept_passed_on_and_returned(scene: Scene) -> None:
    answer = get(scene, "/api/v1/voice/voices", headers={"X-Request-ID": "order-2024.7"})
    assert answer.json()["headers"]["x-request-id"] == "order-2024.7"
    assert answer.headers.get_list("x-request-id") == ["order-2024.7"]


@pytest.mark.parametrize("offered", ["short", "a" * 129, 'x"}{"y": "z', "two words here", ""])
def test_any_other_request_id_is_replaced(scene: Scene, offered: str) -> None:
    answer = get(scene, "/api/v1/voice/voices", headers={"X-Request-ID": offered})
    made = answer.headers["x-request-id"]
    assert made != offered
    assert answer.json()["headers"]["x-request-id"] == made


def test_a_problem_of_the_gateway_names_the_request_in_valid_json(scene: Scene) -> None:
    answer = get(scene, '/no"pe%7B%7Benv "HOME"%7D%7D', headers={"X-Request-ID": "order-2024.7"})
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "order-2024.7"
    assert answer.json()["instance"] == '/no"pe{{env "HOME"}}'


@pytest.mark.parametrize(
    ("path", "kib", "status"),
    [
        ("/api/v1/voice/voices", 64, 200),
        ("/api/v1/voice/voices", 65, 413),
        ("/api/v1/voice/stt/transcribe", 256, 200),
        ("/api/v1/voice/stt/transcribe", 257, 413),
    ],
)
@pytest.mark.parametrize("declared", [True, False])
def test_a_body_is_taken_up_to_the_limit_of_its_route(
    scene: Scene, path: str, kib: int, status: int, declared: bool
) -> None:
    body = b"x" * (kib * 1024)
    chunks = (body[at : at + 65_536] for at in range(0, len(body), 65_536))
    answer = httpx.post(f"{scene.gateway.url}{path}", content=body if declared else chunks, timeout=10)
    assert answer.status_code == status
    if status == 413:
        assert answer.json()["type"] == "/problems/payload-too-large"


def test_a_body_that_declares_itself_too_large_never_reaches_the_service(scene: Scene) -> None:
    path = "/api/v1/voice/too-large"
    answer = httpx.post(f"{scene.gateway.url}{path}", content=b"x" * 400_000, timeout=10)
    assert answer.status_code == 413
    assert path not in scene.paths_seen


def test_a_body_that_cannot_be_read_is_the_clients_fault_and_not_the_services(scene: Scene) -> None:
    with socket.create_connection(("127.0.0.1", scene.gateway.port), timeout=10) as connection:
        head = "POST /api/v1/voice/voices HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(f"{head}not-a-size\r\n".encode())
        answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"type":"/problems/malformed-request"' in answer


def test_a_name_that_is_not_ours_is_misdirected(scene: Scene) -> None:
    answer = get(scene, "/api/v1/voice/voices", headers={"Host": "evil.example"})
    assert answer.status_code == 421
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_public_name_is_served_like_localhost(scene: Scene) -> None:
    host = f"parley.localhost:{scene.gateway.port}"
    answer = get(scene, "/api/v1/voice/voices", headers={"Host": host})
    assert answer.json()["service"] == "voice"


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("?token=a.b.c", {}),
        ("?ticket=abc", {}),
        ("", {"Authorization": "Bearer a.b.c"}),
        ("", {"Sec-WebSocket-Protocol": "bearer, a.b.c"}),
    ],
)
def test_a_socket_reaches_its_service_with_any_of_its_credentials(
    scene: Scene, query: str, headers: dict[str, str]
) -> None:
    url = f"ws://localhost:{scene.gateway.port}/ws/chat-service{query}"
    with connect(url, additional_headers=headers, open_timeout=5) as connection:
        assert json.loads(connection.recv(timeout=5)) == {"service": "chat", "path": "/ws"}


def test_a_socket_without_any_credential_is_refused_before_it_reaches_the_service(scene: Scene) -> None:
    before = len(scene.chat.paths)
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://localhost:{scene.gateway.port}/ws/chat-service?session_id=7", open_timeout=5)
    response = refused.value.response
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="parley"'
    assert json.loads(response.body or b"")["type"] == "/problems/unauthorized"
    assert len(scene.chat.paths) == before


def test_metrics_have_a_port_of_their_own(scene: Scene) -> None:
    base = f"http://localhost:{scene.gateway.metrics_port}"
    assert "caddy_reverse_proxy_upstreams_healthy" in httpx.get(f"{base}/metrics").text
    assert httpx.get(f"{base}/").status_code == 404
