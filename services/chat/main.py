"""Builds the chat service out of its settings. The only module that names Redis and the model chain."""

from fastapi import FastAPI

from services.chat.app import SERVICE, ChatParts, create_app
from services.chat.problems import StoreUnavailable
from services.chat.settings import ChatSettings
from services.chat.store.redis_store import RedisStore
from services.common.language_models.build import build_chain
from services.common.settings import load_settings
from services.common.telemetry import configure_logging


def build_app() -> tuple[FastAPI, ChatSettings]:
    """From the environment; exits with a sentence where a setting is refused."""
    settings = load_settings(ChatSettings)
    configure_logging(SERVICE, settings.log_level)
    return create_app(settings, build_parts(settings)), settings


def build_parts(settings: ChatSettings) -> ChatParts:
    return ChatParts(store=build_store(settings), chain=build_chain(settings))


def build_store(settings: ChatSettings) -> RedisStore:
    return RedisStore(settings.connect_redis(StoreUnavailable), settings.store_limits)
