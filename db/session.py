"""Transactions: a psycopg pool owns them, one merchant each, and ORM sessions lie lazily over their connections.

Five traps are kept in this one place. `begin` and the literal `set local` of merchant and timeouts are one string, so one
round trip, and work behind a pooler; the last statement and COMMIT leave in one flush; nobody takes a second connection
inside a transaction; what the database refuses is psycopg's error whoever sent the statement, without the row's values; and who
only looks (a preview, a refusal, what waits for a person) does not make the next call have its long statements planned anew.
"""

import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeVar

import psycopg
from psycopg import AsyncConnection, AsyncRawCursor
from psycopg.errors import error_from_result
from psycopg.generators import execute as answer_to
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult
from psycopg.rows import TupleRow, class_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from sqlalchemy import event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialectAsync_psycopg
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from db.numbered import numbered

Row = TypeVar("Row")
Params = Mapping[str, Any] | Sequence[Any] | None

POOL_WAIT = 5.0  # seconds; a caller is told to come back rather than kept waiting
# Seconds until one that was not needed is closed, one at a time. All that are open are asked in turn, and each has to plan every
# statement for itself: at psycopg's ten minutes, what a burst opened made hours of calls dearer after it.
IDLE = 30.0
GIVE_UP = 5.0  # seconds of trying to reconnect; whoever comes next has it tried anew, at once
RUNTIME_SEARCH_PATH = "public, jobs"


class Patience(NamedTuple):
    """How long the server lets a transaction go on, in milliseconds: a statement, a wait for a lock, a pause between statements."""

    statement: int
    lock: int
    idle: int


# Whoever waits in front of a screen has given up by then.
PATIENCE = Patience(statement=10_000, lock=3_000, idle=15_000)


class DatabaseBusy(Exception):
    """Every connection is in use."""


class UnsafeRole(Exception):
    """The role could see past the wall between merchants; the message says why and what to use instead."""


class HeldDialect(PGDialectAsync_psycopg):
    """The psycopg dialect over a connection whose transaction somebody else begins and ends."""

    supports_statement_cache = True

    @classmethod
    def get_async_dialect_cls(cls, url: Any) -> type["HeldDialect"]:
        return cls

    def do_begin(self, dbapi_connection: Any) -> None: ...
    def do_commit(self, dbapi_connection: Any) -> None: ...
    def do_rollback(self, dbapi_connection: Any) -> None: ...
    def do_close(self, dbapi_connection: Any) -> None: ...
    def do_terminate(self, dbapi_connection: Any) -> None: ...


registry.register("postgresql.held", "db.session", "HeldDialect")
_current: "ContextVar[Transaction]" = ContextVar("the transaction under way")


async def _hand_over(*_: Any, **__: Any) -> AsyncConnection[TupleRow]:
    return _current.get().connection


def _note(_: Any, __: Any, statement: str, *___: Any) -> None:
    """The ORM's statements count too."""
    _current.get().statements.append(statement)


def _unwrapped(context: ExceptionContext) -> BaseException:
    """What the ORM would wrap, as psycopg raised it: who catches errors of the database has one kind to look for."""
    return context.original_exception


def _without_values(failed: psycopg.Error) -> None:
    """Leave a server's error its message alone: DETAIL and CONTEXT repeat the row, e-mails and hashes included.

    `diag` has them still, for who asks by name.
    """
    if failed.diag.message_primary is not None:
        failed.args = (failed.diag.message_primary,)


