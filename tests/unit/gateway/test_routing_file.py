"""The routing file: what it may say, and how a mistake is told."""

from pathlib import Path

import pytest

from gateway.routing_file import DEFAULT_PATH, RoutingFileRefused, load_routing
from gateway.schema import Balance, upstreams_variable

GOOD = """\
health_check: {path: /health/ready, interval_ms: 500, timeout_ms: 1000}
retries: {count: 5, interval_ms: 50}
hidden_paths: [/metrics*]
removed_request_headers: [Forwarded]
services:
  chat-service:
    upstreams: [chat-service:8007]
    sentence: The chat is not available just now.
    routes:
      /api/v1/chat-service/*:
        cut_prefix: /api/v1/chat-service
      /ws/chat-service:
        rewrite_to: /ws
        websocket_credentials: [token, ticket]
"""


def refusal(tmp_path: Path, text: str) -> list[tuple[int, str]]:
    """(line, key) of each fault that is found in the text."""
    path = tmp_path / "service_routing.yml"
    path.write_text(text)
    with pytest.raises(RoutingFileRefused) as refused:
        load_routing(path)
    assert all(line.startswith("service_routing.yml:") for line in str(refused.value).splitlines())
    return [(fault.line, fault.key) for fault in refused.value.faults]


def test_the_file_of_the_repository_is_accepted() -> None:
    assert "voice-interaction-service" in load_routing(DEFAULT_PATH).services


def test_a_route_has_defaults_for_what_it_does_not_say(tmp_path: Path) -> None:
    path = tmp_path / "routing.yml"
    path.write_text(GOOD)
    service = load_routing(path).services["chat-service"]
    route = service.routes["/api/v1/chat-service/*"]
    assert (route.body_max_kib, route.response_header_timeout_seconds) == (64, 10)
    assert service.balance is Balance.REPLICAS


def test_an_unknown_key_is_refused_with_its_line(tmp_path: Path) -> None:
    text = GOOD.replace("cut_prefix:", "cut:")
    assert refusal(tmp_path, text) == [(11, "services.chat-service.routes./api/v1/chat-service/*.cut")]


def test_a_missing_key_is_refused_with_the_line_of_what_lacks_it(tmp_path: Path) -> None:
    text = GOOD.replace("    sentence: The chat is not available just now.\n", "")
    assert refusal(tmp_path, text) == [(6, "services.chat-service.sentence")]


def test_every_mistake_is_told_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    text = GOOD.replace("count: 5", "count: many").replace(":8007]", "]").replace("[token,", "[cookie,")
    assert [line for line, _ in refusal(tmp_path, text)] == [2, 7, 14]


@pytest.mark.parametrize(
    "path", ["api/v1", "/api/../x", "/api/*/x", "/api v1", "/x{y}", "/x\\n", "/*", "/", "//x"]
)
def test_a_path_that_is_not_plain_is_refused(tmp_path: Path, path: str) -> None:
    found = refusal(tmp_path, GOOD.replace("/ws/chat-service:", f'"{path}":'))
    assert {line for line, _ in found} == {12}


def test_a_sentence_that_could_leave_its_quotes_is_refused(tmp_path: Path) -> None:
    for sentence in (
        "'Say \"no\" to this now.'",
        "'Placeholder {env.JWT_SECRET}.'",
        "'Back\\slash is here.'",
    ):
        text = GOOD.replace("The chat is not available just now.", sentence)
        assert refusal(tmp_path, text) == [(8, "services.chat-service.sentence")]


def test_a_route_that_two_services_claim_is_refused_at_the_second(tmp_path: Path) -> None:
    other = GOOD[GOOD.index("  chat-service:") :].replace("chat-service:\n", "other:\n", 1)
    found = refusal(tmp_path, GOOD + other)
    assert [line for line, _ in found] == [19, 21]


def test_a_key_that_stands_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    text = GOOD + "      /ws/chat-service: {}\n"
    assert refusal(tmp_path, text) == [(15, "yaml")]


def test_a_file_that_is_not_yaml_is_refused_with_its_line(tmp_path: Path) -> None:
    assert refusal(tmp_path, "services:\n  a: [1,\n")[0][0] in {2, 3}


def test_a_file_that_is_empty_or_a_list_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "") == [(1, "file")]
    assert refusal(tmp_path, "- a\n") == [(1, "file")]


def test_a_prefix_that_the_path_does_not_have_cannot_be_cut(tmp_path: Path) -> None:
    text = GOOD.replace("cut_prefix: /api/v1/chat-service", "cut_prefix: /api/v1/chat")
    assert refusal(tmp_path, text) == [(11, "services.chat-service.routes./api/v1/chat-service/*.cut_prefix")]


def test_a_path_is_cut_or_rewritten_but_not_both(tmp_path: Path) -> None:
    text = GOOD.replace("rewrite_to: /ws", "rewrite_to: /ws\n        cut_prefix: /ws")
    assert refusal(tmp_path, text) == [(13, "services.chat-service.routes./ws/chat-service.rewrite_to")]


@pytest.mark.parametrize(
    ("balance", "colours"),
    [("replicas", "[green, blue]"), ("ordered", "[green]"), ("ordered", "[green, green]")],
)
def test_each_upstream_of_an_ordered_pair_has_a_colour_of_its_own(
    tmp_path: Path, balance: str, colours: str
) -> None:
    pair = f"upstreams: [a:1, b:2]\n    balance: {balance}\n    colours: {colours}"
    text = GOOD.replace("upstreams: [chat-service:8007]", pair)
    assert refusal(tmp_path, text) == [(9, "services.chat-service.colours")]


def test_a_colour_is_blue_or_green(tmp_path: Path) -> None:
    pair = "upstreams: [a:1, b:2]\n    balance: ordered\n    colours: [green, red]"
    text = GOOD.replace("upstreams: [chat-service:8007]", pair)
    assert refusal(tmp_path, text) == [(9, "services.chat-service.colours.1")]


def test_a_breaker_that_would_never_open_is_refused_with_its_line(tmp_path: Path) -> None:
    text = GOOD.replace("    sentence:", "    breaker: {failure_threshold: 0}\n    sentence:")
    assert refusal(tmp_path, text) == [(8, "services.chat-service.breaker.failure_threshold")]


def test_the_variable_with_a_services_upstreams_follows_from_its_name() -> None:
    assert upstreams_variable("chat-service") == "CHAT_SERVICE_UPSTREAMS"
