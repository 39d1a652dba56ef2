"""Alert rules and dashboard: accepted by Prometheus itself, and about metrics that the suite really has."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.support.compose import ComposeProject, run
from tests.support.container_chat import answered
from tests.support.dashboards import (
    OBSERVABILITY,
    ROOT,
    alert_expressions,
    dashboards,
    metrics_in,
    metrics_of,
    panel_expressions,
    scraped_ports,
)
from tests.support.prometheus import prometheus

EXPRESSIONS = {**alert_expressions(), **panel_expressions()}
PYTHON_SERVICES = {
    "voice-interaction-service": 8006,
    "voice-worker": 8016,
    "chat-service": 8007,
    "langgraph-enhanced-service": 8030,
    "learning-service": 8003,
    "gateway-health-monitor": 8010,
}
GATEWAY_METRICS = "http://caddy_reverse_proxy:9180/metrics"


@pytest.mark.prometheus
@pytest.mark.parametrize(("kind", "file"), [("rules", "alerts.yml"), ("config", "prometheus.yml")])
def test_prometheus_accepts_its_files(kind: str, file: str) -> None:
    assert "SUCCESS" in run(("promtool", "check", kind, str(OBSERVABILITY / file)))


@pytest.mark.prometheus
def test_alerts_are_raised_when_they_should_be_and_not_before() -> None:
    assert "SUCCESS" in run(("promtool", "test", "rules", str(Path(__file__).parent / "alerts_test.yml")))


def test_operations_md_says_what_to_do_about_each_alert() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert [alert for alert in alert_expressions() if f"| `{alert}` |" not in page] == []


def test_every_expression_is_about_a_metric() -> None:
    assert {name for name, expression in EXPRESSIONS.items() if not metrics_in(expression)} == {"ReplicaDown"}


def test_the_dashboard_covers_what_an_operator_asks_first() -> None:
    titles = {panel["title"] for dashboard in dashboards() for panel in dashboard["panels"]}
    asked = {"Traffic", "Errors", "Latency", "Saturation", "Breakers", "Time to first token"}
    assert asked | {"Time to first audio", "Who speaks", "Who hears"} <= titles


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    (dashboard,) = dashboards()
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    squares = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(squares)) == len(squares)


def test_prometheus_asks_services_that_there_are_at_their_ports() -> None:
    yaml = YAML(typ="safe")
    jobs = yaml.load(OBSERVABILITY / "prometheus.yml")["scrape_configs"]
    known = {*yaml.load(ROOT / "docker-compose.yml")["services"], "language-model-server"}
    assert set(scraped_ports()) <= known
    assert all(job["dns_sd_configs"][0]["names"] == [job["job_name"]] for job in jobs)
    assert PYTHON_SERVICES.items() <= scraped_ports().items()


def test_every_metric_that_is_asked_for_is_in_a_scrape_of_the_running_suite(suite: ComposeProject) -> None:
    suite.compose("up", "--detach", "--wait")
    offered = metrics_of(
        [
            *(_scraped(suite, service, port) for service, port in PYTHON_SERVICES.items()),
            suite.compose("exec", "-T", "gateway-health-monitor", "python", "-c", _script(GATEWAY_METRICS)),
        ]
    )
    missing = {
        name: absent
        for name, expression in EXPRESSIONS.items()
        if (absent := metrics_in(expression) - offered)
    }
    assert missing == {}


@pytest.mark.prometheus
def test_a_real_prometheus_scrapes_the_running_suite_and_answers_all_that_is_asked_of_it(
    suite: ComposeProject, tmp_path: Path
) -> None:
    suite.compose("up", "--detach", "--wait")
    with suite.client() as ann:
        assert answered(ann, "Good morning.")
    addresses = {job: f"{suite.address(job)}:{port}" for job, port in scraped_ports().items()}
    with prometheus(tmp_path, addresses) as running:
        running.wait_until_all_is_scraped_and_judged(set(addresses))
        rules = running.rules()
        assert {rule["name"] for rule in rules} == set(alert_expressions())
        assert {rule["name"]: rule.get("lastError") for rule in rules if rule["health"] != "ok"} == {}
        for expression in panel_expressions().values():
            running.ask("/query", query=expression.replace("$__rate_interval", "1m"))
        for metric in ("up", "http_requests_total", "chat_replies_total", "voice_jobs_open"):
            assert running.ask("/query", query=metric)["result"], f"no sample of {metric}"


def _script(url: str) -> str:
    return f"import urllib.request; print(urllib.request.urlopen('{url}', timeout=10).read().decode())"


def _scraped(suite: ComposeProject, service: str, port: int) -> str:
    script = _script(f"http://127.0.0.1:{port}/metrics")
    return suite.compose("exec", "-T", service, "python", "-c", script)
