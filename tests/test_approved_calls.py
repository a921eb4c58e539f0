"""What is approved is what is done, held for every tool that writes: the card names rows by our own references, its digest is the
same when nothing has changed, and another one when anything has that carries meaning.
"""

import asyncio
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest
from pydantic import BaseModel
from sqlalchemy import inspect
from sqlalchemy.orm import Mapper

from db.model import Base, new_id
from db.references import TABLES, Kind
from tests.arranged import AnyTool, arguments_of, arranged
from tests.factories import NewShop, number
from tests.test_every_tool import WRITES, each
from tools.backoffice.approvals import decide_approval
from tools.contract.actors import Hand
from tools.contract.call import call, validated
from tools.contract.changes import LEFT_OUT, Change, Changes
from tools.contract.changes import Kind as Did
from tools.contract.context import Approved
from tools.contract.fields import Ref
from tools.contract.secret import takes_secrets
from tools.contract.settle import marks
from tools.contract.shop import Shop

TABLE_OF = {kind: table for table, kind in TABLES.items()}


def named(model: BaseModel) -> Iterator[tuple[list[Kind], str]]:
    """Each reference in the arguments, with what it may name."""
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        kinds = [mark.kind for mark in (*field.metadata, *marks(field.annotation)) if isinstance(mark, Ref)]
        for one in cast(list[Any], value) if isinstance(value, list) else [value]:
            if isinstance(one, BaseModel):
                yield from named(one)
            elif isinstance(one, str) and kinds:
                yield kinds, one


async def in_foreign_words(mine: NewShop, tool: AnyTool, arguments: dict[str, Any]) -> dict[str, Any]:
    """The same arguments with another shop's number for each reference of ours."""
    words: dict[str, str] = {}
    async with mine.shop.database.transaction(mine.id) as sql:
        for kinds, written in named(validated(tool, arguments)):
            for kind in kinds:
                words[written] = f"elsewhere/{number()}"
                found = await sql.execute(
                    f"update {TABLE_OF[kind]} set source = 'elsewhere', external_reference = %s"
                    " where merchant_id = %s and reference = %s",
                    (words[written], mine.id, kind.canonical(written)),
                )
                if not found:
                    del words[written]
        await sql.commit()
    return _replaced(arguments, words)


def _replaced(value: Any, words: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _replaced(one, words) for name, one in cast(dict[str, Any], value).items()}
    if isinstance(value, list):
        return [_replaced(one, words) for one in cast(list[Any], value)]
    return words.get(value, value) if isinstance(value, str) else value


# Visitors have no preview, and no card keeps a secret: such calls wait for nobody.
WAIT = [tool for tool in WRITES if not (tool.for_visitors or takes_secrets(tool.input))]


@each(WAIT)
async def test_a_card_has_our_own_references_whatever_was_written(tool: AnyTool, shop: Shop, mine: NewShop) -> None:
    arguments = await in_foreign_words(mine, tool, await arguments_of(tool, mine))

    outcome = await call(shop, tool, arguments, mine.caller("owner"), preview=True)

    assert outcome.card is not None
    for kinds, written in named(tool.input.model_validate(outcome.card.arguments)):
        assert re.fullmatch(f"(?:{'|'.join(kind.value for kind in kinds)})-[0-9]+", written), outcome.card.arguments


@each(WAIT)
async def test_the_same_run_has_the_same_digest_whenever_it_is_made(tool: AnyTool, shop: Shop) -> None:
    """Else nothing that was approved could ever be carried out."""
    mine, arguments = await arranged(tool, shop)

    first = await call(shop, tool, arguments, mine.caller("owner"), preview=True)
    await asyncio.sleep(0.01)
    assert first.card is not None
    second = await call(shop, tool, first.card.arguments, mine.caller("owner"), preview=True)

    assert second.card is not None
    assert second.card.digest == first.card.digest


@each([tool for tool in WRITES if not tool.for_people])
async def test_what_was_approved_is_carried_out(tool: AnyTool, shop: Shop, mine: NewShop) -> None:
    arguments, owner = await arguments_of(tool, mine), mine.caller("owner")
    planner = mine.caller("owner", hand=Hand.planner)
    asked = await call(shop, tool, arguments, planner, key=f"ask-{number()}")
    assert asked.approval is not None
    assert asked.card is not None
    decision = {"approval": asked.approval, "decision": "approve"}
    await call(shop, decide_approval, decision, owner, key=f"decide-{number()}")

    approved = Approved(asked.approval, "USR-1001", asked.card.digest)
    done = await call(shop, tool, asked.card.arguments, planner, key=asked.approval, approval=approved)

    assert done.result is not None, done.why


# ---- the digest ----------------------------------------------------------------------------------------------------------

NOW = datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC)
MAPPERS = [
    mapper
    for mapper in sorted(Base.registry.mappers, key=lambda one: one.class_.__name__)
    if {"merchant_id", "id"} <= set(mapper.columns.keys())
]
OTHER: dict[type, tuple[Any, Any]] = {
    str: ("one", "another"),
    int: (1, 2),
    bool: (True, False),
    datetime: (datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 4, 1, 0, 0, 1, tzinfo=UTC)),
    date: (date(2026, 4, 1), date(2026, 4, 2)),
    Decimal: (Decimal("0.2"), Decimal("0.21")),
    dict: ({"name": "Ana"}, {"name": "Bo"}),
    list: (["a"], ["b"]),
    bytes: (b"a", b"b"),
    uuid.UUID: (new_id(), new_id()),
}


