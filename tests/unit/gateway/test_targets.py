"""What the monitor watches, and by which figures."""

from pathlib import Path

from gateway.health_monitor.targets import Thresholds, targets
from gateway.routing_file import load_routing
from gateway.schema import Routing

ROUTING = """
health_check: {path: /health/ready, interval_ms: 500, timeout_ms: 1000}
breaker: {failure_threshold: 4, reset_seconds: 20}
retries: {count: 5, interval_ms: 50}
hidden_paths: [/metrics*]
removed_request_headers: [Forwarded]
services:
  plain:
    upstreams: [plain:1]
    sentence: The plain one is away just now.
    routes: {/plain: {}}
  patient:
    upstreams: [patient:1, patient:2]
    sentence: The patient one is away just now.
    breaker: {failure_threshold: 9, reset_seconds: 5}
    health_check: {path: /ready, interval_ms: 1000, timeout_ms: 3000}
    routes: {/patient: {}}
"""


def routing(folder: Path) -> Routing:
    path = folder / "routing.yml"
    path.write_text(ROUTING)
    return load_routing(path)


def test_a_service_has_the_figures_of_the_file_or_its_own(tmp_path: Path) -> None:
    plain, first, second = targets(routing(tmp_path), {})
    assert plain.thresholds == Thresholds(4, 20.0)
    assert first.thresholds == second.thresholds == Thresholds(9, 5.0)
    assert (plain.health_url, first.health_url) == ("http://plain:1/health/ready", "http://patient:1/ready")


def test_a_figure_that_is_given_overrules_the_file_for_all(tmp_path: Path) -> None:
    found = targets(routing(tmp_path), {}, failure_threshold=1)
    assert [target.thresholds.failure_threshold for target in found] == [1, 1, 1]
    assert [target.thresholds.reset_timeout_seconds for target in found] == [20.0, 5.0, 5.0]


def test_upstreams_of_the_environment_stand_for_those_of_the_file(tmp_path: Path) -> None:
    found = targets(routing(tmp_path), {"PATIENT_UPSTREAMS": "127.0.0.1:7"})
    assert [target.upstream for target in found] == ["plain:1", "127.0.0.1:7"]


def test_of_a_colour_it_is_asked_whether_it_would_serve_if_it_were_its_turn() -> None:
    asked = {target.upstream: target.health_url for target in targets(load_routing(), {})}
    assert asked["learning-service:8003"] == "http://learning-service:8003/health/ready?role=any"
    assert [target.colour for target in targets(load_routing(), {}) if target.colour] == ["green", "blue"]
    assert asked["chat-service:8007"] == "http://chat-service:8007/health/ready"
