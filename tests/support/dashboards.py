"""What alert rules and dashboards ask Prometheus for, and what a scrape has to offer."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parent.parent.parent
OBSERVABILITY = ROOT / "deploy" / "observability"
_METRIC = re.compile(r"\b(?:agent|caddy|chat|gateway|http|llamacpp|process|voice)[_:][a-z0-9_:]+")
_TYPE = re.compile(r"^# TYPE (\S+) (\S+)$", re.MULTILINE)
_PARTS = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}


def alert_expressions() -> dict[str, str]:
    rules = YAML(typ="safe").load(OBSERVABILITY / "alerts.yml")
    return {rule["alert"]: rule["expr"] for group in rules["groups"] for rule in group["rules"]}


def scraped_ports() -> dict[str, int]:
    """Job, which is a service's name → the port that it is scraped at."""
    jobs = YAML(typ="safe").load(OBSERVABILITY / "prometheus.yml")["scrape_configs"]
    return {job["job_name"]: job["dns_sd_configs"][0]["port"] for job in jobs}


def panel_expressions() -> dict[str, str]:
    """Panel title and letter → expression."""
    return {
        f"{panel['title']} {target['refId']}": target["expr"]
        for dashboard in dashboards()
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    }


def dashboards() -> Iterator[dict[str, Any]]:
    for path in sorted((OBSERVABILITY / "dashboards").glob("*.json")):
        dashboard: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        yield dashboard


def metrics_in(expression: str) -> set[str]:
    return set(_METRIC.findall(expression))


def metrics_of(scrapes: Iterable[str]) -> set[str]:
    """Every name that Prometheus would store, those without a sample yet included."""
    found: set[str] = set()
    for scrape in scrapes:
        for name, kind in _TYPE.findall(scrape):
            found |= {name + part for part in _PARTS.get(kind, ("",))}
    return found