def digest(*rows: Change, now: datetime = NOW) -> str:
    return Changes(now, list(rows)).digest()


def of_type(mapper: Mapper[Any], name: str) -> tuple[Any, Any]:
    try:
        return OTHER[mapper.columns[name].type.python_type]
    except (NotImplementedError, KeyError):
        return ({"a": 1}, {"a": 2})


@pytest.mark.parametrize("mapper", MAPPERS, ids=[str(mapper.local_table) for mapper in MAPPERS])
def test_every_column_with_a_meaning_of_its_own_is_in_the_digest(mapper: Mapper[Any]) -> None:
    """Whatever table a room brings: foreign keys, expiries, keys of comparison, all but what a run draws anew."""
    table, row = str(mapper.local_table), new_id()

    for name in set(mapper.columns.keys()) - {"id", "merchant_id", "reference"} - LEFT_OUT:
        one, another = of_type(mapper, name)
        for did, before, after in (
            (Did.insert, dict[str, Any](), {name: one}), (Did.update, {name: None}, {name: one}), (Did.delete, {name: one}, {}),
        ):  # fmt: skip
            theirs = {name: another}
            same = Change(table, did, row, before, after)
            other = Change(
                table, did, row, theirs if did is Did.delete else before, {} if did is Did.delete else theirs
            )
            assert digest(same) != digest(other), f"{table}.{name}, {did}"


def test_what_is_left_out_is_named_by_a_table_or_drawn_by_a_call() -> None:
    known = {column.key for mapper in Base.registry.mappers for column in inspect(mapper).columns}

    assert known | {"token_hash"} >= LEFT_OUT


def test_ids_and_references_that_a_run_draws_are_the_same_in_each() -> None:
    def made() -> str:
        order, line, reference = new_id(), new_id(), f"ORD-{number()}"
        return digest(
            Change("orders", Did.insert, order, {}, {"id": order, "reference": reference}),
            Change("order_lines", Did.insert, line, {}, {"id": line, "order_id": order, "note": f"For {reference}."}),
            Change("events", Did.insert, new_id(), {}, {"data": {"order": reference, "line": str(line)}}),
        )

    assert made() == made()


def test_another_row_that_existed_before_is_another_change() -> None:
    def address(customer: uuid.UUID) -> str:
        return digest(
            Change("addresses", Did.insert, new_id(), {}, {"customer_id": customer, "line1": "1 rue du Quai"})
        )

    ana, bo = new_id(), new_id()

    assert address(ana) == address(ana)
    assert address(ana) != address(bo)


def test_a_time_is_told_by_the_clock_where_it_was_reckoned_from_it() -> None:
    def held(now: datetime, until: datetime) -> str:
        return digest(
            Change("reservations", Did.insert, new_id(), {}, {"created_at": now, "expires_at": until}), now=now
        )

    later, day = NOW + timedelta(seconds=71, microseconds=5), datetime(2026, 3, 4, tzinfo=UTC)

    assert held(NOW, NOW + timedelta(days=2)) == held(later, later + timedelta(days=2))
    assert held(NOW, day) == held(later, day)
    assert held(NOW, NOW + timedelta(days=2)) != held(later, later + timedelta(days=20))
    assert held(NOW, day) != held(later, day + timedelta(days=1))


def test_a_running_balance_is_told_by_how_it_moves() -> None:
    row = new_id()

    def moved(before: int, after: int) -> str:
        return digest(Change("stock_levels", Did.update, row, {"reserved": before}, {"reserved": after}))

    assert moved(3, 5) == moved(10, 12)
    assert moved(3, 5) != moved(3, 6)


async def test_an_address_that_was_approved_for_one_customer_never_goes_to_another(shop: Shop, mine: NewShop) -> None:
    """Between card and decision somebody else takes over the e-mail address by which the customer was named."""
    from tools.customers.addresses import add_address, list_addresses
    from tools.customers.profiles import create_customer, update_customer

    owner, planner = mine.caller("owner"), mine.caller("owner", hand=Hand.planner)

    async def done(tool: AnyTool, **arguments: Any) -> Any:
        return (await call(shop, tool, arguments, owner, key=f"k-{number()}")).result

    ana = await done(create_customer, name="Ana Torres", email="ana@example.com")
    bo = await done(create_customer, name="Bo Berg", email="bo@example.com")
    place = {"line1": "5 rue des Lilas", "city": "Lyon", "postcode": "69001", "country": "FR"}
    asked = await call(shop, add_address, {"customer": "ANA@example.com", **place}, planner, key="ask")
    assert asked.card is not None
    assert asked.approval is not None
    await done(update_customer, customer=ana.reference, email="ana.torres@example.com")
    await done(update_customer, customer=bo.reference, email="ana@example.com")
    await done(decide_approval, approval=asked.approval, decision="approve")

    approved = Approved(asked.approval, "USR-1001", asked.card.digest)
    await call(shop, add_address, asked.card.arguments, planner, key=asked.approval, approval=approved)

    assert asked.card.arguments["customer"] == ana.reference
    assert [len((await done(list_addresses, customer=who.reference)).data) for who in (ana, bo)] == [1, 0]
