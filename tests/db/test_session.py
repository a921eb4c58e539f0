"""The connections of a process: which role may serve, and what becomes of them when the server goes away."""

import uuid
from collections.abc import Generator
from typing import NamedTuple

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus

from db.embedded import Server
from db.session import Database, Patience, UnsafeRole, refuse_unsafe_role


class Backend(NamedTuple):
    pid: int


class Timeouts(NamedTuple):
    statement: str
    lock: str


@pytest.fixture
def admin(server: Server, database_name: str) -> Generator[psycopg.Connection]:
    with psycopg.connect(server.url("postgres", database_name), autocommit=True) as connection:
        yield connection


async def test_the_runtime_role_may_serve(runtime_url: str) -> None:
    async with await AsyncConnection.connect(runtime_url) as connection:
        await refuse_unsafe_role(connection)


async def test_the_owner_of_the_tables_may_not_serve(owner_url: str) -> None:
    async with await AsyncConnection.connect(owner_url) as connection:
        with pytest.raises(UnsafeRole, match="app_owner must not serve the shop: it owns tables"):
            await refuse_unsafe_role(connection)


async def test_a_superuser_may_not_serve(server: Server, database_name: str) -> None:
    async with await AsyncConnection.connect(server.url("postgres", database_name)) as connection:
        with pytest.raises(UnsafeRole, match="a superuser; it bypasses row-level security"):
            await refuse_unsafe_role(connection)


@pytest.mark.parametrize(
    ("powers", "reason"), [("bypassrls", "bypasses row-level security"), ("superuser", "may become, a superuser")]
)
async def test_who_may_become_somebody_beyond_the_wall_may_not_serve(
    admin: psycopg.Connection, runtime_url: str, powers: str, reason: str
) -> None:
    beyond, member = (f"test_{uuid.uuid4().hex}" for _ in range(2))
    admin.execute(f"create role {beyond} {powers}".encode())
    admin.execute(f"create role {member} login password 'x' in role {beyond}, app_rt".encode())

    try:
        async with await AsyncConnection.connect(runtime_url, user=member, password="x") as connection:
            with pytest.raises(UnsafeRole, match=reason):
                await refuse_unsafe_role(connection)
    finally:
        admin.execute(f"drop role {member}, {beyond}".encode())


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("select pg_sleep(30)", psycopg.errors.QueryCanceled),
        ("select pg_advisory_xact_lock(4711)", psycopg.errors.LockNotAvailable),
    ],
)
async def test_a_statement_and_a_wait_for_a_lock_end_at_their_time(
    runtime_url: str, admin: psycopg.Connection, statement: str, told: type[psycopg.Error]
) -> None:
    admin.execute("select pg_advisory_lock(4711)")
    database = Database(runtime_url, size=1, patience=Patience(statement=200, lock=100, idle=200))
    await database.open()

    with pytest.raises(told):
        async with database.transaction(uuid.uuid4()) as sql:
            await sql.execute(statement)
    async with database.transaction(uuid.uuid4(), patience=Patience(60_000, 60_000, 60_000)) as sql:
        await sql.execute("select pg_sleep(0.3)")

    await database.close()


async def test_the_timeouts_come_with_begin_and_end_with_the_transaction(runtime_url: str) -> None:
    """Nothing is left on the connection, which behind a pooler is the next one's."""
    database = Database(runtime_url, size=1)
    await database.open()
    asked = "select current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock"

    async with database.transaction(uuid.uuid4(), patience=Patience(1_000, 2_000, 3_000)) as sql:
        inside = await sql.row(asked, as_=Timeouts)
        assert len(sql.statements) == 2
    async with database.connection() as connection:
        outside = await (await connection.execute(asked.encode())).fetchone()

    await database.close()
    assert inside == ("1s", "2s")
    assert outside == ("0", "0")


async def test_connections_that_the_server_has_closed_are_not_handed_out(
    runtime_url: str, admin: psycopg.Connection
) -> None:
    database = Database(runtime_url, size=2)
    await database.open()
    async with database.transaction(uuid.uuid4()) as sql:
        backend = await sql.row("select pg_backend_pid() as pid", as_=Backend)
    assert backend is not None

    admin.execute("select pg_terminate_backend(%s, 5000)", (backend.pid,))

    async with database.transaction(uuid.uuid4()) as sql:
        other = await sql.row("select pg_backend_pid() as pid", as_=Backend)
    await database.close()
    assert other is not None
    assert other.pid != backend.pid


class Prepared(NamedTuple):
    number: int


async def test_what_is_prepared_outlives_a_transaction_that_is_given_up_and_no_failed_one(runtime_url: str) -> None:
    """A preview or a refusal rolls back: the next call had its long statements planned anew for it, six times each."""
    database = Database(runtime_url, size=1)
    await database.open()

    async def prepared() -> int:
        async with database.connection() as connection:
            cursor = await connection.execute(
                "select count(*) from pg_prepared_statements where statement like '%4712%'"
            )
            row = await cursor.fetchone()
        return row[0] if row else 0

    async with database.transaction(uuid.uuid4()) as sql:
        for _ in range(6):
            await sql.row("select 4712 + %s::int as number", (1,), as_=Prepared)
        await sql.commit()
    assert await prepared() == 1
    async with database.transaction(uuid.uuid4()) as sql:
        assert await sql.row("select 4712 + %s::int as number", (1,), as_=Prepared) == (4713,)
    assert await prepared() == 1
    with pytest.raises(psycopg.errors.DivisionByZero):
        async with database.transaction(uuid.uuid4()) as sql:
            await sql.row("select 1 / %s::int as number", (0,), as_=Prepared)
    assert await prepared() == 0

    async with database.transaction(uuid.uuid4()) as sql:
        assert await sql.row("select 4712 + %s::int as number", (1,), as_=Prepared) == (4713,)
        assert sql.connection.info.transaction_status is TransactionStatus.INTRANS
    async with database.connection() as connection:
        assert connection.info.transaction_status is TransactionStatus.IDLE
    await database.close()
