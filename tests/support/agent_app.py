"""The agent in the test's own process, over a real Valkey and a scripted chain."""

from typing import Any

from fastapi import FastAPI
from pydantic import SecretStr

from services.agent.app import AgentParts, create_app
from services.agent.main import build_parts
from services.agent.settings import AgentSettings
from services.common.blue_green import Colour
from tests.support.agent_chain import ScriptedChain
from tests.support.tokens import SECRET


def agent_app(redis_url: str, chain: ScriptedChain, colour: Colour = Colour.GREEN, **changes: Any) -> FastAPI:
    settings = AgentSettings(
        **{
            "jwt_secret": SecretStr(SECRET),
            "redis_url": SecretStr(redis_url),
            "colour": colour,
            "agent_retry_seconds": 0.01,
            "agent_lease_seconds": 2.0,
            **changes,
        }
    )
    parts = build_parts(settings)
    return create_app(settings, AgentParts(chain, parts.threads, parts.roles))
