"""The status page while a real service is killed, and when it is back."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from playwright.async_api import Browser

from tests.browser.conftest import CADDYFILE, ROOT, SITE
from tests.support.browser import console
from tests.support.caddy import free_port, running_caddy
from tests.support.tokens import SECRET, bearer
from tests.support.valkey import ValkeyProcess

CHAT = "[data-service=chat-service]"


@contextmanager
def service(module: str, port: int, settings: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m module` on this port, until it is killed or the block ends."""
    own = {"HOST": "127.0.0.1", "PORT": str(port), "JWT_SECRET": SECRET, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module],
        env={**os.environ, **own, **settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def test_status_turns_when_a_service_is_killed_and_turns_back(browser: Browser, tmp_path: Path) -> None:
    chat_port, monitor_port = free_port(), free_port()
    upstreams = {
        "CHAT_SERVICE_UPSTREAMS": f"127.0.0.1:{chat_port}",
        "GATEWAY_HEALTH_MONITOR_UPSTREAMS": f"127.0.0.1:{monitor_port}",
    }
    valkey = ValkeyProcess(tmp_path)
    chat_settings = {"REDIS_URL": valkey.url, "CHAT_LLM_CHAIN": "openai"}
    monitor_settings = {
        **upstreams,
        "GATEWAY_MONITOR_INTERVAL_SECONDS": "0.5",
        "GATEWAY_MONITOR_FAILURE_THRESHOLD": "2",
        "GATEWAY_MONITOR_RESET_TIMEOUT_SECONDS": "1",
    }
    token = bearer()["Authorization"].removeprefix("Bearer ")
    with ExitStack() as running:
        valkey.start()
        running.callback(valkey.stop)
        running.enter_context(service("gateway.health_monitor", monitor_port, monitor_settings))
        gateway = running.enter_context(running_caddy(CADDYFILE, tmp_path, upstreams, SITE))
        # Neither the voice service nor, for a while, the chat service is there: their requests answer 503,
        # and what the chat service was telling when it was killed breaks off.
        expected = ["503", "ERR_INCOMPLETE_CHUNKED_ENCODING"]
        async with console(browser, gateway.url, token, tolerated=expected) as watched:
            page = watched.page
            asked: list[str] = []
            page.on("request", lambda request: asked.append(request.url.split("/api/v1/")[-1]))
            await watched.view("status")
            with service("services.chat", chat_port, chat_settings) as chat:
                await page.wait_for_selector(f"{CHAT}[data-state=good]")
                chat.kill()
                await page.wait_for_selector(f"{CHAT}:not([data-state=good])")
                await page.wait_for_selector(f"{CHAT}:has-text('breaker open')")
                assert "Chat is not available just now" in await page.inner_text(CHAT)
                assert "Chat" in await page.inner_text("#status-summary")
            with service("services.chat", chat_port, chat_settings):
                await page.wait_for_selector(f"{CHAT}[data-state=good]")
                assert "not available" not in await page.inner_text(CHAT)
                assert "breaker closed" in await page.inner_text(CHAT)
                await page.wait_for_selector("#status-models table")
                asked.clear()
                await page.wait_for_timeout(5000)
            assert {one.split("/")[0] for one in asked} == {"voice"}, (
                "what is there is not asked again and again"
            )
