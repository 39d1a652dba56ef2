"""The chat service as a process of the measurement's own, over a Valkey and a model that follows a script."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.own_process import OwnProcess, chat_process, scripted_model
from tests.support.valkey import ValkeyProcess

_UNBOUNDED = {
    "CHAT_SOCKETS_PER_USER": "100000",
    "CHAT_MESSAGES_PER_MINUTE": "60000",
    "CHAT_GENERATIONS_PER_USER": "1000",
    "CHAT_GENERATIONS_RUNNING_MAX": "200",
}


@dataclass(frozen=True, slots=True)
class ChatOfItsOwn:
    chat: OwnProcess
    redis: ValkeyProcess


@contextmanager
def chat_of_its_own(**settings: str) -> Iterator[ChatOfItsOwn]:
    """With no limit that a measurement would run into."""
    with tempfile.TemporaryDirectory() as folder:
        redis, model = ValkeyProcess(Path(folder)), scripted_model()
        chat = chat_process(redis.url, f"{model.url}/v1", None, **{**_UNBOUNDED, **settings})
        try:
            redis.start()
            model.start()
            chat.start()
            yield ChatOfItsOwn(chat, redis)
        finally:
            for process in (chat, model):
                process.kill()
            redis.stop()
