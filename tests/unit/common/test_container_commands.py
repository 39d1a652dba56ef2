"""What runs inside a container beside its service: the secret's maker, the token's, and the health check."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from jose import jwt

from services.common import container_probe, secret_file, token_command


class _Health(http.server.BaseHTTPRequestHandler):
    ready = False
    live = True

    def do_GET(self) -> None:
        good = {"/health/ready": self.ready, "/health/live": self.live}.get(self.path, False)
        self.send_response(200 if good else 503)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Quiet."""


@pytest.fixture(name="service")
def service_fixture() -> Iterator[tuple[type[_Health], int]]:
    class Health(_Health):
        pass

    with http.server.HTTPServer(("127.0.0.1", 0), Health) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield Health, server.server_port
        server.shutdown()
        thread.join()


def test_a_container_is_not_healthy_before_it_was_ready(
    service: tuple[type[_Health], int], tmp_path: Path
) -> None:
    health, port = service
    assert not container_probe.healthy(port, tmp_path / "mark")
    health.ready = True
    assert container_probe.healthy(port, tmp_path / "mark")


def test_a_container_that_waits_for_redis_is_not_replaced(
    service: tuple[type[_Health], int], tmp_path: Path
) -> None:
    health, port = service
    health.ready = True
    container_probe.healthy(port, tmp_path / "mark")

    health.ready = False
    assert container_probe.healthy(port, tmp_path / "mark")
    health.live = False
    assert not container_probe.healthy(port, tmp_path / "mark")


def test_a_colour_that_waits_for_its_turn_is_healthy_once_it_lives(
    service: tuple[type[_Health], int], tmp_path: Path
) -> None:
    _, port = service
    assert container_probe.healthy(port, tmp_path / "mark", first="/health/live")


def test_a_container_where_nothing_listens_is_not_healthy(tmp_path: Path) -> None:
    assert not container_probe.healthy(1, tmp_path / "mark")


def test_the_secret_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    assert secret_file.ensure_secret(tmp_path)
    secret = tmp_path / secret_file.NAME
    before = secret.read_text()

    assert len(bytes.fromhex(before)) == secret_file.SECRET_BYTES
    assert secret.stat().st_mode & 0o777 == 0o600
    assert not secret_file.ensure_secret(tmp_path)
    assert secret.read_text() == before
    assert [path.name for path in tmp_path.iterdir()] == [secret_file.NAME]


def test_the_secret_is_in_nothing_that_its_maker_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PARLEY_SECRETS_DIR", str(tmp_path))
    secret_file.main()
    assert (tmp_path / secret_file.NAME).read_text() not in capsys.readouterr().out


def test_a_token_is_signed_with_the_secret_in_the_secrets_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secret_file.ensure_secret(tmp_path)
    monkeypatch.setenv("PARLEY_SECRETS_DIR", str(tmp_path))

    assert token_command.main(["--user", "ann", "--scope", "chat", "--ttl", "5m"]) == 0

    token = capsys.readouterr().out.strip()
    secret = (tmp_path / secret_file.NAME).read_text()
    claims = jwt.decode(token, secret, algorithms=["HS256"], audience="parley", issuer="parley")
    assert (claims["sub"], claims["scope"], claims["exp"] - claims["iat"]) == ("ann", "chat", 300)


def test_without_a_secret_there_is_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PARLEY_SECRETS_DIR", str(tmp_path))
    monkeypatch.delenv("JWT_SECRET", raising=False)
    monkeypatch.setenv("JWT_JWKS_URL", "http://127.0.0.1:1/keys")
    assert token_command.main(["--user", "ann"]) == token_command.EXIT_NO_SECRET
    assert capsys.readouterr().out == ""
