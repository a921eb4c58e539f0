"""What the tests of after-sales arrange: orders that arrived, and returns of them as far as they have come."""

from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import select

from db.figures import ADD_UP
from db.model import new_id
from db.models.backoffice import Membership
from db.models.conversations import Conversation, Message, Turn, TurnStatus
from db.models.customers import Customer
from db.models.inventory import StockLevel
from db.models.orders import Order, OrderStatus
from db.models.products import Variant
from db.models.transport import FulfilmentStatus
from db.references import Kind
from tests.aftermath import make_shipment
from tests.factories import LONG_AGO, NewShop, make_category, make_customer, make_variant, number, warehouse_of
from tests.tools.till import writing
from tools.contract.call import call
from tools.flows.create_order import create_order
from tools.flows.mark_order_paid import mark_order_paid

MUG = "MUG-BLUE"  # 19.99 EUR, in the category Mugs, ten on the shelf


# What was held for the order has left its shelf.
_LEFT = """
with held as (
    update reservations set status = 'consumed', closed_at = %(now)s where merchant_id = %(m)s and order_id = %(order)s
    returning variant_id, warehouse_id, quantity
), moved as (
    update stock_levels s set on_hand = s.on_hand - h.quantity, reserved = s.reserved - h.quantity from held h
    where s.merchant_id = %(m)s and s.variant_id = h.variant_id and s.warehouse_id = h.warehouse_id
)
insert into stock_movements (merchant_id, id, warehouse_id, variant_id, kind, quantity, actor, occurred_at, created_at)
select %(m)s, gen_random_uuid(), warehouse_id, variant_id, 'sale', -quantity, 'system:test', %(now)s, %(now)s from held
"""


class Delivered(NamedTuple):
    order: str
    customer: Customer


async def shelve(mine: NewShop) -> Customer:
    """Blue mugs in a category, and Ana Torres, who buys them."""
    async with writing(mine) as sql:
        make_variant(
            sql, MUG, title="Stoneware mug, blue", category=make_category(sql), warehouse=await warehouse_of(sql)
        )
        return make_customer(sql, email="ana.torres@example.com")


async def deliver(
    mine: NewShop, customer: Customer, units: int = 5, *, days_ago: float = 3, paid: bool = True, **more: Any
) -> str:
    """An order of blue mugs that was paid by card and arrived so many days ago; its reference."""
    lines = [{"sku": MUG, "quantity": units}]
    arguments: dict[str, Any] = {"customer": customer.reference, "lines": lines} | more
    outcome = await call(mine.shop, create_order, arguments, mine.caller("owner"), key=f"arranged-{number()}")
    assert outcome.result is not None
    reference, now = outcome.result.reference, mine.shop.clock()
    if paid:
        await call(
            mine.shop,
            mark_order_paid,
            {"order": reference, "method": "card"},
            mine.caller("owner"),
            key=f"arranged-{number()}",
        )
    async with writing(mine) as sql:
        parcel = await make_shipment(sql, reference, FulfilmentStatus.delivered, left=units)
        parcel.delivered_at = now - timedelta(days=days_ago)
        order = (
            await sql.session.scalars(select(Order).where(Order.merchant_id == mine.id, Order.reference == reference))
        ).one()
        order.status, order.completed_at, order.expires_at = OrderStatus.completed, parcel.delivered_at, None
        order.placed_at = now - timedelta(days=days_ago + 2)
        await sql.session.flush()
        await sql.execute(_LEFT, {"m": mine.id, "order": order.id, "now": now})
        await sql.execute("delete from customer_figures where merchant_id = %s and id = %s", (mine.id, customer.id))
        await sql.execute(ADD_UP, {"merchant": mine.id})
    return reference


async def delivered(mine: NewShop, units: int = 5, **more: Any) -> Delivered:
    """A shop in which somebody got five blue mugs."""
    customer = await shelve(mine)
    return Delivered(await deliver(mine, customer, units, **more), customer)


async def shelf(mine: NewShop, sku: str = MUG) -> tuple[int, int]:
    """Units on hand in all warehouses, and how many of them are set aside."""
    async with mine.shop.database.transaction(mine.id) as sql:
        query = select(StockLevel).join(Variant, Variant.id == StockLevel.variant_id)
        levels = (await sql.session.scalars(query.where(StockLevel.merchant_id == mine.id, Variant.sku == sku))).all()
        return sum(level.on_hand for level in levels), sum(level.damaged for level in levels)


async def converse(mine: NewShop, role: str) -> str:
    """A conversation of somebody of the shop, with a question and its answer; its reference."""
    async with writing(mine) as sql:
        person = (await sql.session.scalars(select(Membership).where(Membership.user_id == mine.users[role]))).one()
        held = Conversation(
            merchant_id=mine.id, id=new_id(), reference=Kind.conversation.reference(number()), owner=person.reference,
            title="Where is the parcel of ORD-1001?", created_at=LONG_AGO,
        )  # fmt: skip
        turn = Turn(
            merchant_id=mine.id, id=new_id(), conversation_id=held.id, status=TurnStatus.running, key="one", request="",
            caller={}, durability="sync", usage={}, created_at=LONG_AGO,
        )  # fmt: skip
        looked = {"id": "1", "tool": "get_order", "specialist": "orders", "arguments": {"order": "1001"}, "outcome": "done",
                  "references": ["ORD-1001"], "approval": None}  # fmt: skip
        said: tuple[tuple[str, str, dict[str, Any]], ...] = (
            ("person", "Where is the parcel of ORD-1001?", {}),
            ("assistant", "Nobody knows.", {"tools": [looked]}),
        )
        sql.session.add_all([held, turn])
        await sql.session.flush()
        for author, text, data in said:
            sql.session.add(
                Message(
                    merchant_id=mine.id, id=new_id(), conversation_id=held.id, turn_id=turn.id, role=author, text=text,
                    data=data, created_at=LONG_AGO,
                )
            )  # fmt: skip
    return held.reference
