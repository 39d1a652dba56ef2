"""The Caddyfile that is rendered: the committed one, the order of its routes, who shares a proxy."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.__main__ import CADDYFILE, main
from gateway.caddyfile import render
from gateway.routing_file import load_routing
from gateway.schema import Balance, Routing, Service


def routing(**services: Service) -> Routing:
    return load_routing().model_copy(update={"services": services})


def service(routes: Mapping[str, object]) -> Service:
    return Service.model_validate(
        {"upstreams": ["a:1", "b:2"], "sentence": "It is not available just now.", "routes": routes}
    )


def handled_paths(caddyfile: str) -> list[str]:
    return re.findall(r"^\t\thandle (/\S+) \{$", caddyfile, re.MULTILINE)


def test_the_committed_caddyfile_is_what_the_routing_file_says() -> None:
    assert CADDYFILE.read_text(encoding="utf-8") == render(load_routing())


def test_check_says_so_when_the_caddyfile_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", "--check"]) == 0
    assert "up to date" in capsys.readouterr().out


def test_check_shows_the_difference_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stale = tmp_path / "Caddyfile"
    stale.write_text("old\n")
    assert main(["render", "--check", "--output", str(stale)]) == 1
    shown = capsys.readouterr()
    assert "-old" in shown.out
    assert "python -m gateway render" in shown.err
    assert stale.read_text() == "old\n"


def test_a_refused_routing_file_leaves_the_caddyfile_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, output = tmp_path / "service_routing.yml", tmp_path / "Caddyfile"
    bad.write_text("services: {}\n")
    output.write_text("good\n")
    assert main(["render", "--routing", str(bad), "--output", str(output)]) == 2
    assert output.read_text() == "good\n"
    assert "service_routing.yml:1: services:" in capsys.readouterr().err


def test_the_most_specific_route_is_asked_first() -> None:
    routes: dict[str, object] = {"/a/*": {}, "/a/b/*": {}, "/a/b": {}, "/a/b/c": {}}
    text = render(routing(one=service(routes)))
    assert handled_paths(text) == ["/health", "/a/b/c", "/a/b", "/a/b/*", "/a/*"]


def test_routes_of_one_service_and_patience_share_a_proxy() -> None:
    slow = {"response_header_timeout_seconds": 60}
    text = render(routing(one=service({"/a": {}, "/b": {}, "/c": slow}), two=service({"/d": {}})))
    names = re.findall(r"reverse_proxy @(\S+) ", text)
    assert names == ["one-reads", "one-10s", "one-60s", "two-reads", "two-10s"]


def test_connections_are_kept_for_the_next_request_and_not_past_what_uvicorn_keeps_them() -> None:
    text = render(routing(one=service({"/a": {}})))
    for line in ("keepalive 4s", "keepalive_idle_conns_per_host 512"):
        assert text.count(line) == text.count("reverse_proxy @") == 2


def test_upstreams_come_from_the_environment_or_else_the_file() -> None:
    text = render(routing(**{"chat-service": service({"/a": {}})}))
    assert "reverse_proxy @chat-service-10s {$CHAT_SERVICE_UPSTREAMS:a:1 b:2} {" in text


def test_an_ordered_pair_waits_for_the_second_longer_than_a_health_check_takes() -> None:
    pair = service({"/a": {}}).model_copy(update={"balance": Balance.ORDERED})
    text = render(routing(pair=pair))
    assert "lb_policy first" in text
    proxies = re.findall(r"reverse_proxy @pair-.*?\n\t\t}", text, re.DOTALL)
    assert [proxy.count("lb_try_duration 4000ms") for proxy in proxies] == [1, 1]
    assert not any("lb_retries" in proxy for proxy in proxies)


def test_an_ordered_pairs_last_upstream_is_the_gateway_itself_that_knows_whether_any_is_well() -> None:
    pair, other = service({"/a": {}}).model_copy(update={"balance": Balance.ORDERED}), service({"/b": {}})
    text = render(routing(pair=pair, other=other))
    socket = "unix/{$PARLEY_ADMIN_SOCKET:/run/caddy/admin.sock}.pair"
    assert text.count(f"a:1 b:2}} {socket} {{") == 2
    assert text.count(f"bind {socket}|0600") == 1
    assert text.count("health_uri /health/ready?role=any") == 1
    assert ".other" not in text


def test_a_socket_without_a_credential_is_refused_by_the_gateway() -> None:
    socket = service({"/ws": {"websocket_credentials": ["token", "subprotocol"]}})
    block = render(routing(chat=socket)).split("handle /ws {")[1].split("\n\t\t}")[0]
    assert "not query token=*" in block
    assert "not header Sec-WebSocket-Protocol *bearer*" in block
    assert "error @anonymous 401" in block