class Transaction:
    """An open transaction of one merchant. `statements` counts what was sent, BEGIN and COMMIT included."""

    def __init__(self, connection: AsyncConnection[TupleRow], engine: AsyncEngine, merchant: uuid.UUID) -> None:
        self.connection = connection
        self.merchant = merchant
        self.statements: list[str] = []
        self._engine = engine
        self._session: AsyncSession | None = None
        self.open = True
        self.locked = True

    async def begin(self, opening: str) -> None:
        """Send the opening; `locked` says whether it got the lock that it tried."""
        self.statements.append(opening)
        asked = [result for result in await self._plainly(opening) if result.ntuples]
        self.locked = all(result.get_value(0, 0) == b"t" for result in asked)

    async def rows(self, sql: str, params: Params = None, *, as_: type[Row]) -> list[Row]:
        """The rows of a statement, each made by `as_` from its columns by name."""
        async with AsyncRawCursor(self.connection, row_factory=class_row(as_)) as cursor:
            await self._send(cursor, sql, params)
            return await cursor.fetchall()

    async def row(self, sql: str, params: Params = None, *, as_: type[Row]) -> Row | None:
        found = await self.rows(sql, params, as_=as_)
        return found[0] if found else None

    async def execute(self, sql: str, params: Params = None) -> int:
        """Send a statement; returns how many rows it touched."""
        cursor = AsyncRawCursor(self.connection)
        await self._send(cursor, sql, params)
        return cursor.rowcount

    async def _send(self, cursor: AsyncRawCursor[Any], sql: str, params: Params) -> None:
        self.statements.append(sql)
        if params is None:
            await cursor.execute(sql.encode())
        else:
            statement = numbered(sql)
            await cursor.execute(statement.text, statement.ordered(params))

    @property
    def session(self) -> AsyncSession:
        """The ORM's view of this very transaction; made at the first use."""
        if self._session is None:
            self._session = AsyncSession(self._engine, expire_on_commit=False, autoflush=False)
        return self._session

    async def flush(self) -> None:
        """Send what the ORM session still holds back."""
        if self._session is not None:
            await self._session.flush()

    async def commit(self, sql: str | None = None, params: Params = None) -> None:
        """Commit; a last statement, if given, leaves in the same flush. On an error nothing is kept."""
        await self.flush()
        if sql is None:
            self.statements.append("commit")
            await self._plainly("commit")
        else:
            async with self.connection.pipeline():
                await self.execute(sql, params)
                await self.execute("commit")
        self.open = False

    async def rollback(self) -> None:
        """Give up what was written. The connection's prepared statements stay, unless one of them may have failed."""
        if self.open and not self.connection.closed:
            self.statements.append("rollback")
            if self.connection.info.transaction_status is TransactionStatus.INTRANS:
                await self._plainly("rollback")  # psycopg's own would forget what is prepared
            else:
                await self.connection.rollback()
        self.open = False

    async def _plainly(self, commands: str) -> list[PGresult]:
        """Send commands as they are, by the simple protocol. A cursor for each result cost more than the round trip."""
        connection = self.connection.pgconn
        connection.send_query(commands.encode())
        results = await self.connection.wait(answer_to(connection))
        if results[-1].status is ExecStatus.FATAL_ERROR:
            raise error_from_result(results[-1])
        return results

    async def close(self) -> None:
        if self._session is not None:
            self._session.sync_session.expunge_all()
            await self._session.close()
        await self.rollback()


