"""A ticket from the chat service opens a WebSocket of the voice service, once. In a real Valkey."""

import time

import httpx
import pytest
from pydantic import SecretStr
from websockets.exceptions import InvalidStatus

from services.chat.app import ChatParts, create_app
from services.chat.main import build_store
from services.chat.settings import ChatSettings
from services.common.auth import issue_token
from tests.support.chat_chain import FakeChain
from tests.support.serving import serving
from tests.support.sockets import connected, received
from tests.support.tokens import SECRET, bearer
from tests.support.valkey import ValkeyProcess
from tests.support.voice_app import VoiceApp, voice_app

REALTIME = "/v1/realtime"
STREAM = "/api/v1/voice/stt/stream"


@pytest.fixture(name="service")
def service_fixture(valkey: ValkeyProcess) -> VoiceApp:
    return voice_app(tickets=True, redis_url=SecretStr(valkey.url))


async def ticket_of(valkey: ValkeyProcess, headers: dict[str, str]) -> str:
    """As a page gets one."""
    settings = ChatSettings(jwt_secret=SecretStr(SECRET), redis_url=SecretStr(valkey.url))
    app = create_app(settings, ChatParts(build_store(settings), FakeChain()))
    async with serving(app) as url, httpx.AsyncClient(base_url=url, headers=headers) as client:
        issued = await client.post("/api/v1/ws-ticket")
        assert issued.status_code == 201
        return str(issued.json()["ticket"])


async def refused(url: str, address: str) -> int:
    with pytest.raises(InvalidStatus) as refusal:
        async with connected(url, address, additional_headers={}):
            pass
    return refusal.value.response.status_code


async def test_a_ticket_opens_a_conversation_once_and_the_chat_is_asked_with_its_token(
    service: VoiceApp, valkey: ValkeyProcess
) -> None:
    headers = bearer("ann")
    ticket = await ticket_of(valkey, headers)
    async with serving(service.app) as url:
        async with connected(url, f"{REALTIME}?ticket={ticket}", additional_headers={}) as socket:
            assert (await received(socket))["type"] == "session.created"
            await socket.send(
                '{"type": "conversation.item.create", "item": {"type": "message", "role": "user",'
                ' "content": [{"type": "input_text", "text": "Hello"}]}}'
            )
            await socket.send('{"type": "response.create"}')
            while (await received(socket))["type"] != "response.done":
                pass
        assert await refused(url, f"{REALTIME}?ticket={ticket}") == 401
    assert service.chat.tokens == [headers["Authorization"].removeprefix("Bearer ")]


async def test_a_ticket_opens_live_recognition(service: VoiceApp, valkey: ValkeyProcess) -> None:
    ticket = await ticket_of(valkey, bearer("ann"))
    async with (
        serving(service.app) as url,
        connected(url, f"{STREAM}?ticket={ticket}", additional_headers={}) as socket,
    ):
        await socket.send('{"type": "start"}')
        assert (await received(socket))["type"] == "ready"


async def test_a_ticket_gives_no_scope_that_its_token_lacks(service: VoiceApp, valkey: ValkeyProcess) -> None:
    listener = issue_token(
        SECRET, subject="ann", scopes=["voice:transcribe"], lifetime_seconds=60, now=time.time()
    )
    headers = {"Authorization": f"Bearer {listener}"}
    async with serving(service.app) as url:
        assert await refused(url, f"{REALTIME}?ticket={await ticket_of(valkey, headers)}") == 403
        assert await refused(url, f"{STREAM}?ticket=invented") == 401


async def test_without_a_store_a_ticket_is_told_to_wait_and_a_token_goes_on_working(
    service: VoiceApp, valkey: ValkeyProcess
) -> None:
    ticket = await ticket_of(valkey, bearer("ann"))
    valkey.kill()
    async with serving(service.app) as url:
        assert await refused(url, f"{STREAM}?ticket={ticket}") == 503
        async with connected(url, REALTIME) as socket:
            assert (await received(socket))["type"] == "session.created"
