"""What the database refuses is the same error of the shop whoever sent the statement, and the log repeats no row."""

import logging
import uuid

import psycopg
import pytest
from pydantic import Field
from sqlalchemy import text
from starlette.requests import Request

from orchestrator.surfaces.problems import database_response
from tests.factories import NewShop, make_customer
from tools.contract import errors
from tools.contract.actors import Caller
from tools.contract.call import call
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.shop import Shop

PLANTED = "planted.ana@example.com"

KINDS: dict[str, tuple[str, type[errors.ShopError] | None]] = {
    # the same address twice; and what only a bug of ours would do
    "unique": ("update customers set email_key = :planted where merchant_id = :m and reference = :r", errors.AlreadyTaken),
    "check": ("update customers set email_key = null where merchant_id = :m and reference = :r", None),
    "not null": ("update customers set name = null where merchant_id = :m and reference = :r", None),
    "foreign key": ("update customers set merged_into_id = gen_random_uuid(), status = 'merged'"
                    " where merchant_id = :m and reference = :r", None),
    "text for a number": ("select cast(:planted as bigint)", errors.OutOfRange),
    "a number too large": ("select cast(99999999999 as int), cast(:planted as text)", errors.OutOfRange),
    "no such table": ("select :planted from nowhere", None),
    "deadlock": ("do $$ begin raise exception '%', 'x' using errcode = '40P01', detail = 'planted.ana@example.com'; end $$",
                 errors.GaveWay),
    "serialization": ("do $$ begin raise exception 'x' using errcode = '40001', detail = 'planted.ana@example.com'; end $$",
                      errors.GaveWay),
}  # fmt: skip


class Break(Input):
    """What is broken, and by whom."""

    kind: str = Field(description="A kind of error.")
    orm: bool = Field(description="Whether the ORM sends the statement.")
    customer: str = Field(description="Whose row.")


class Broken(Result):
    """Nothing broke."""


@tool(route="POST /breaks", effect=Effect.record, permission="orders:write", raises=[], examples=[])
async def break_something(ctx: Context, args: Break) -> Broken:
    """Send a statement that the database refuses."""
    statement, _ = KINDS[args.kind]
    params = {"planted": PLANTED, "m": ctx.merchant.id, "r": args.customer}
    if args.orm:
        await ctx.db.execute(text(statement), {name: params[name] for name in params if f":{name}" in statement})
    else:
        for name in params:
            statement = statement.replace(f":{name}", f"%({name})s")
        await ctx.sql.execute(statement.replace("'%'", "'%%'"), params)
    return Broken()


def request() -> Request:
    state = {"request_id": "r-1"}
    return Request(
        {"type": "http", "method": "POST", "path": "/breaks", "headers": [], "query_string": b"", "state": state}
    )


@pytest.mark.parametrize("orm", [False, True], ids=["raw", "orm"])
@pytest.mark.parametrize("kind", KINDS)
async def test_an_error_is_the_same_whoever_sent_the_statement_and_its_row_is_not_in_the_log(
    shop: Shop, mine: NewShop, owner: Caller, caplog: pytest.LogCaptureFixture, kind: str, orm: bool
) -> None:
    _, told = KINDS[kind]
    async with shop.database.transaction(mine.id) as sql:
        make_customer(sql, email=PLANTED)
        other = make_customer(sql, email="other.ben@example.com")
        await sql.commit()
    arguments = {"kind": kind, "orm": orm, "customer": other.reference}

    with caplog.at_level(logging.DEBUG), pytest.raises((errors.ShopError, psycopg.Error)) as refused:
        await call(shop, break_something, arguments, owner, key=uuid.uuid4().hex)
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").warning("refused", exc_info=refused.value)
        answer = database_response(request(), refused.value) if told is None else None

    if told is not None:
        assert type(refused.value) is told
    else:
        assert isinstance(refused.value, psycopg.Error)
        assert answer is not None
        assert answer.status_code == 500
        assert PLANTED not in bytes(answer.body).decode()
    if kind != "text for a number":  # the value that the caller sent is in the refusal that the caller gets
        assert PLANTED not in caplog.text
    assert "ben@example" not in caplog.text


async def test_names_of_constraints_are_still_there_for_who_asks(shop: Shop, mine: NewShop) -> None:
    async def twice() -> None:
        async with shop.database.transaction(mine.id) as sql:
            for _ in range(2):
                make_customer(sql, email=PLANTED)
            await sql.flush()

    with pytest.raises(psycopg.errors.UniqueViolation) as refused:
        await twice()

    assert str(refused.value) == 'duplicate key value violates unique constraint "uq_customers_merchant_id_email_key"'
    assert refused.value.diag.constraint_name == "uq_customers_merchant_id_email_key"
