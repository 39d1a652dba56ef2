"""The chat service in the test's own process: a dictionary for Redis, a fake for the models."""

import time
from typing import Any

from fastapi import FastAPI
from pydantic import SecretStr

from services.chat.app import ChatParts, create_app
from services.chat.settings import ChatSettings
from tests.support.chat_chain import FakeChain
from tests.support.chat_memory_store import MemoryStore
from tests.support.tokens import SECRET


def chat_settings(**changes: Any) -> ChatSettings:
    return ChatSettings(**{"jwt_secret": SecretStr(SECRET), "chat_lease_seconds": 2, **changes})


def chat_app(
    chain: FakeChain | None = None, store: MemoryStore | None = None, **changes: Any
) -> tuple[FastAPI, MemoryStore, FakeChain]:
    settings = chat_settings(**changes)
    store = store or MemoryStore(settings.store_limits, time.time)
    chain = chain or FakeChain()
    return create_app(settings, ChatParts(store, chain)), store, chain
