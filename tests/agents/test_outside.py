"""Whatever outsiders may have written reaches models between marks alone, wherever it stands: over all tools and columns."""

import uuid
from typing import Any

import pytest

from agents.chat_tool import Answer, ChatTool
from db.models.orders import HoldReason, NoteVisibility, Order, OrderHold, OrderNote
from tests.factories import NewShop, make_customer, make_order, make_shipment, make_variant, pay, warehouse_of
from tests.outside import SAID, classes_of, plant, text_columns, unmarked
from tests.test_every_tool import arguments_of, each
from tools import registry
from tools.contract.actors import Caller, Door, Hand, Proof
from tools.contract.call import Shop
from tools.contract.declare import Tool

AnyTool = Tool[Any, Any]
FOR_MODELS = [tool for tool in registry.tools().values() if not tool.for_people]
WRITES = [tool for tool in FOR_MODELS if tool.writes]
APPROVALS = ("list_approvals", "get_approval")


@pytest.mark.parametrize(("table", "column"), sorted(text_columns()))
def test_each_text_column_is_ours_or_from_outside(table: str, column: str) -> None:
    assert len(classes_of(table, column)) == 1, f"Say in tests/outside.py who writes {table}.{column}."


def model_of(mine: NewShop, hand: Hand = Hand.model) -> Caller:
    return Caller(mine.id, Door.chat, hand, Proof.user, str(mine.users["owner"]))


async def told(shop: Shop, tool: AnyTool, arguments: dict[str, Any], caller: Caller) -> Answer:
    answer = await ChatTool(tool).run(shop, arguments, caller, turn=uuid.uuid4(), nth=1)
    assert SAID not in unmarked(answer.content), f"{tool.name} tells a model: {answer.content}"
    assert answer.untrusted == (SAID in answer.content)
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


async def planted(tool: AnyTool, mine: NewShop, owner_url: str) -> dict[str, Any]:
    """Valid arguments, in a shop in which outsiders have written wherever they can."""
    arguments = await arguments_of(tool, mine)
    await furnish(mine)
    assert plant(owner_url, mine.id) > 10
    return arguments


@each([tool for tool in FOR_MODELS if not tool.writes])
async def test_what_a_reader_tells(tool: AnyTool, shop: Shop, mine: NewShop, owner_url: str) -> None:
    arguments = await planted(tool, mine, owner_url)

    for asked in (arguments, _only_what_is_needed(tool, arguments)):
        await told(shop, tool, asked, model_of(mine))


def _only_what_is_needed(tool: AnyTool, arguments: dict[str, Any]) -> dict[str, Any]:
    """Without its filters a list has all rows of the shop."""
    return {name: value for name, value in arguments.items() if name in tool.schema.get("required", [])}
