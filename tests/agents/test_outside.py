"""Whatever outsiders may have written reaches models between marks alone, wherever it stands: over all tools and columns."""

import uuid
from collections.abc import Generator
from typing import Any

import psycopg
import pytest

from agents.chat_tool import Answer, ChatTool
from db.models.orders import HoldReason, NoteVisibility, Order, OrderHold, OrderNote
from tests.aftermath import make_shipment, pay
from tests.arranged import arguments_of
from tests.factories import (
    NewShop,
    make_customer,
    make_order,
    make_variant,
    warehouse_of,
)
from tests.outside import SAID, classes_of, plant, text_columns, unmarked
from tests.test_every_tool import each
from tools import registry
from tools.contract.actors import Caller, Door, Hand, Proof
from tools.contract.call import Shop
from tools.contract.declare import Tool

AnyTool = Tool[Any, Any]
FOR_MODELS = [tool for tool in registry.tools().values() if not tool.for_people]
WRITES = [tool for tool in FOR_MODELS if tool.writes]
Tables = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def tables(owner_url: str) -> Generator[Tables]:
    """The owner's connection, one for all: a new one would first read what eighty tables are like."""
    with psycopg.connect(owner_url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        yield connection


def test_each_text_column_is_ours_or_from_outside() -> None:
    unclear = [f"{table}.{column}" for table, column in text_columns() if len(classes_of(table, column)) != 1]

    assert unclear == [], "say in tests/outside.py who writes them"


def model_of(mine: NewShop, hand: Hand = Hand.model) -> Caller:
    return Caller(mine.id, Door.chat, hand, Proof.user, str(mine.users["owner"]))


async def told(shop: Shop, tool: AnyTool, arguments: dict[str, Any], caller: Caller) -> Answer:
    answer = await ChatTool(tool).run(shop, arguments, caller, turn=uuid.uuid4(), nth=1)
    assert SAID.lower() not in unmarked(answer.content).lower(), f"{tool.name} tells a model: {answer.content}"
    assert answer.untrusted == ("<untrusted id=" in answer.content)
    return answer


async def furnish(mine: NewShop) -> None:
    """An order with all that can hang on one."""
    async with mine.shop.database.transaction(mine.id) as sql:
        variant = make_variant(sql, stock=5, warehouse=await warehouse_of(sql))
        order = make_order(sql, variant, 2, customer=make_customer(sql))
        order.shipping_address = order.billing_address = dict.fromkeys(
            ("name", "company", "line1", "line2", "city", "region", "postcode", "phone"), "there"
        ) | {"country": "FR"}
        await sql.session.flush()
        await pay(sql, order.reference, authorized=3_998, captured=3_998)
        await make_shipment(sql, order.reference)
        _annotate(sql.session, order)
        await sql.commit()


def _annotate(session: Any, order: Order) -> None:
    common: dict[str, Any] = {"merchant_id": order.merchant_id, "order_id": order.id, "created_at": order.created_at}
    session.add(OrderNote(**common, visibility=NoteVisibility.customer, text="…", author="…"))
    session.add(OrderHold(**common, reason=HoldReason.other, note="…", owner="USR-1", placed_at=order.created_at))


async def planted(tool: AnyTool, mine: NewShop, tables: Tables) -> dict[str, Any]:
    """Valid arguments, in a shop in which outsiders have written wherever they can."""
    arguments = await arguments_of(tool, mine)
    await furnish(mine)
    assert plant(tables, mine.id) > 10
    return arguments


@each([tool for tool in FOR_MODELS if not tool.writes])
async def test_what_a_reader_tells_and_what_its_refusals_do(
    tool: AnyTool, shop: Shop, mine: NewShop, tables: Tables
) -> None:
    arguments = await planted(tool, mine, tables)

    for asked in (arguments, _only_what_is_needed(tool, arguments)):
        await told(shop, tool, asked, model_of(mine))
    await told_of_refusals(shop, tool, arguments, mine)


def _only_what_is_needed(tool: AnyTool, arguments: dict[str, Any]) -> dict[str, Any]:
    """Without its filters a list has all rows of the shop."""
    return {name: value for name, value in arguments.items() if name in tool.schema.get("required", [])}


@each(WRITES)
async def test_what_a_writer_tells_and_what_its_card_does(
    tool: AnyTool, shop: Shop, mine: NewShop, tables: Tables
) -> None:
    arguments = await planted(tool, mine, tables)

    card = await told(shop, tool, arguments, model_of(mine, Hand.planner))
    assert card.approval
    await told(shop, registry.tool("get_approval"), {"approval": card.approval}, model_of(mine))
    await told(shop, registry.tool("list_approvals"), {}, model_of(mine))

    await told(shop, tool, arguments, model_of(mine))


@each(WRITES)
async def test_what_a_writers_refusals_tell(tool: AnyTool, shop: Shop, mine: NewShop, tables: Tables) -> None:
    arguments = await planted(tool, mine, tables)

    await told_of_refusals(shop, tool, arguments, mine)
    for _ in range(2):  # what was done is refused, or done again
        await told(shop, tool, arguments, model_of(mine))


async def told_of_refusals(shop: Shop, tool: AnyTool, arguments: dict[str, Any], mine: NewShop) -> None:
    """Each argument in turn is none of the shop's, or no value of its kind."""
    properties: dict[str, Any] = tool.schema["properties"]
    for name, value in arguments.items():
        wrong = "XX-404" if "x-reference" in str(properties[name]) else None if isinstance(value, (list, dict)) else "~"
        await told(shop, tool, arguments | {name: wrong}, model_of(mine))


async def test_a_refusal_that_quotes_a_customers_name_marks_it_and_taints(
    shop: Shop, mine: NewShop, tables: Tables
) -> None:
    await furnish(mine)
    async with mine.shop.database.transaction(mine.id) as sql:
        first, second = make_customer(sql, SAID), make_customer(sql, SAID)
        second.external_reference = first.email
        await sql.commit()

    ambiguous = await told(shop, registry.tool("get_customer"), {"customer": first.email}, model_of(mine))
    taken = await told(shop, registry.tool("create_customer"), {"name": "Ana", "email": first.email}, model_of(mine))

    assert (ambiguous.failed, taken.failed) == ("Ambiguous", "CustomerEmailTaken")
    assert ambiguous.untrusted
    assert taken.untrusted
    assert taken.problem is not None
    assert taken.problem["message"] == f"{first.reference} ({SAID}) has the e-mail {first.email}."


async def test_the_cities_of_a_report_are_marked_and_its_days_are_not(
    shop: Shop, mine: NewShop, tables: Tables
) -> None:
    await furnish(mine)
    plant(tables, mine.id)
    period = {"placed_from": "2020-01-01T00:00:00Z", "placed_until": "2020-01-03T00:00:00Z"}

    cities = await told(shop, registry.tool("sales_report"), {"group_by": "city", **period}, model_of(mine))
    days = await told(shop, registry.tool("sales_report"), {"group_by": "day", **period}, model_of(mine))

    assert SAID.lower() in cities.content.lower()
    assert cities.untrusted
    assert not days.untrusted
