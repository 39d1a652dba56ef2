"""Keeps LangGraph's checkpoints in Redis with plain commands: an adapter to BaseCheckpointSaver.

One hash a thread, so that a thread is read in one command, seen as it was at one moment, and expires or is
deleted as one. A field is a checkpoint with all of its values, or one write of a task. That a checkpoint
repeats what has not changed costs little, for after each run all but the newest are pruned
(docs/decisions/0040-checkpoints-in-one-hash.md).
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    PendingWrite,
    get_checkpoint_id,
    get_checkpoint_metadata,
    writes_sort_key,
)
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from services.common.redis_connection import RedisConnection

R = TypeVar("R")
_SEPARATOR = "\x1f"
_CHECKPOINT, _WRITE = "checkpoint", "write"
Place = tuple[str, str]
"""A checkpoint's namespace and id."""
SortKey = tuple[str, str, int]


class RedisCheckpointSaver(BaseCheckpointSaver[int]):
    """`connection` has decode_responses off. A thread is forgotten when nothing was put for `ttl_seconds`."""

    def __init__(
        self, connection: RedisConnection, *, ttl_seconds: float, prefix: str = "agent:thread:"
    ) -> None:
        super().__init__(serde=JsonPlusSerializer(allowed_msgpack_modules=None))
        self._connection = connection
        self._client = connection.client
        self._ttl_milliseconds = int(1000 * ttl_seconds)
        self._prefix = prefix

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that the config names, or the newest of its namespace."""
        thread_id = _thread_id(config)
        thread = await self._load(thread_id)
        namespace = _namespace(config) or ""
        wanted = get_checkpoint_id(config) or thread.newest(namespace)
        place = (namespace, wanted or "")
        return self._tuple(thread_id, place, thread) if place in thread.checkpoints else None

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - the base class names it
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """The newest first, of each thread by itself."""
        found = 0
        async for thread_id in self._threads_of(config):
            thread = await self._load(thread_id)
            for place in thread.matching(config, before):
                item = self._tuple(thread_id, place, thread)
                if not _has(item.metadata, filter or {}):
                    continue
                if limit is not None and found >= limit:
                    return
                found += 1
                yield item

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        thread_id, namespace = _thread_id(config), _namespace(config) or ""
        parent_id = get_checkpoint_id(config)
        content = self._packed([parent_id, checkpoint, get_checkpoint_metadata(config, metadata)])
        name = _field(_CHECKPOINT, namespace, checkpoint["id"])
        await self._change(thread_id, lambda pipe, key: pipe.hset(key, name, content))
        return _config(thread_id, (namespace, checkpoint["id"]))

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """A write that is there stays as it is; an error or an interrupt replaces the one before it."""
        namespace, checkpoint_id = _namespace(config) or "", get_checkpoint_id(config) or ""
        packed = [
            (WRITES_IDX_MAP.get(channel, index), self._packed([task_path, channel, value]))
            for index, (channel, value) in enumerate(writes)
        ]

        def add(pipe: Any, key: str) -> None:
            for index, content in packed:
                name = _field(_WRITE, namespace, checkpoint_id, task_id, str(index))
                (pipe.hsetnx if index >= 0 else pipe.hset)(key, name, content)

        await self._change(_thread_id(config), add)

    async def adelete_thread(self, thread_id: str) -> None:
        await self._call(lambda: self._client.delete(self._key(thread_id)))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        source, target = self._key(source_thread_id), self._key(target_thread_id)
        await self._call(lambda: self._client.copy(source, target, replace=True))

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        for thread_id in thread_ids:
            if strategy == "delete":
                await self.adelete_thread(thread_id)
            else:
                thread = await self._load(thread_id)
                await self._drop(thread_id, thread, set(thread.checkpoints) - thread.newest_places())

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Looks at every thread: for an operator, not for a request."""
        if not run_ids:
            return
        async for thread_id in self._threads_of(None):
            thread = await self._load(thread_id)
            tuples = {place: self._tuple(thread_id, place, thread) for place in thread.checkpoints}
            doomed = {place for place, item in tuples.items() if item.metadata.get("run_id") in run_ids}
            await self._drop(thread_id, thread, doomed)

    async def aexists(self, thread_id: str) -> bool:
        return bool(await self._call(lambda: self._client.exists(self._key(thread_id))))

    async def _load(self, thread_id: str) -> "_Thread":
        fields = await self._call(lambda: self._client.hgetall(self._key(thread_id)))
        return _Thread.of(cast("Mapping[bytes, bytes]", fields))

    async def _change(self, thread_id: str, change: Callable[[Any, str], object]) -> None:
        """In one transaction with the renewed expiry. Each change may be repeated."""
        key = self._key(thread_id)

        async def transaction() -> None:
            pipe = self._client.pipeline(transaction=True)
            change(pipe, key)
            pipe.pexpire(key, self._ttl_milliseconds)
            await pipe.execute()

        await self._call(transaction)

    async def _drop(self, thread_id: str, thread: "_Thread", places: set[Place]) -> None:
        names = [name for place in places for name in thread.fields_of(place)]
        if names:
            await self._call(lambda: self._client.hdel(self._key(thread_id), *names))

    async def _threads_of(self, config: RunnableConfig | None) -> AsyncIterator[str]:
        if config is not None:
            yield _thread_id(config)
            return
        async for key in self._client.scan_iter(match=f"{self._prefix}*"):
            yield key.decode().removeprefix(self._prefix)

    async def _call(self, command: Callable[[], Any]) -> Any:
        return await self._connection.call(command)

    def _key(self, thread_id: str) -> str:
        return f"{self._prefix}{thread_id}"

    def _tuple(self, thread_id: str, place: Place, thread: "_Thread") -> CheckpointTuple:
        parent_id, checkpoint, metadata = self._unpacked(thread.checkpoints[place])
        return CheckpointTuple(
            config=_config(thread_id, place),
            checkpoint=checkpoint,
            metadata=metadata,
            parent_config=_config(thread_id, (place[0], parent_id)) if parent_id else None,
            pending_writes=self._pending(thread.writes.get(place, {})),
        )

    def _pending(self, writes: Mapping[tuple[str, int], bytes]) -> list[PendingWrite]:
        found: list[tuple[SortKey, PendingWrite]] = []
        for (task_id, index), content in writes.items():
            task_path, channel, value = self._unpacked(content)
            found.append((writes_sort_key(task_path, task_id, index), (task_id, channel, value)))
        return [write for _, write in sorted(found, key=lambda item: item[0])]

    def _packed(self, content: list[Any]) -> bytes:
        kind, packed = self.serde.dumps_typed(content)
        return kind.encode() + b"\n" + packed

    def _unpacked(self, content: bytes) -> list[Any]:
        kind, _, packed = content.partition(b"\n")
        return cast("list[Any]", self.serde.loads_typed((kind.decode(), packed)))


