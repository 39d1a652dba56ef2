"""What every conversation store keeps to: the dictionary of the tests, and Redis (here: Valkey)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from services.chat.problems import (
    IdempotencyKeyReused,
    MessageNotFound,
    ReplyNotFound,
    SessionNotFound,
    StoreUnavailable,
    TooManySessions,
)
from services.chat.store.records import (
    Completed,
    Delta,
    Failed,
    Lease,
    MessageStatus,
    NewTurn,
    ReplyFacts,
    Reset,
    StoreLimits,
    Turn,
    TurnOutcome,
)
from services.chat.store.redis_store import RedisStore
from services.chat.store.seam import ConversationStore, LeaseLost
from services.common.problems import TooManyRequests
from tests.support.chat_app import chat_settings
from tests.support.chat_memory_store import MemoryStore
from tests.support.clock import FakeClock
from tests.support.valkey import ValkeyProcess

LIMITS = StoreLimits(
    history_messages_max=6, sessions_max=3, lease_seconds=10, messages_per_minute=20, generations_max=2
)
FACTS = ReplyFacts(
    "ollama", "smollm2", degraded=False, finish_reason="stop", prompt_tokens=7, completion_tokens=3
)


@pytest.fixture(name="clock")
def clock_fixture() -> FakeClock:
    return FakeClock(1_800_000_000.0)


@pytest.fixture(name="store", params=["memory", "redis"])
async def store_fixture(
    request: pytest.FixtureRequest, valkey: ValkeyProcess, clock: FakeClock
) -> AsyncIterator[ConversationStore]:
    if request.param == "memory":
        yield MemoryStore(LIMITS, clock)
        return
    connection = chat_settings(redis_url=valkey.url).connect_redis(StoreUnavailable)
    redis = RedisStore(connection, LIMITS, clock)
    yield redis
    await redis.aclose()


def asked(number: int, session: str = "s1", owner: str = "ann", **changes: Any) -> NewTurn:
    turn = NewTurn(owner, session, f"m{number}", f"question {number}", "title", f"print {number}")
    return replace(turn, **changes)


def lease(number: int, attempt: int = 1) -> Lease:
    return Lease(f"r{number}" if attempt == 1 else f"r{number}.{attempt}", f"worker {number}.{attempt}")


async def begin(store: ConversationStore, number: int, **changes: Any) -> Turn:
    return await store.begin(asked(number, **changes), lease(number))


async def converse(store: ConversationStore, number: int, **changes: Any) -> Turn:
    turn = await begin(store, number, **changes)
    await store.append(lease(number), [Delta(1, "answer "), Delta(2, str(number))])
    await store.complete(lease(number), f"answer {number}", FACTS)
    return turn


async def contents(store: ConversationStore, session: str = "s1", owner: str = "ann") -> list[str]:
    return [message.content for message in (await store.history(owner, session, limit=50)).messages]


async def test_a_turn_is_in_the_history(store: ConversationStore, clock: FakeClock) -> None:
    turn = await begin(store, 1)
    assert (turn.outcome, turn.duplicate, turn.created_at) == (TurnOutcome.BEGUN, False, clock.now)
    [pending] = (await store.history("ann", "s1", limit=10)).messages
    assert (pending.status, pending.reply_id) == (MessageStatus.PENDING, "r1")

    clock.advance(2.5)
    assert await store.complete(lease(1), "answer 1", FACTS) == clock.now
    page = await store.history("ann", "s1", limit=10)
    question, answer = page.messages
    assert (question.role, question.content, question.status) == (
        "user",
        "question 1",
        MessageStatus.ANSWERED,
    )
    assert (answer.message_id, answer.role, answer.content) == ("r1", "assistant", "answer 1")
    assert (answer.in_reply_to, answer.facts, answer.status) == ("m1", FACTS, MessageStatus.COMPLETE)
    assert answer.created_at == question.created_at + 2.5
    assert (page.session.title, page.session.message_count, page.has_more) == ("title", 2, False)


async def test_a_message_sent_twice_is_stored_once(
    store: ConversationStore,
) -> None:
    first = await begin(store, 1)
    second = await store.begin(asked(1), lease(1, attempt=2))
    assert (second.outcome, second.duplicate) == (TurnOutcome.RUNNING, True)
    assert (second.message_id, second.reply_id) == (first.message_id, first.reply_id)
    await store.complete(lease(1), "answer 1", FACTS)
    third = await store.begin(asked(1), lease(1, attempt=3))
    assert (third.outcome, third.reply_id) == (TurnOutcome.ANSWERED, "r1")
    assert await contents(store) == ["question 1", "answer 1"]


async def test_what_is_begun_brings_what_was_said_before_it_and_nothing_else_does(
    store: ConversationStore,
) -> None:
    assert not (await converse(store, 1)).history
    await begin(store, 2)
    await store.fail(lease(2), {"type": "x"})
    turn = await begin(store, 3)
    assert [(said.content, said.status) for said in turn.history] == [
        ("question 1", MessageStatus.ANSWERED),
        ("answer 1", MessageStatus.COMPLETE),
        ("question 2", MessageStatus.UNANSWERED),
    ]
    assert not (await store.begin(asked(3), lease(3, attempt=2))).history, "somebody else writes it"
    again = await store.retry("ann", "s1", "m2", lease(2, attempt=2))
    assert [said.content for said in again.history] == ["question 1", "answer 1"]


async def test_what_is_begun_brings_no_more_than_a_prompt_can_need(store: ConversationStore) -> None:
    for number in range(1, 5):
        await converse(store, number)
    turn = await begin(store, 5)
    assert len(turn.history) == LIMITS.history_messages_max - 1, "the oldest made room"
    assert turn.history[-1].content == "answer 4"


async def test_a_call_whose_answer_was_lost_may_be_repeated(store: ConversationStore) -> None:
    """As the Redis client does: every call has to give the same result as if it had been made once."""
    assert await begin(store, 1) == await begin(store, 1)
    for _ in range(2):
        await store.append(lease(1), [Delta(1, "a"), Delta(2, "b")])
    ended = [await store.complete(lease(1), "ab", FACTS) for _ in range(2)]
    assert ended[0] == ended[1]
    assert await contents(store) == ["question 1", "ab"]
    assert [entry.seq for entry in (await store.entries({"r1": 0}, 0))["r1"]] == [1, 2, 3]


async def test_twenty_at_the_same_time_store_one_message(store: ConversationStore) -> None:
    turns = await asyncio.gather(*(store.begin(asked(1), Lease(f"r1.{n}", f"w{n}")) for n in range(20)))
    assert [turn.outcome for turn in turns].count(TurnOutcome.BEGUN) == 1
    assert len({turn.reply_id for turn in turns}) == 1
    assert await contents(store) == ["question 1"]


async def test_an_idempotency_key_leads_to_the_session_and_message_of_its_first_use(
    store: ConversationStore,
) -> None:
    first = await begin(store, 1, idempotency_key="key", session_is_named=False)
    again = asked(2, session="s2", idempotency_key="key", session_is_named=False, fingerprint="print 1")
    second = await store.begin(again, lease(2))
    assert (second.outcome, second.session_id, second.message_id) == (TurnOutcome.RUNNING, "s1", "m1")
    assert second.reply_id == first.reply_id
    others = await store.begin(asked(3, session="s3", owner="bob", idempotency_key="key"), lease(3))
    assert others.outcome is TurnOutcome.BEGUN


@pytest.mark.parametrize(
    "changed",
    [
        {"fingerprint": "another question"},
        {"session": "s2", "session_is_named": True, "idempotency_key": "key"},
        {"message_id": "r1"},
    ],
)
async def test_an_id_or_key_used_for_something_else_is_refused(
    store: ConversationStore, changed: dict[str, Any]
) -> None:
    await converse(store, 1, idempotency_key="key")
    with pytest.raises(IdempotencyKeyReused):
        await store.begin(asked(1, **changed), lease(1, attempt=2))


async def test_a_replys_stream_can_be_read_from_any_seq(
    store: ConversationStore,
) -> None:
    await begin(store, 1)
    await store.append(lease(1), [Delta(1, "wrong"), Reset(2), Delta(3, "right")])
    ended = await store.complete(lease(1), "right", FACTS)
    everything = (await store.entries({"r1": 0}, 0))["r1"]
    assert everything == [Delta(1, "wrong"), Reset(2), Delta(3, "right"), Completed(4, FACTS, ended)]
    assert (await store.entries({"r1": 2}, 0))["r1"] == everything[2:]
    assert not await store.entries({"r1": 4, "unknown": 0}, 0)
    record = await store.reply("ann", "r1")
    assert (record.session_id, record.message_id, record.last_seq, record.ended) == ("s1", "m1", 4, True)


async def test_a_waiting_reader_is_woken_by_the_next_entry(store: ConversationStore) -> None:
    await begin(store, 1)
    reading = asyncio.create_task(_first_entries(store))
    await asyncio.sleep(0)
    await store.append(lease(1), [Delta(1, "hello")])
    assert await asyncio.wait_for(reading, 5) == [Delta(1, "hello")]


async def _first_entries(store: ConversationStore) -> object:
    while True:
        if found := await store.entries({"r1": 0}, 0.2):
            return found["r1"]


async def test_a_failed_reply_can_be_retried(
    store: ConversationStore,
) -> None:
    await begin(store, 1)
    await store.append(lease(1), [Delta(1, "half an ans")])
    await store.fail(lease(1), {"type": "/problems/x", "title": "X", "status": 503, "detail": "No."})
    [message] = (await store.history("ann", "s1", limit=10)).messages
    assert message.status is MessageStatus.UNANSWERED
    ending = (await store.entries({"r1": 1}, 0))["r1"][-1]
    assert isinstance(ending, Failed)
    assert ending.problem["detail"] == "No."

    again = await store.begin(asked(1), lease(1, attempt=2))
    assert (again.outcome, again.duplicate, again.reply_id) == (TurnOutcome.BEGUN, True, "r1.2")
    await store.complete(lease(1, attempt=2), "whole answer", FACTS)
    assert await contents(store) == ["question 1", "whole answer"]


async def test_a_stored_message_can_be_retried_by_its_id_alone(store: ConversationStore) -> None:
    await begin(store, 1)
    await store.fail(lease(1), {"type": "/problems/x", "title": "X", "status": 503, "detail": "No."})
    turn = await store.retry("ann", "s1", "m1", lease(1, attempt=2))
    assert (turn.outcome, turn.content) == (TurnOutcome.BEGUN, "question 1")
    with pytest.raises(MessageNotFound):
        await store.retry("ann", "s1", "m9", lease(9))
    with pytest.raises(SessionNotFound):
        await store.retry("bob", "s1", "m1", lease(9))


async def test_a_reply_whose_writer_died_has_failed(store: ConversationStore, clock: FakeClock) -> None:
    await begin(store, 1)
    await store.append(lease(1), [Delta(1, "half")])
    clock.advance(9)
    assert not (await store.reply("ann", "r1")).ended
    await store.append(lease(1), [])
    clock.advance(9)
    assert not (await store.reply("ann", "r1")).ended
    clock.advance(2)
    assert (await store.reply("ann", "r1")).ended
    ending = (await store.entries({"r1": 1}, 0))["r1"][-1]
    assert isinstance(ending, Failed)
    assert ending.problem["type"] == "/problems/reply-interrupted"
    for call in (store.append(lease(1), [Delta(2, "!")]), store.complete(lease(1), "half!", FACTS)):
        with pytest.raises(LeaseLost):
            await call
    assert await contents(store) == ["question 1"]


async def test_the_history_tells_of_a_dead_writer_too_and_a_retry_takes_over(
    store: ConversationStore, clock: FakeClock
) -> None:
    await begin(store, 1)
    clock.advance(11)
    [message] = (await store.history("ann", "s1", limit=10)).messages
    assert message.status is MessageStatus.UNANSWERED
    await begin(store, 2)
    clock.advance(11)
    again = await store.begin(asked(2), lease(2, attempt=2))
    assert again.outcome is TurnOutcome.BEGUN


async def test_a_cancelled_reply_keeps_what_was_said(
    store: ConversationStore,
) -> None:
    await begin(store, 1)
    assert await store.append(lease(1), [Delta(1, "half")]) is False
    await store.cancel("ann", "r1")
    assert await store.append(lease(1), []) is True
    await store.complete(lease(1), "half", replace(FACTS, finish_reason="cancelled"))
    question, answer = (await store.history("ann", "s1", limit=10)).messages
    assert (question.status, answer.status) == (MessageStatus.ANSWERED, MessageStatus.CANCELLED)


async def test_a_reply_cancelled_before_its_first_word_leaves_the_message_unanswered(
    store: ConversationStore,
) -> None:
    await begin(store, 1)
    await store.complete(lease(1), "", replace(FACTS, finish_reason="cancelled"))
    [message] = (await store.history("ann", "s1", limit=10)).messages
    assert message.status is MessageStatus.UNANSWERED


async def test_of_a_reply_that_was_cut_off_the_history_has_what_was_heard(store: ConversationStore) -> None:
    turn = await converse(store, 1)
    await store.keep_heard("ann", "s1", turn.reply_id, 7)
    assert await contents(store) == ["question 1", "answer"]
    assert (await store.message("ann", "s1", turn.reply_id)).status is MessageStatus.CANCELLED
    await store.keep_heard("ann", "s1", turn.reply_id, 8)
    assert await contents(store) == ["question 1", "answer 1"], "it may be more in the end"
    assert (await store.message("ann", "s1", turn.reply_id)).status is MessageStatus.COMPLETE


async def test_what_is_no_reply_or_not_ones_own_has_not_been_heard(store: ConversationStore) -> None:
    turn = await converse(store, 1)
    for owner, session, message, error in (
        ("ann", "s1", turn.message_id, MessageNotFound),
        ("ann", "s1", "never", MessageNotFound),
        ("bob", "s1", turn.reply_id, SessionNotFound),
    ):
        with pytest.raises(error):
            await store.keep_heard(owner, session, message, 1)
    assert await contents(store) == ["question 1", "answer 1"]


async def test_a_strangers_calls_answer_as_if_the_session_never_was(store: ConversationStore) -> None:
    await converse(store, 1)
    assert await store.owns("ann", "s1")
    assert not await store.owns("bob", "nobodys")
    calls = [
        store.history("bob", "s1", limit=10),
        store.history("bob", "nobodys", limit=10),
        store.message("bob", "s1", "m1"),
        store.rename("bob", "s1", "mine now"),
        store.delete("bob", "s1"),
        store.owns("bob", "s1"),
        store.begin(asked(2, owner="bob"), lease(2)),
        store.begin(asked(1, owner="bob"), lease(2)),
    ]
    for call in calls:
        with pytest.raises(SessionNotFound):
            await call
    for reply_id in ("r1", "nobodys"):
        for call in (store.reply("bob", reply_id), store.cancel("bob", reply_id)):
            with pytest.raises(ReplyNotFound):
                await call
    assert (await store.sessions("bob", limit=10)) == ([], False)
    assert await contents(store) == ["question 1", "answer 1"]


async def test_the_history_is_read_in_pages_both_ways(store: ConversationStore) -> None:
    for number in (1, 2, 3):
        await converse(store, number)
    newest = await store.history("ann", "s1", limit=2)
    assert ([m.message_id for m in newest.messages], newest.has_more) == (["m3", "r3"], True)
    older = await store.history("ann", "s1", before="m3", limit=3)
    assert ([m.message_id for m in older.messages], older.has_more) == (["r1", "m2", "r2"], True)
    oldest = await store.history("ann", "s1", before="r1", limit=3)
    assert ([m.message_id for m in oldest.messages], oldest.has_more) == (["m1"], False)
    onward = await store.history("ann", "s1", after="m1", limit=2)
    assert ([m.message_id for m in onward.messages], onward.has_more) == (["r1", "m2"], True)
    with pytest.raises(MessageNotFound):
        await store.history("ann", "s1", before="m9", limit=3)


async def test_a_long_session_keeps_its_newest_messages(store: ConversationStore) -> None:
    for number in range(1, 6):
        await converse(store, number)
    page = await store.history("ann", "s1", limit=50)
    assert [m.message_id for m in page.messages] == ["m3", "r3", "m4", "r4", "m5", "r5"]
    with pytest.raises(MessageNotFound):
        await store.message("ann", "s1", "m1")


async def test_sessions_are_listed_by_their_last_use(store: ConversationStore, clock: FakeClock) -> None:
    for number, session in ((1, "a"), (2, "b"), (3, "c")):
        clock.advance(1)
        await converse(store, number, session=session)
    clock.advance(1)
    await converse(store, 4, session="a")
    found, more = await store.sessions("ann", limit=2)
    assert ([session.session_id for session in found], more) == (["a", "c"], True)
    rest, more = await store.sessions("ann", before="c", limit=2)
    assert ([session.session_id for session in rest], more) == (["b"], False)


async def test_an_answer_that_is_not_kept_has_its_place_among_the_owners_replies(
    store: ConversationStore, clock: FakeClock
) -> None:
    await store.occupy("ann", "p1", 30)
    await begin(store, 1)
    for refused in (store.occupy("ann", "p2", 30), begin(store, 2)):
        with pytest.raises(TooManyRequests):
            await refused
    await store.occupy("bob", "p3", 30)
    await store.vacate("ann", "p1")
    await store.vacate("ann", "never was")
    await store.occupy("ann", "p4", 30)
    clock.advance(31)  # the process with the place died
    await store.occupy("ann", "p5", 30)


async def test_answers_that_are_not_kept_count_for_the_pace(store: ConversationStore) -> None:
    for number in range(LIMITS.messages_per_minute):
        await store.occupy("ann", f"p{number}", 30)
        await store.vacate("ann", f"p{number}")
    with pytest.raises(TooManyRequests) as raised:
        await store.occupy("ann", "one more", 30)
    assert raised.value.members["limit"] == "messages_per_minute"


async def test_one_session_more_than_the_bound_is_refused(store: ConversationStore) -> None:
    for number in (1, 2, 3):
        await converse(store, number, session=f"s{number}")
    with pytest.raises(TooManySessions):
        await begin(store, 4, session="s4")
    await store.delete("ann", "s1")
    await begin(store, 4, session="s4")


async def test_a_renamed_session_has_its_new_title(store: ConversationStore) -> None:
    await converse(store, 1)
    assert (await store.rename("ann", "s1", "Kettles")).title == "Kettles"
    [session], _ = await store.sessions("ann", limit=10)
    assert session.title == "Kettles"


async def test_a_deleted_session_never_was_and_its_writer_loses_the_lease(store: ConversationStore) -> None:
    await converse(store, 1, idempotency_key="key")
    await begin(store, 2)
    await store.delete("ann", "s1")
    for call in (store.history("ann", "s1", limit=10), store.delete("ann", "s1")):
        with pytest.raises(SessionNotFound):
            await call
    with pytest.raises(LeaseLost):
        await store.append(lease(2), [Delta(1, "too late")])
    assert not await store.entries({"r1": 0, "r2": 0}, 0)
    assert (await store.sessions("ann", limit=10)) == ([], False)

    anew = await store.begin(asked(3, owner="bob", idempotency_key="key"), lease(3))
    assert anew.outcome is TurnOutcome.BEGUN
    with pytest.raises(LeaseLost):
        await store.complete(lease(2), "for a session that is another's now", FACTS)
    assert await contents(store, owner="bob") == ["question 3"]


async def test_a_user_has_so_many_replies_under_way_and_a_dead_writers_does_not_count(
    store: ConversationStore, clock: FakeClock
) -> None:
    await begin(store, 1)
    await begin(store, 2, session="s2")
    with pytest.raises(TooManyRequests):
        await begin(store, 3)
    assert (await begin(store, 3, owner="bob", session="s3")).outcome is TurnOutcome.BEGUN
    await store.complete(lease(1), "answer", FACTS)
    await begin(store, 4)
    clock.advance(11)
    await begin(store, 5)


async def test_a_user_sends_so_many_messages_a_minute_and_repeats_are_free(
    store: ConversationStore, clock: FakeClock
) -> None:
    for number in range(20):
        await converse(store, number)
    for _ in range(3):
        assert (await store.begin(asked(19), lease(19, attempt=2))).outcome is TurnOutcome.ANSWERED
    with pytest.raises(TooManyRequests) as refused:
        await begin(store, 21)
    assert 0 < float(str(refused.value.members["retry_after_seconds"])) <= 60
    assert "question 21" not in await contents(store)
    clock.advance(60)
    assert (await begin(store, 21)).outcome is TurnOutcome.BEGUN


async def test_what_is_kept_for_one_use_is_used_once(store: ConversationStore) -> None:
    await store.put_once("ticket", "value", 30)
    assert await store.take_once("ticket") == "value"
    assert await store.take_once("ticket") is None


@pytest.mark.parametrize("text", ["\x00 nul", "naïve ☃ 🦜", "{'role': 'system'}|r1|*", "-1-0\r\n$5"])
async def test_any_text_comes_back_as_it_was(store: ConversationStore, text: str) -> None:
    await begin(store, 1, content=text, owner=f"ann:sessions|{text}")
    assert await contents(store, owner=f"ann:sessions|{text}") == [text]
