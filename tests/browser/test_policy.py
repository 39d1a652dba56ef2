"""What the page may do: the gateway's policy for the console, as a header and as held by the browser."""

import httpx
import pytest
from playwright.async_api import Browser

from tests.browser.conftest import ChatHouse
from tests.support.browser import console

OWN = {"'self'", "'none'", "blob:", "data:", "'script'"}
TRY = """() => new Promise((resolve) => setTimeout(async () => {
  try { await (%s)(); } catch {}
  resolve();
}))"""
"""Outside the evaluation itself, which a debugger exempts from a part of the policy."""
PROBES = {
    "an inline script": """() => {
      const script = document.createElement("script");
      script.append("window.harmed = true");
      document.body.append(script);
    }""",
    "markup out of text": "() => { document.body.innerHTML = '<b>harmed</b>'; window.harmed = true; }",
    "code out of text": "() => { window.harmed = new Function('return true')(); }",
    "a style out of text": """() => {
      const style = document.createElement("style");
      style.append(":root { --harmed: 1 }");
      document.head.append(style);
      window.harmed = getComputedStyle(document.documentElement).getPropertyValue("--harmed") === "1";
    }""",
    "a request elsewhere": "async () => { await fetch('https://elsewhere.example/'); window.harmed = true; }",
    "a socket elsewhere": """() => new Promise((resolve) => {
      const socket = new WebSocket("wss://elsewhere.example/");
      socket.onopen = () => { window.harmed = true; resolve(); };
      socket.onerror = () => resolve();
    })""",
}


async def test_policy_allows_the_house_alone(house: ChatHouse) -> None:
    async with httpx.AsyncClient() as client:
        headers = (await client.get(house.url)).headers
    policy = {
        name: set(values) for name, *values in map(str.split, headers["Content-Security-Policy"].split(";"))
    }
    assert policy["default-src"] == {"'none'"}
    assert policy["script-src"] == {"'self'"}
    assert policy["style-src"] == {"'self'"}
    assert policy["connect-src"] == {"'self'"}
    for closed in ("base-uri", "form-action", "frame-ancestors", "trusted-types"):
        assert policy[closed] == {"'none'"}, closed
    assert set().union(*policy.values()) <= OWN
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("probe", list(PROBES))
async def test_policy_is_enforced_against(browser: Browser, house: ChatHouse, probe: str) -> None:
    refused = ["Security Policy", "TrustedHTML", "TrustedScript", "requires 'Trusted"]
    async with console(browser, house.url, house.token, tolerated=refused) as watched:
        await watched.page.wait_for_selector(".hello")
        await watched.page.evaluate(TRY % PROBES[probe])
        assert await watched.page.evaluate("window.harmed === undefined || window.harmed === false")
