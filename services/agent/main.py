"""Builds the agent out of its settings. The only module that names Redis and the model chain."""

import os

from fastapi import FastAPI

from services.agent.app import AgentParts, create_app
from services.agent.problems import ThreadsUnavailable
from services.agent.settings import AgentSettings
from services.common.language_models.build import build_chain
from services.common.settings import load_settings
from services.common.telemetry import configure_logging


def build_app() -> tuple[FastAPI, AgentSettings]:
    """From the environment; exits with a sentence where a setting is refused."""
    _keep_threads_to_ourselves()
    settings = load_settings(AgentSettings)
    configure_logging(settings.service_name, settings.log_level)
    return create_app(settings, build_parts(settings)), settings


def build_parts(settings: AgentSettings) -> AgentParts:
    return AgentParts(
        chain=build_chain(settings),
        threads=settings.connect_redis(ThreadsUnavailable, decode_responses=False),
        roles=settings.connect_redis(ThreadsUnavailable),
    )


def _keep_threads_to_ourselves() -> None:
    """A developer's shell may ask LangChain to send every run to LangSmith. Not the runs of our users."""
    for name in ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING", "LANGCHAIN_TRACING_V2"):
        os.environ[name] = "false"