@dataclass(slots=True)
class _Thread:
    """A thread's hash by what its fields mean; contents are still packed."""

    checkpoints: dict[Place, bytes] = field(default_factory=dict)
    writes: dict[Place, dict[tuple[str, int], bytes]] = field(default_factory=dict)

    @classmethod
    def of(cls, fields: Mapping[bytes, bytes]) -> "_Thread":
        thread = cls()
        for name, content in fields.items():
            kind, namespace, checkpoint_id, *task = name.decode().split(_SEPARATOR)
            if kind == _CHECKPOINT:
                thread.checkpoints[namespace, checkpoint_id] = content
            else:
                of_place = thread.writes.setdefault((namespace, checkpoint_id), {})
                of_place[task[0], int(task[1])] = content
        return thread

    def newest(self, namespace: str) -> str | None:
        """Ids grow with time."""
        return max((id_ for ns, id_ in self.checkpoints if ns == namespace), default=None)

    def newest_places(self) -> set[Place]:
        return {(namespace, self.newest(namespace) or "") for namespace, _ in self.checkpoints}

    def matching(self, config: RunnableConfig | None, before: RunnableConfig | None) -> list[Place]:
        namespace = _namespace(config) if config else None
        only = get_checkpoint_id(config) if config else None
        end = get_checkpoint_id(before) if before else None
        found = [
            (ns, id_)
            for ns, id_ in self.checkpoints
            if namespace in {None, ns} and only in {None, id_} and (end is None or id_ < end)
        ]
        return sorted(found, key=lambda place: place[1], reverse=True)

    def fields_of(self, place: Place) -> list[str]:
        writes = (_field(_WRITE, *place, task, str(index)) for task, index in self.writes.get(place, {}))
        return [_field(_CHECKPOINT, *place), *writes]


def _field(*parts: str) -> str:
    return _SEPARATOR.join(parts)


def _thread_id(config: RunnableConfig) -> str:
    return str(config["configurable"]["thread_id"])


def _namespace(config: RunnableConfig) -> str | None:
    return cast("str | None", config["configurable"].get("checkpoint_ns"))


def _config(thread_id: str, place: Place) -> RunnableConfig:
    namespace, checkpoint_id = place
    return {
        "configurable": {
            "thread_id": thread_id,
            "checkpoint_ns": namespace,
            "checkpoint_id": checkpoint_id,
        }
    }


def _has(metadata: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(metadata.get(name) == value for name, value in wanted.items())
