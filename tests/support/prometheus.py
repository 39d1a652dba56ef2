"""A real Prometheus of the tests' own: the suite's rules, and its jobs with addresses that can be reached."""

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from ruamel.yaml import YAML

from tests.support.dashboards import OBSERVABILITY
from tests.support.valkey import free_port

_PATIENCE_SECONDS = 90.0


class Prometheus:
    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=f"{url}/api/v1", timeout=30)

    def ask(self, path: str, **parameters: str) -> Any:
        """Raises httpx.HTTPStatusError where Prometheus refuses the question."""
        return self._client.get(path, params=parameters).raise_for_status().json()["data"]

    def rules(self) -> list[dict[str, Any]]:
        return [rule for group in self.ask("/rules")["groups"] for rule in group["rules"]]

    def wait_until_all_is_scraped_and_judged(self, jobs: set[str]) -> None:
        until = time.monotonic() + _PATIENCE_SECONDS
        while not self._is_scraped_and_judged(jobs):
            assert time.monotonic() < until, self.ask("/targets")["activeTargets"]
            time.sleep(0.5)

    def _is_scraped_and_judged(self, jobs: set[str]) -> bool:
        try:
            targets = self.ask("/targets")["activeTargets"]
            well = {target["labels"]["job"] for target in targets if target["health"] == "up"}
            return well == jobs and all(rule["health"] != "unknown" for rule in self.rules())
        except httpx.TransportError:
            return False


@contextmanager
def prometheus(folder: Path, addresses: Mapping[str, str]) -> Iterator[Prometheus]:
    """`addresses`: host:port of each job; how they are found and how often is all that differs."""
    configuration = folder / "prometheus.yml"
    YAML(typ="safe").dump(_configuration(addresses), configuration)
    port = free_port()
    command = [
        "prometheus",
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'series'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield Prometheus(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(timeout=60)


def _configuration(addresses: Mapping[str, str]) -> dict[str, Any]:
    suites: dict[str, Any] = YAML(typ="safe").load(OBSERVABILITY / "prometheus.yml")
    return suites | {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(OBSERVABILITY / name) for name in suites["rule_files"]],
        "scrape_configs": [
            {"job_name": job["job_name"], "static_configs": [{"targets": [addresses[job["job_name"]]]}]}
            for job in suites["scrape_configs"]
        ],
    }
