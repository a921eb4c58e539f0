"""Parcels that were prepared for an order, and do not leave after all."""

from sqlalchemy import select

from db.models.orders import Order
from db.models.transport import Fulfilment, FulfilmentStatus
from tools.contract import words
from tools.contract.context import Context


async def void_prepared(ctx: Context, order: Order) -> list[str]:
    """Parcels that were prepared and have not been handed over."""
    query = select(Fulfilment).where(Fulfilment.merchant_id == ctx.merchant.id, Fulfilment.order_id == order.id)
    prepared = [
        shipment
        for shipment in (await ctx.db.scalars(query.order_by(Fulfilment.id).with_for_update(key_share=True))).all()
        if FulfilmentStatus.voided in Fulfilment.MOVES[shipment.status]
    ]
    for shipment in prepared:
        ctx.edit(shipment, None)
        ctx.move(shipment, FulfilmentStatus.voided, order_id=order.id)
    if prepared:
        voided = words.listed(shipment.reference for shipment in prepared)
        ctx.tell(f"{voided}, prepared already, {'does' if len(prepared) == 1 else 'do'} not leave.")
    return [shipment.reference for shipment in prepared]
