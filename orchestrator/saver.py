"""LangGraph's checkpoints: in the schema `lg`, over a psycopg pool of their own, kept for as long as a turn lasts."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, cast
from uuid import UUID

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    get_serializable_checkpoint_metadata,
)
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

_Connection = AsyncConnection[DictRow]
POOL = 6
SCHEMA = "-c search_path=lg"
TIMEOUTS = " -c statement_timeout=10s -c lock_timeout=3s -c idle_in_transaction_session_timeout=15s"  # rows of one turn, by key


def thread(merchant: UUID, turn: UUID) -> str:
    """A turn is a thread of its own."""
    return f"{merchant}:{turn}"


class _NoLock:
    """Stands in for the saver's one lock: each of its statements runs on a connection of its own."""

    async def __aenter__(self) -> None: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None: ...


class PooledSaver(AsyncPostgresSaver):
    """The saver without the lock that would let one turn at a time write, for which a pool has no need."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[DictRow]]) -> None:
        super().__init__(pool)
        self.lock = cast(Any, _NoLock())

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """As it is written there, but on the loop: to hand a few values to a thread takes longer than to write them down."""
        of = config.get("configurable", {})
        values = checkpoint["channel_values"]
        plain = {name: value for name, value in values.items() if isinstance(value, str | int | float | None)}
        rows = {name: value for name, value in values.items() if name not in plain}
        versions = {name: version for name, version in new_versions.items() if name in rows}
        place = of["thread_id"], of["checkpoint_ns"]
        shown = Jsonb({**checkpoint, "channel_values": plain})
        about = Jsonb(get_serializable_checkpoint_metadata(config, metadata))
        async with self._cursor(pipeline=True) as cursor:
            if versions:
                dumped = self._dump_blobs(*place, rows, versions)
                await cursor.executemany(self.UPSERT_CHECKPOINT_BLOBS_SQL, dumped)  # pyrefly: ignore[bad-argument-type]  # a constant
            row = (*place, checkpoint["id"], of.get("checkpoint_id"), shown, about)
            await cursor.execute(self.UPSERT_CHECKPOINTS_SQL, row)  # pyrefly: ignore[bad-argument-type]  # a constant
        return {"configurable": {"thread_id": place[0], "checkpoint_ns": place[1], "checkpoint_id": checkpoint["id"]}}

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keeps what is in no checkpoint, an interrupt and its answer.

        What a step came to is in the checkpoint that follows it at once. A process that dies between the two leaves a step that is
        done again: no two steps of a turn that is kept run beside each other, and a change is answered from its record.
        """
        if all(channel in WRITES_IDX_MAP for channel, _ in writes):
            await super().aput_writes(config, writes, task_id, task_path)

    async def threads(self, merchant: UUID) -> list[UUID]:
        """The merchant's turns that have checkpoints."""
        query = "select distinct split_part(thread_id, ':', 2) as turn from checkpoints where thread_id like %s"
        async with self._cursor() as cursor:
            await cursor.execute(query, (f"{merchant}:%",))
            return [UUID(row["turn"]) for row in await cursor.fetchall()]

    async def forget(self, merchant: UUID, turn: UUID) -> None:
        """Delete a turn's checkpoints: it has ended."""
        await self.adelete_thread(thread(merchant, turn))


@asynccontextmanager
async def open_saver(runtime_url: str, *, prepare: bool = True) -> AsyncGenerator[PooledSaver]:
    """The saver of a process; `prepare` is off behind a pooler."""
    settings = {
        "autocommit": True,
        "prepare_threshold": 0 if prepare else None,
        "row_factory": dict_row,
        "options": SCHEMA + TIMEOUTS,
    }
    pool = AsyncConnectionPool(
        runtime_url, connection_class=_Connection, min_size=1, max_size=POOL, open=False, kwargs=settings
    )
    async with pool:
        yield PooledSaver(pool)


async def set_up_saver(owner_url: str) -> None:
    """Make or migrate the saver's tables, as the owner; the runtime role may use them. Repeating it changes nothing."""
    opening = _Connection.connect(owner_url, autocommit=True, row_factory=dict_row, options=SCHEMA)
    async with await opening as connection:
        await _take_turns(connection)
        await AsyncPostgresSaver(connection).setup()
        await connection.execute("grant select, insert, update, delete on all tables in schema lg to app_rt")


async def _take_turns(connection: AsyncConnection[DictRow]) -> None:
    """One process at a time, until the connection closes. It asks again and again: the saver builds indexes concurrently, and
    those would wait for a statement that waits for the lock.
    """
    while True:
        cursor = await connection.execute("select pg_try_advisory_lock(hashtext('shopkeeper lg')) as taken")
        row = await cursor.fetchone()
        if row and row["taken"]:
            return
        await asyncio.sleep(0.1)
