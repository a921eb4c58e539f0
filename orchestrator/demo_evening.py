"""An evening in the demo shop, through its own operations: payments, parcels, returns and claims stand wherever they can stand.

The year before it is invented row by row (`db/seed`). What is refused is left out: how many orders wait, and for what, depends on
the day on which the shop is opened.
"""

from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

from orchestrator.outside import Outside, first_secret, providers_of
from tools import registry
from tools.contract.actors import Caller, Door, Hand, Proof
from tools.contract.call import call
from tools.contract.errors import ShopError
from tools.contract.shop import Shop

SCANS = (
    ("out_for_delivery", "On the van"), ("on_hold", "No house number on the label"),
    ("ready_for_pickup", "Lies at the pick-up point"), ("delivery_failed", "Nobody was in"),
    ("return_to_sender", "Refused at the door"),
)  # fmt: skip
# How what came back is: a part of it, where it is several; all of it; and how it is settled then, if it is.
PARTS = (({"condition": "as_new"},), ({"condition": "as_new"}, {"condition": "used", "accept": False}))
WHOLE: tuple[tuple[dict[str, Any], str], ...] = (
    ({"condition": "used", "accept": False}, ""), ({"condition": "used", "accept": False}, "refund"),
    ({"condition": "as_new", "accept": True}, "store_credit"), ({"condition": "as_new", "accept": True}, "exchange"),
    ({"condition": "damaged", "disposition": "refurbish", "accept": True}, "repair"),
    ({"condition": "opened", "disposition": "supplier", "accept": True}, "refund"), ({"condition": "as_new", "accept": True}, ""),
    ({"condition": "missing"}, ""),
)  # fmt: skip
ASKED = (
    ("too_large", "store_credit", ""),
    ("arrived_late", "refund", "cancel_return"),
    ("other", "exchange", "approve_return"),
)
_UNPAID = """
select o.reference from orders o where o.merchant_id = %s and o.status = 'pending' and o.payment_state = 'unpaid'
  and o.total > 2000 order by o.id desc limit 6
"""
_WAITING = """
select o.reference from orders o where o.merchant_id = %s and o.status = 'confirmed' and o.payment_state = 'paid'
  and o.fulfilment_state = 'unfulfilled' and not exists (
    select from order_holds h where h.merchant_id = o.merchant_id and h.order_id = o.id and h.released_at is null)
  and not exists (
    select from pick_tasks t where t.merchant_id = o.merchant_id and t.order_id = o.id)
  and not exists (
    select from reservations r where r.merchant_id = o.merchant_id and r.order_id = o.id and r.backordered > 0)
order by o.id limit 4
"""
_MOVING = """
select f.reference from fulfilments f where f.merchant_id = %s and f.status = 'in_transit' and f.carrier_id is not null
order by f.shipped_at desc, f.reference desc limit 5
"""
_PACKED = """
select o.reference from packages p join orders o on o.merchant_id = p.merchant_id and o.id = p.order_id
where p.merchant_id = %s and p.status = 'sealed' order by p.id limit 1
"""
_COMING_BACK = """
select r.reference from returns r where r.merchant_id = %s and r.status = 'in_transit' and r.customer_id is not null
order by r.id desc limit 9
"""
_ARRIVED = """
select o.reference || ' ' || l.sku || ' ' || l.quantity from orders o
join order_lines l on l.merchant_id = o.merchant_id and l.order_id = o.id and l.position = 1 and l.bundle_id is null
where o.merchant_id = %s and o.status = 'completed' and o.return_state = 'none' and o.channel = 'web' and l.quantity > %s
  and not exists (select from returns r where r.merchant_id = o.merchant_id and r.order_id = o.id)
order by o.completed_at desc, o.id limit 3
"""
_CLAIMS = "select reference from warranty_claims where merchant_id = %s and status = 'filed' order by id"
_DISPUTES = """
select d.provider_reference || ' ' || p.provider_reference from disputes d
join payments p on p.merchant_id = d.merchant_id and p.id = d.payment_id
where d.merchant_id = %s and d.status = 'needs_response' order by d.id desc limit 1
"""


async def live(shop: Shop, merchant: UUID, owner: UUID) -> None:
    """What the owner did before she looks at the shop for the first time."""
    outside = Outside(shop, providers_of(shop, {}, first_secret()))
    outside.shop = replace(shop, outside=outside.first_try)
    evening = _Evening(outside.shop, Caller(merchant, Door.cli, Hand.person, Proof.user, str(owner)))
    for part in (evening.pays, evening.sends, evening.takes_back, evening.decides):
        await part()


