"""What became of an order, for tests: its payment and its parcel."""

from sqlalchemy import select

from db.model import new_id
from db.models.orders import Order, OrderLine
from db.models.payments import Payment, PaymentMethod, PaymentStatus
from db.models.transport import Fulfilment, FulfilmentLine, FulfilmentStatus
from db.references import Kind
from db.session import Transaction
from tests.factories import LONG_AGO, number, referenced_row, warehouse_of


async def pay(sql: Transaction, reference: str, *, authorized: int, captured: int = 0) -> Payment:
    """A card payment of an order, with what it did to the order's amounts."""
    query = select(Order).where(Order.merchant_id == sql.merchant, Order.reference == reference)
    order = (await sql.session.scalars(query)).one()
    order.authorized, order.paid = authorized, captured
    payment = Payment(
        **referenced_row(sql, Kind.payment),
        id=new_id(),
        order_id=order.id,
        status=PaymentStatus.captured if captured else PaymentStatus.authorized,
        method=PaymentMethod.card,
        provider="test",
        currency=order.currency,
        authorized=authorized,
        captured=captured,
        updated_at=LONG_AGO,
    )
    sql.session.add(payment)
    return payment


async def make_shipment(
    sql: Transaction, reference: str, status: FulfilmentStatus = FulfilmentStatus.draft, *, left: int = 0
) -> Fulfilment:
    """A parcel of an order's first line; `left` units of it have left."""
    query = select(Order, OrderLine).join(OrderLine, OrderLine.order_id == Order.id)
    query = query.where(Order.merchant_id == sql.merchant, Order.reference == reference, OrderLine.position == 1)
    order, line = (await sql.session.execute(query)).one()
    order.units_fulfilled = line.fulfilled = left
    shipment = Fulfilment(
        **referenced_row(sql, Kind.shipment),
        id=new_id(),
        order_id=order.id,
        warehouse_id=(await warehouse_of(sql)).id,
        status=status,
        carrier="Colissimo",
        tracking_number=f"6A{number():08}",
        currency=order.currency,
        shipped_at=LONG_AGO if left else None,
        updated_at=LONG_AGO,
    )
    content = FulfilmentLine(
        merchant_id=sql.merchant, fulfilment_id=shipment.id, order_line_id=line.id, quantity=left or line.quantity,
        created_at=LONG_AGO,
    )  # fmt: skip
    sql.session.add_all([shipment, content])
    return shipment
