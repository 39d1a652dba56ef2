"""The validator on the running suite: what it finds of a whole one, and of one with a service away."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.__main__ import CADDYFILE
from gateway.whereabouts import whereabouts
from scripts.local_stack.folders import ROOT
from tests.support.caddy import running_caddy
from tests.support.local_stack import LocalStack
from tests.support.valkey import free_port

pytestmark = pytest.mark.models("whisper-base", "smollm2-135m-instruct")


@dataclass
class Verdict:
    code: int
    printed: str
    findings: dict[str, Any]
    page: str

    @property
    def failed(self) -> dict[str, str]:
        """Its sentence, by the check's name."""
        everything = [one for group in self.findings["findings"].values() for one in group]
        return {one["name"]: one["sentence"] for one in everything if one["outcome"] == "failed"}


def validate(base_url: str, folder: Path) -> Verdict:
    findings, page = folder / "report.json", folder / "report.html"
    script = ROOT / "scripts" / "gateway_integration_validator.py"
    options = ("--base-url", base_url, "--json", str(findings), "--html", str(page))
    done = subprocess.run(
        [sys.executable, str(script), *options],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert findings.exists(), done.stderr
    return Verdict(done.returncode, done.stdout, json.loads(findings.read_text()), page.read_text())


def test_of_a_whole_suite_every_check_passes(stack: LocalStack, tmp_path: Path) -> None:
    verdict = validate(stack.base_url, tmp_path)
    assert (verdict.code, verdict.failed) == (0, {}), verdict.printed
    for group in ("Gateway", "Identity", "Voice", "Chat", "Agent"):
        assert group in verdict.page


def test_with_the_agent_away_it_exits_with_1_and_says_what_is_missing(
    stack: LocalStack, tmp_path: Path
) -> None:
    """A gateway beside the suite's own, before the same services but for the agent: it disturbs nobody."""
    upstreams = {name: value for name, value in whereabouts({}).items() if name.endswith("_UPSTREAMS")}
    upstreams["LANGGRAPH_ENHANCED_UPSTREAMS"] = f"127.0.0.1:{free_port()}"
    with running_caddy(CADDYFILE, tmp_path, upstreams, tmp_path) as gateway:
        verdict = validate(gateway.url, tmp_path)
    assert verdict.code == 1
    assert "langgraph-enhanced is not there" in verdict.failed["Routes"]
    assert (
        {"Routes", "Colour", "A turn"}
        <= verdict.failed.keys()
        <= {
            "Routes",
            "Colour",
            "A turn",
            "Its thread",
            "Another thread",
        }
    )
    assert "503" in verdict.page