class _Evening:
    def __init__(self, shop: Shop, owner: Caller) -> None:
        self.shop, self.owner, self.deeds = shop, owner, 0

    async def does(self, tool: str, **arguments: Any) -> Any:
        """The result; None for what is refused, or waits for somebody."""
        self.deeds += 1
        with suppress(ShopError):
            key = f"evening:{self.deeds}:{tool}"
            return (await call(self.shop, registry.tool(tool), arguments, self.owner, key=key, wait=True)).result
        return None

    async def finds(self, query: str, *more: int) -> list[str]:
        async with self.shop.database.transaction(self.owner.merchant, read_only=True) as sql:
            cursor = await sql.connection.execute(query.encode(), (self.owner.merchant, *more))
            return [str(found) for (found,) in await cursor.fetchall()]

    async def pays(self) -> None:
        """One has to confirm, one is declined, one is charged in part; two get links, of which one is not needed any more."""
        unpaid = iter(await self.finds(_UNPAID))
        for token in ("tok_needs_action", "tok_declined", "tok_ok"):
            if (order := next(unpaid, None)) is None:
                return
            begun = await self.does("authorize_payment", order=order, token=token, capture=token != "tok_ok")
            if begun and token == "tok_ok":
                half = begun.payments[0].authorized.amount // 2
                await self.does("capture_payment", payment=begun.payments[0].payment, amount=half)
        for order, paid in zip(unpaid, (False, True), strict=False):
            await self.does("create_payment_link", order=order)
            if paid:
                await self.does("mark_order_paid", order=order)

    async def sends(self) -> None:
        """Parcels at every place of their way, and one whose label was not needed."""
        for shipment, (code, said) in zip(await self.finds(_MOVING), SCANS, strict=False):
            await self.does("record_tracking_event", shipment=shipment, code=code, description=said)
        sent = [await self.does("create_shipment", order=order) for order in await self.finds(_WAITING)]
        parcels = [parcel for shipped in sent if shipped for parcel in shipped.shipments]
        for parcel, becomes in zip(parcels, ("manifested", "picked_up", "voided"), strict=False):
            if becomes == "manifested":
                await self.does("create_manifest", carrier=parcel.carrier, warehouse=parcel.warehouse)
            elif becomes == "picked_up":
                await self.does("record_tracking_event", shipment=parcel.reference, code="picked_up")
            else:
                await self.does("cancel_shipment", shipment=parcel.reference)
        for order in await self.finds(_PACKED):
            await self.does("cancel_order", order=order, reason="customer_request")
        for order in await self.finds(_WAITING):
            await self._packs(order)

    async def _packs(self, order: str) -> None:
        if planned := await self.does("plan_packing", order=order):
            listed = await self.does("create_pick_list", warehouse=planned.packages[0].warehouse, orders=[order])
            for tool in ("start_pick", "confirm_pick") if listed else ():
                await self.does(tool, pick=listed.reference)
            await self.does("pack_order", order=order)

    async def takes_back(self) -> None:
        """What came back is as it is: paid for, in part or not at all; given back as money, credit or goods, repaired."""
        coming = [(rma, "", 0) for rma in (await self.finds(_COMING_BACK))[1:]]  # one is still on its way
        for part in PARTS:
            if back := await self.comes_back(1, reason="other"):
                rma, sku, units = back
                await self.does("receive_return", rma=rma)
                counted = zip((1, units - 1), part, strict=False)
                seen = [{"sku": sku, "quantity": count, **how} for count, how in counted]
                await self.does("inspect_return", rma=rma, units=seen)
        for whole, settled in WHOLE:
            back = coming.pop() if coming else await self.comes_back(0, reason="too_small")
            if back:
                await self.does("receive_return", rma=back[0])
                await self.does("inspect_return", rma=back[0], **whole)
                if settled:
                    await self.does("settle_return", rma=back[0], settle_as=settled)
        for reason, wanted, then in ASKED:
            back = await self.comes_back(0, approved=False, reason=reason, wanted=wanted)
            if back and then:
                await self.does(then, rma=back[0])

    async def comes_back(self, above: int, *, approved: bool = True, **asked: Any) -> tuple[str, str, int] | None:
        """A return of more units than that of an order that has arrived: its reference, of what, and how many."""
        for arrived in await self.finds(_ARRIVED, above):
            order, sku, units = arrived.split()
            if back := await self.does("request_return", order=order, sku=sku, goodwill=True, **asked):
                if approved:
                    await self.does("approve_return", rma=back.reference)
                return back.reference, sku, int(units)
        return None

    async def decides(self) -> None:
        """Claims under warranty, a dispute that is lost, money on its way to the bank and some that did not arrive."""
        for claim, remedy in zip((await self.finds(_CLAIMS))[1:], ("replacement", "refund"), strict=False):
            await self.does("decide_warranty_claim", claim=claim, decision="accept", remedy=remedy)
        at, address = self.shop.clock().isoformat(), f"{self.owner.merchant}.manual"
        for named in await self.finds(_DISPUTES):
            dispute, payment = named.split()
            await self.does(
                "receive_provider_event", endpoint=address, event="evening lost", happened="dispute_lost", at=at,
                reference=payment, details={"dispute": dispute},
            )  # fmt: skip
        for status, amount in (("in_transit", 184_250), ("failed", 9_120)):
            await self.does(
                "receive_provider_event", endpoint=address, event=f"evening {status}", happened="payout", at=at,
                transaction=f"evening-{status}", amount=amount, currency="EUR", details={"status": status},
            )  # fmt: skip
