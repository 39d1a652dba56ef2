"""One real Caddy for the folder, with fake services behind it."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.caddyfile import render
from gateway.routing_file import load_routing
from tests.support.caddy import FakeService, Gateway, running_caddy

ROUTING = Path(__file__).with_name("routing.yml")


@dataclass
class Scene:
    gateway: Gateway
    voice: FakeService
    chat: FakeService
    green: FakeService
    blue: FakeService

    @property
    def paths_seen(self) -> list[str]:
        return [*self.voice.paths, *self.chat.paths, *self.green.paths, *self.blue.paths]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("caddy")
    site = folder / "site"
    site.mkdir()
    (site / "index.html").write_text("<!doctype html><title>console</title>")
    caddyfile = folder / "Caddyfile"
    caddyfile.write_text(render(load_routing(ROUTING)))
    services = {name: FakeService(name) for name in ("voice", "chat", "green", "blue")}
    upstreams = {
        "VOICE_UPSTREAMS": services["voice"].upstream,
        "CHAT_UPSTREAMS": services["chat"].upstream,
        "AGENT_UPSTREAMS": f"{services['green'].upstream} {services['blue'].upstream}",
    }
    with ExitStack() as stack:
        for service in services.values():
            stack.enter_context(service.running())
        gateway = stack.enter_context(running_caddy(caddyfile, folder, upstreams, site))
        yield Scene(gateway, **services)
