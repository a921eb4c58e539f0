"""Parcels and packages that were prepared for an order, and do not leave after all."""

from sqlalchemy import select

from db.models.orders import Order
from db.models.transport import Fulfilment, FulfilmentStatus
from db.models.warehouse import PackageStatus
from tools.contract import words
from tools.contract.context import Context
from tools.rules.picked import sealed_packages


async def void_prepared(ctx: Context, order: Order) -> list[str]:
    """Parcels that were prepared and have not been handed over; packages that were closed for them are opened."""
    query = select(Fulfilment).where(Fulfilment.merchant_id == ctx.merchant.id, Fulfilment.order_id == order.id)
    prepared = [
        shipment
        for shipment in (await ctx.db.scalars(query.order_by(Fulfilment.id).with_for_update(key_share=True))).all()
        if FulfilmentStatus.voided in Fulfilment.MOVES[shipment.status]
    ]
    for shipment in prepared:
        ctx.edit(shipment, None)
        ctx.move(shipment, FulfilmentStatus.voided, order_id=order.id)
    packages = await sealed_packages(ctx, order.id)
    for package in packages:
        ctx.move(package, PackageStatus.opened, order_id=order.id)
    if packages:
        packed = words.listed(package.reference for package in packages)
        ctx.tell(f"{packed}, packed already, {'is' if len(packages) == 1 else 'are'} opened again.")
    if prepared:
        voided = words.listed(shipment.reference for shipment in prepared)
        ctx.tell(f"{voided}, prepared already, {'does' if len(prepared) == 1 else 'do'} not leave.")
    return [shipment.reference for shipment in prepared]