class Database:
    """The pool of a process and the transactions over it."""

    def __init__(self, url: str, *, size: int = 10, prepare: bool = True, patience: Patience = PATIENCE) -> None:
        self.url = url
        self.patience = patience
        self.pool: AsyncConnectionPool[AsyncConnection[TupleRow]] = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=size,
            timeout=POOL_WAIT,
            max_idle=IDLE,
            open=False,
            kwargs={"autocommit": True, "prepare_threshold": 5 if prepare else None},
        )
        self._engine = create_async_engine(
            "postgresql+held://", poolclass=NullPool, async_creator=_hand_over, pool_reset_on_return=None,
            use_native_hstore=False, hide_parameters=True,
        )  # fmt: skip
        event.listen(self._engine.sync_engine, "before_cursor_execute", _note)
        event.listen(self._engine.sync_engine, "handle_error", _unwrapped, retval=True)

    async def open(self) -> None:
        await self.pool.open(wait=True, timeout=30)  # a server that starts beside us may take a while
        self.pool.reconnect_timeout = GIVE_UP

    async def close(self) -> None:
        await self._engine.dispose()
        await self.pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[AsyncConnection[TupleRow]]:
        """A connection outside every merchant: for the global tables alone."""
        try:
            connection = await self._answering()
        except PoolTimeout as busy:
            raise DatabaseBusy(f"No database connection became free within {POOL_WAIT:.0f} s.") from busy
        try:
            yield connection
        except psycopg.Error as failed:
            _without_values(failed)
            raise
        finally:
            await self.pool.putconn(connection)

    async def _answering(self) -> AsyncConnection[TupleRow]:
        """A connection whose server has not hung up meanwhile (it was restarted, say)."""
        while True:
            connection = await self.pool.getconn()
            try:
                connection.pgconn.consume_input()  # asks nothing: it reads the server's farewell, if there is one,
                connection.pgconn.consume_input()  # and the end of the line
            except psycopg.OperationalError:
                await self.pool.putconn(connection)  # which replaces it
            else:
                return connection

    @asynccontextmanager
    async def transaction(
        self,
        merchant: uuid.UUID,
        *,
        read_only: bool = False,
        patience: Patience | None = None,
        lock: int | None = None,
        wait: bool = False,
    ) -> AsyncGenerator[Transaction]:
        """A transaction inside one merchant; without `commit()` it is rolled back.

        `lock` is the number of an advisory lock, tried (see `locked`) or, with `wait`, waited for.
        """
        async with self.connection() as connection:
            transaction = Transaction(connection, self._engine, merchant)
            current = _current.set(transaction)
            try:
                await transaction.begin(opening(merchant, read_only, patience or self.patience, lock, wait))
                yield transaction
            finally:
                await transaction.close()
                _current.reset(current)


def opening(merchant: uuid.UUID, read_only: bool, patience: Patience, lock: int | None, wait: bool) -> str:
    """BEGIN and the transaction's settings, literal, as one string of the simple protocol.

    The advisory lock comes here, before any statement that reads: what its last holder committed is then seen. A twin that
    waits for it waits as long as a statement may take, not as a row's lock is waited for: the other may be on its way.
    Writes find their rows by key, whatever the values: planning their long statements anew each time cost a third of an order.
    """
    parts = ["begin read only" if read_only else "begin", f"set local app.merchant_id = '{uuid.UUID(str(merchant))}'"]
    parts.append(f"set local statement_timeout = {int(patience.statement)}")
    if not read_only:
        parts.append("set local plan_cache_mode = force_generic_plan")
    if lock is not None:
        take = "pg_advisory_xact_lock({}) is not null" if wait else "pg_try_advisory_xact_lock({})"
        parts.append(f"select {take.format(int(lock))}")
    parts.append(f"set local lock_timeout = {int(patience.lock)}")
    parts.append(f"set local idle_in_transaction_session_timeout = {int(patience.idle)}")
    return "; ".join(parts)


async def refuse_unsafe_role(connection: AsyncConnection[TupleRow]) -> None:
    """Raise `UnsafeRole` for a superuser, a role that bypasses row security, an owner of tables, or a member of an owner."""
    cursor = await connection.execute(
        """
        select current_user, r.superuser, r.bypasses,
               array(select distinct pg_get_userbyid(c.relowner) from pg_class c join pg_namespace n on n.oid = c.relnamespace
                     where n.nspname = 'public' and c.relkind in ('r', 'p') and pg_has_role(current_user, c.relowner, 'member'))
        from (select bool_or(rolsuper) as superuser, bool_or(rolbypassrls) as bypasses from pg_roles
              where pg_has_role(current_user, oid, 'member')) r
        """
    )
    name, superuser, bypasses, owners = await cursor.fetchone() or ("?", True, True, [])
    reasons = [
        text
        for text, holds in (
            ("it is, or may become, a superuser", superuser),
            ("it bypasses row-level security", bypasses),
        )
        if holds
    ]
    reasons += [f"it owns tables, or is a member of their owner {owner}" for owner in owners]
    if reasons:
        raise UnsafeRole(
            f"The database role {name} must not serve the shop: {'; '.join(reasons)}. "
            "Give DATABASE_URL the runtime role app_rt, and DATABASE_OWNER_URL the owner; `shopkeeper migrate` creates the former."
        )
