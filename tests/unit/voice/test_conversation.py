"""Spoken conversation with the stock OpenAI Realtime client: turns, replies, barge-in, failures."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import openai
import pytest
from numpy.typing import NDArray
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from websockets.exceptions import InvalidStatus

from services.common.problems import ServiceUnavailable
from services.voice.engines import EngineFailed
from tests.support.eventually import eventually
from tests.support.serving import serving
from tests.support.sockets import pcm16, pieces
from tests.support.speech import RATE_HZ, silence, voice
from tests.support.tokens import bearer
from tests.support.voice_app import VoiceApp, voice_app

QUESTION = np.concatenate([silence(0.3), voice(1.5), silence(0.8)])
REPLY = "It is ten o'clock. Would you like to know more?"


@asynccontextmanager
async def conversing(
    service: VoiceApp, user: str = "ann", **query: Any
) -> AsyncIterator[AsyncRealtimeConnection]:
    key = bearer(user)["Authorization"].removeprefix("Bearer ")
    async with serving(service.app) as url:
        client = openai.AsyncOpenAI(api_key=key, base_url=f"{url}/v1")
        async with client.realtime.connect(model="gpt-realtime", extra_query=query) as connection:
            yield connection
        await client.close()


async def say(connection: AsyncRealtimeConnection, samples: NDArray[np.float32]) -> None:
    for piece in pieces(pcm16(samples), 4800):
        await connection.input_audio_buffer.append(audio=base64.b64encode(piece).decode())


async def until(connection: AsyncRealtimeConnection, kind: str) -> list[Any]:
    """What comes up to an event of this type, which is the last."""
    found: list[Any] = []
    async with asyncio.timeout(20):
        while not found or found[-1].type != kind:
            found.append(await connection.recv())
    return found


def kinds(events: list[Any]) -> list[str]:
    return [event.type for event in events]


def audio_of(events: list[Any]) -> bytes:
    deltas = [event.delta for event in events if event.type == "response.output_audio.delta"]
    return b"".join(base64.b64decode(delta) for delta in deltas)


def asking(text: str = "What time is it?", **changes: Any) -> VoiceApp:
    service = voice_app(**changes)
    service.whisper.text = text
    return service


async def test_a_spoken_question_is_answered_in_speech() -> None:
    service = asking()
    async with conversing(service, session_id="kitchen") as connection:
        created = await connection.recv()
        await say(connection, QUESTION)
        events = await until(connection, "response.done")
        assert service.chat.kept == [], "it was not interrupted"
    assert created.type == "session.created"
    assert service.chat.asked == [("kitchen", "What time is it?", None)]
    order = [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.input_audio_transcription.completed",
        "response.created",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.done",
    ]
    assert [kind for kind in dict.fromkeys(kinds(events)) if kind in order] == order
    done = events[-1].response
    assert done.status == "completed"
    assert done.output[0].content[0].transcript == REPLY
    assert len(audio_of(events)) / 2 / RATE_HZ > 2.0


async def test_the_stages_latencies_are_in_the_reply_and_in_the_metrics() -> None:
    service = asking()
    async with conversing(service) as connection:
        await say(connection, QUESTION)
        done = (await until(connection, "response.done"))[-1].response
    names = ("end_of_turn", "transcript", "first_token", "first_phrase", "first_audio")
    stages = [int(done.metadata[f"{name}_ms"]) for name in names]
    assert stages == sorted(stages)
    assert done.metadata["spoken_by"] == "kokoro"
    assert "attempts" not in done.metadata
    registry = service.app.state.registry
    for stage in names:
        name = "voice_conversation_stage_seconds_count"
        assert registry.get_sample_value(name, {"stage": stage}) == 1


async def test_speech_starts_while_the_model_still_writes() -> None:
    service = asking()
    service.chat.words = ("It is ten o'clock. ", "Would you like ", "to know more?")
    service.chat.pause_after, service.chat.gate = 3, asyncio.Event()
    async with conversing(service) as connection:
        await say(connection, QUESTION)
        await until(connection, "response.output_audio.delta")
        service.chat.gate.set()
        events = await until(connection, "response.done")
    assert events[-1].response.status == "completed"


async def test_the_users_voice_stops_ours_and_the_history_keeps_what_was_heard() -> None:
    service = asking()
    service.chat.words = tuple(f"This is sentence number {number} of many. " for number in range(40))
    async with conversing(service) as connection:
        await say(connection, QUESTION)
        await until(connection, "response.output_audio.delta")
        await say(connection, voice(0.5))
        events = await until(connection, "response.done")
        await eventually(lambda: bool(service.chat.kept))
    assert "input_audio_buffer.speech_started" in kinds(events)
    assert events[-1].response.status == "cancelled"
    assert events[-1].response.status_details.reason == "turn_detected"
    reply_id, characters = service.chat.kept[0]
    assert reply_id == "reply-1"
    assert 0 <= characters < 200


async def test_what_was_heard_is_kept_before_the_next_question_is_asked() -> None:
    service = asking()
    service.chat.words = tuple(f"This is sentence number {number} of many. " for number in range(40))
    async with conversing(service) as connection:
        await say(connection, QUESTION)
        await until(connection, "response.output_audio.delta")
        service.chat.words = ("Well.",)
        await say(connection, QUESTION)
        for _ in ("the one that was cut off", "the short one"):
            await until(connection, "response.done")
    assert service.chat.order[:3] == ["ask", "keep", "ask"]


async def test_a_reply_cut_off_before_it_had_a_name_is_not_in_the_history_as_if_it_were_heard() -> None:
    service = asking()
    service.chat.silent_until = asyncio.Event()
    async with conversing(service) as connection:
        await say(connection, QUESTION)
        await until(connection, "response.created")
        await eventually(lambda: bool(service.chat.asked))
        await say(connection, voice(0.5))
        done = (await until(connection, "response.done"))[-1].response
        service.chat.silent_until.set()
        await eventually(lambda: bool(service.chat.kept))
    assert done.status == "cancelled"
    assert service.chat.kept[0] == ("reply-1", 0)
    assert service.chat.asked[0][1] == "What time is it?"


async def test_the_client_may_say_itself_how_much_was_heard() -> None:
    service = asking()
    async with conversing(service) as connection:
        await say(connection, QUESTION)
        events = await until(connection, "response.done")
        item_id = events[-1].response.output[0].id
        await connection.conversation.item.truncate(item_id=item_id, content_index=0, audio_end_ms=60_000)
        await until(connection, "conversation.item.truncated")
        await connection.conversation.item.truncate(item_id=item_id, content_index=0, audio_end_ms=10)
        await until(connection, "conversation.item.truncated")
        await eventually(lambda: len(service.chat.kept) >= 2)
        await connection.conversation.item.truncate(item_id="nothing", content_index=0, audio_end_ms=1)
        error = (await until(connection, "error"))[-1].error
    assert service.chat.kept[:2] == [("reply-1", len(REPLY)), ("reply-1", 0)]
    assert error.code == "invalid_request"


async def test_silence_and_a_sound_without_words_begin_nothing() -> None:
    service = asking(text="")
    async with conversing(service) as connection:
        await connection.recv()
        await say(connection, silence(3.0))
        await say(connection, QUESTION)
        events = await until(connection, "input_audio_buffer.cleared")
    assert service.chat.asked == []
    assert "response.created" not in kinds(events)


async def test_a_model_that_fails_is_spoken_about_in_one_sentence() -> None:
    service = asking()
    service.chat.words = ()
    service.chat.problem = ServiceUnavailable("No model can answer right now. Please try again in a moment.")
    async with conversing(service) as connection:
        await say(connection, QUESTION)
        events = await until(connection, "response.done")
        done = events[-1].response
        service.chat.problem, service.chat.words = None, ("I am back.",)
        await say(connection, QUESTION)
        again = (await until(connection, "response.done"))[-1].response
    assert done.status == "failed"
    assert done.status_details.error.code == "service_unavailable"
    assert "No model can answer right now" in done.output[0].content[0].transcript
    assert len(audio_of(events)) > RATE_HZ
    assert again.status == "completed"


async def test_a_voice_that_fails_is_an_error_and_not_the_end_of_the_conversation() -> None:
    def fail(_: object) -> None:
        raise EngineFailed("error")

    service = asking()
    service.speaker.speaking = fail
    async with conversing(service) as connection:
        await say(connection, QUESTION)
        done = (await until(connection, "response.done"))[-1].response
    assert done.metadata["spoken_by"] == "simulated", "the chain's last engine is a tone, and says so"
    assert "kokoro=error" in done.metadata["attempts"]


async def test_without_turn_detection_the_client_says_when_a_turn_ends() -> None:
    service = asking()
    detection: Any = {"input": {"turn_detection": None}}
    async with conversing(service) as connection:
        await connection.session.update(session={"type": "realtime", "audio": detection})
        updated = (await until(connection, "session.updated"))[-1]
        await say(connection, QUESTION)
        await connection.input_audio_buffer.commit()
        await until(connection, "conversation.item.input_audio_transcription.completed")
        assert service.chat.asked == []
        await connection.response.create()
        done = (await until(connection, "response.done"))[-1].response
    assert updated.session.audio.input.turn_detection is None
    assert done.status == "completed"


async def test_a_typed_message_is_answered_in_speech() -> None:
    service = asking()
    async with conversing(service) as connection:
        await connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "What time is it?"}],
            }
        )
        await connection.response.create()
        done = (await until(connection, "response.done"))[-1].response
    assert service.chat.asked[0][1] == "What time is it?"
    assert done.usage.total_tokens == 12


async def test_a_reply_can_be_cancelled() -> None:
    service = asking()
    service.chat.gate = asyncio.Event()
    async with conversing(service) as connection:
        await say(connection, QUESTION)
        await until(connection, "response.created")
        await connection.response.cancel()
        done = (await until(connection, "response.done"))[-1].response
    assert done.status == "cancelled"
    assert done.status_details.reason == "client_cancelled"


async def test_the_voice_and_the_speed_can_be_chosen() -> None:
    service = asking()
    output: Any = {"output": {"voice": "nova", "speed": 1.2}}
    async with conversing(service) as connection:
        await connection.session.update(session={"type": "realtime", "audio": output})
        await say(connection, QUESTION)
        await until(connection, "response.done")
        await connection.session.update(
            session={"type": "realtime", "audio": {"output": {"voice": "nobody"}}}
        )
        error = (await until(connection, "error"))[-1].error
    assert {(request.voice, request.speed) for request in service.speaker.spoken} == {("af_nova", 1.2)}
    assert error.code == "invalid_request"


async def test_instructions_reach_the_model_for_the_session_or_for_one_reply() -> None:
    async def answered(connection: AsyncRealtimeConnection) -> None:
        await say(connection, QUESTION)
        await until(connection, "conversation.item.input_audio_transcription.completed")
        await until(connection, "response.done")

    service = asking(voice_conversation_instructions="Be brief.")
    by_hand: Any = {"input": {"turn_detection": {"type": "server_vad", "create_response": False}}}
    async with conversing(service) as connection:
        created: Any = await connection.recv()
        await answered(connection)
        await connection.session.update(session={"type": "realtime", "instructions": "Talk like a pirate."})
        updated: Any = (await until(connection, "session.updated"))[-1]
        await answered(connection)
        await connection.session.update(session={"type": "realtime", "audio": by_hand})
        await until(connection, "session.updated")
        await say(connection, QUESTION)
        await until(connection, "conversation.item.input_audio_transcription.completed")
        await connection.response.create(response={"instructions": "Answer in French."})
        await until(connection, "response.done")
    assert created.session.instructions == "Be brief."
    assert updated.session.instructions == "Talk like a pirate."
    assert [question.instructions for question in service.chat.questions] == [
        "Be brief.",
        "Talk like a pirate.",
        "Answer in French.",
    ]


@pytest.mark.parametrize(
    "message",
    [
        {"type": "nonsense"},
        {"type": "input_audio_buffer.append", "audio": "no base64!"},
        {"type": "session.update", "session": {"audio": {"input": {"format": {"type": "audio/pcmu"}}}}},
        {"type": "input_audio_buffer.commit", "event_id": "mine"},
        {"type": "response.create"},
    ],
)
async def test_what_is_not_taken_is_an_error_event_and_the_conversation_goes_on(
    message: dict[str, Any],
) -> None:
    service = asking()
    detection: Any = {"input": {"turn_detection": None}}
    async with conversing(service) as connection:
        await connection.session.update(session={"type": "realtime", "audio": detection})
        await connection.send(message)  # type: ignore[arg-type]
        error = (await until(connection, "error"))[-1].error
        await connection.input_audio_buffer.clear()
        await until(connection, "input_audio_buffer.cleared")
    assert error.type == "invalid_request_error"
    assert error.event_id == message.get("event_id")


async def test_all_three_scopes_are_needed() -> None:
    key = bearer(scopes=("voice:transcribe", "voice:synthesize"))["Authorization"].removeprefix("Bearer ")
    async with serving(voice_app().app) as url:
        client = openai.AsyncOpenAI(api_key=key, base_url=f"{url}/v1")
        with pytest.raises(InvalidStatus) as refused:
            await client.realtime.connect(model="gpt-realtime").enter()
        await client.close()
    assert refused.value.response.status_code == 403
