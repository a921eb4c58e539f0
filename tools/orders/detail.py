"""One order in full, read in one statement."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from pydantic import Field

from db.models.after_sales import ReturnReason, ReturnStatus, ReturnWish
from db.models.orders import AdjustmentKind, CancelReason, HoldReason, NoteVisibility
from db.models.payments import PaymentMethod, PaymentStatus
from db.models.transport import FulfilmentStatus
from db.money import Money
from db.references import Kind, oldest_first
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous
from tools.contract.fields import OrderRef, UntrustedText
from tools.orders.shown import BRIEF, NAME_SEEN, OrderBrief, PostalAddress, money, sight


class GetOrder(Input):
    order: OrderRef = Field(description="The order, such as `ORD-1042`, or its number elsewhere.")


class HeldStock(Result):
    """Units held for a line."""

    warehouse: str = Field(description="The warehouse's reference.")
    quantity: int = Field(description="Units held there.")
    backordered: int = Field(description="Units promised from the next delivery there.")


class DiscountShare(Result):
    """What a promotion took off a line."""

    promotion: str = Field(description="The promotion's reference.")
    amount: Money = Field(description="What it took off, in minor units.")


class OrderLineDetail(Result):
    """A line, as it was named and priced when the order was placed."""

    sku: str = Field(description="The variant's SKU.")
    title: str = Field(description="What it is called.")
    options: dict[str, Any] = Field(description="Which choice of the product's options.")
    quantity: int = Field(description="Units asked for, those taken out included.")
    cancelled: int = Field(description="Units taken out.")
    fulfilled: int = Field(description="Units that have left.")
    returned: int = Field(description="Units that came back.")
    unit_price: Money = Field(description="For one, in minor units; with tax where the order's prices include it.")
    subtotal: Money = Field(description="Unit price by units, in minor units.")
    discount: Money = Field(description="Taken off the line, in minor units.")
    discounts: list[DiscountShare] = Field(description="By which promotions; empty for orders from elsewhere.")
    tax_rate: Decimal = Field(description="A fraction: 0.2 is 20 %.")
    tax: Money = Field(description="The line's tax, in minor units.")
    total: Money = Field(description="What the customer pays for it, in minor units.")
    bundle: str | None = Field(description="SKU of the bundle that it is part of.")
    held: list[HeldStock] = Field(description="Where units are held for it.")


class OrderBundleDetail(Result):
    """Bundles on the order, as they were named and priced; what they consist of are lines."""

    sku: str = Field(description="The bundle's SKU.")
    title: str = Field(description="What it is called.")
    quantity: int = Field(description="Bundles that there are; 0 when they were taken out.")
    unit_price: Money = Field(description="For one, in minor units; its lines share it.")
    total: Money = Field(description="What the customer pays for them, in minor units.")


class OrderAdjustmentDetail(Result):
    """Something charged or taken off beside the lines, in records that came from elsewhere."""

    kind: AdjustmentKind = Field(description="What it is.")
    sku: str = Field(description="Its code, as it was written.")
    title: str = Field(description="What it was called.")
    quantity: int = Field(description="How many; below zero where they were taken back.")
    amount: Money = Field(description="Charged above zero, credited below, in minor units.")
    occurred_at: datetime = Field(description="When, UTC.")


class OrderPromotion(Result):
    """A promotion that the order has."""

    reference: str = Field(description="The promotion's reference.")
    name: str = Field(description="What it is called.")
    code: str | None = Field(description="Its code; null when it is automatic.")
    amount: Money = Field(description="What it took off, in minor units.")


class OrderPayment(Result):
    """A payment of the order."""

    reference: str = Field(description="The payment's reference.")
    status: PaymentStatus = Field(description="Where it stands.")
    method: PaymentMethod = Field(description="By what the customer pays.")
    method_label: UntrustedText | None = Field(description="Which one, such as `Visa 4242`.")
    provider: str = Field(description="Who takes the money.")
    authorized: Money = Field(description="Promised, in minor units.")
    captured: Money = Field(description="Taken, in minor units.")
    voided: Money = Field(description="Let go of what was promised, in minor units.")
    refunded: Money = Field(description="Given back, in minor units.")


class ShippedLine(Result):
    """Units in a parcel."""

    sku: str = Field(description="The variant's SKU.")
    quantity: int = Field(description="Units.")


class OrderShipment(Result):
    """A parcel of the order."""

    reference: str = Field(description="The shipment's reference.")
    status: FulfilmentStatus = Field(description="Where it stands.")
    warehouse: str = Field(description="The warehouse that it leaves from.")
    carrier: str = Field(description="Who carries it.")
    tracking_number: UntrustedText | None = Field(description="The carrier's number.")
    shipped_at: datetime | None = Field(description="When it left, UTC.")
    delivered_at: datetime | None = Field(description="When it arrived, UTC.")
    lines: list[ShippedLine] = Field(description="What is in it.")


class OrderReturn(Result):
    """Something that comes back, or should."""

    reference: str = Field(description="The return's reference.")
    status: ReturnStatus = Field(description="Where it stands.")
    reason: ReturnReason = Field(description="Why.")
    wanted: ReturnWish = Field(description="What the customer wants for it.")
    refund: Money = Field(description="What is due for it, in minor units.")
    refunded: Money = Field(description="What was given for it, in minor units.")
    requested_at: datetime = Field(description="Since when, UTC.")
    lines: list[ShippedLine] = Field(description="What is in it.")


class OrderHoldDetail(Result):
    """A hold: while it is open the order is not picked, captured or shipped."""

    reason: HoldReason = Field(description="Why.")
    note: UntrustedText | None = Field(description="What was noted.")
    owner: str = Field(description="Who looks after it.")
    placed_at: datetime = Field(description="Since when, UTC.")
    released_at: datetime | None = Field(description="Until when, UTC; null while it is open.")


class ChangedUnits(Result):
    """A line of which there were more or fewer units from then on."""

    sku: str = Field(description="The variant's SKU.")
    before: int = Field(description="Units before; 0 for a line that was added.")
    after: int = Field(description="Units after; 0 for a line that was taken out.")


class OrderChangeDetail(Result):
    """A change of the order's lines after it was written."""

    version: int = Field(description="The order's version from then on.")
    changed_at: datetime = Field(description="When, UTC.")
    total_before: Money = Field(description="What it came to before, in minor units.")
    total_after: Money = Field(description="What it came to after, in minor units.")
    lines: list[ChangedUnits] = Field(description="The lines that it changed.")


class OrderNoteDetail(Result):
    """A remark on the order."""

    visibility: NoteVisibility = Field(description="Internal, or shown to the customer.")
    text: UntrustedText = Field(description="What was written.")
    author: UntrustedText = Field(description="Who wrote it.")
    written_at: datetime = Field(description="When, UTC.")


class UnderWay(Result):
    """Something that is being done outside for the order, such as a refund."""

    intent: str = Field(description="Its reference.")
    kind: str = Field(description="What: `refund_payment`, `void_payment`.")
    amount: Money | None = Field(description="How much, in minor units.")
    wanted_at: datetime = Field(description="Since when, UTC.")


class OrderDetail(OrderBrief):
    """An order with all that belongs to it."""

    source: str | None = Field(description="The system that it came from.")
    confirmed_at: datetime | None = Field(description="When it was confirmed, UTC.")
    completed_at: datetime | None = Field(description="When it was completed, UTC.")
    cancelled_at: datetime | None = Field(description="When it was cancelled, UTC.")
    cancel_reason: CancelReason | None = Field(description="Why it was cancelled.")
    expires_at: datetime | None = Field(description="When it lapses unless it is paid or confirmed, UTC.")
    promised_on: date | None = Field(description="The day on which it was promised.")
    email: UntrustedText | None = Field(description="The buyer's e-mail; null where the caller may not see it.")
    phone: UntrustedText | None = Field(description="The buyer's phone number; null where the caller may not see it.")
    shipping_address: PostalAddress | None = Field(description="Where to; null where the caller may not see it.")
    billing_address: PostalAddress | None = Field(description="Whom to bill; null where the caller may not see it.")
    shipping_method: str | None = Field(description="Code of the way of sending.")
    prices_include_tax: bool = Field(description="Whether prices, discounts and shipping contain tax.")
    subtotal: Money = Field(description="Unit prices by units, in minor units.")
    discount: Money = Field(description="Taken off the lines, in minor units.")
    shipping: Money = Field(description="Charged for sending, in minor units.")
    adjusted: Money = Field(description="Sum of the adjustments, in minor units.")
    tax: Money = Field(description="All tax in the order, in minor units.")
    paid: Money = Field(description="Taken from the customer so far, in minor units.")
    refunded: Money = Field(description="Given back so far, in minor units.")
    note: UntrustedText | None = Field(description="What the customer said about the order.")
    lines: list[OrderLineDetail] = Field(description="What was bought.")
    bundles: list[OrderBundleDetail] = Field(description="Which of it was bought as bundles.")
    adjustments: list[OrderAdjustmentDetail] = Field(description="What was charged or credited beside the lines.")
    promotions: list[OrderPromotion] = Field(description="What reduced it.")
    payments: list[OrderPayment] = Field(description="How it is paid.")
    shipments: list[OrderShipment] = Field(description="Its parcels.")
    returns: list[OrderReturn] = Field(description="What comes back.")
    holds: list[OrderHoldDetail] = Field(description="What keeps or kept it from going on.")
    notes: list[OrderNoteDetail] = Field(description="Remarks, oldest first.")
    changes: list[OrderChangeDetail] = Field(description="What was changed about its lines since, oldest first.")
    under_way: list[UnderWay] = Field(description="What is still being done outside, such as refunds.")
    version: int = Field(description="Grows with each change; send it back as If-Match.")


NUMBERED = (
    "length(x.reference), x.reference"  # ids of one instant are in no order; numbers are given one after the other
)


def _list(columns: str, of: str, order: str = "x.id") -> str:
    """SQL for a JSON list of rows of this order; `columns` are of x."""
    return f"""(select coalesce(json_agg(row_to_json(y)), '[]') from (select {columns} from {of}
        where x.merchant_id = %(m)s and x.order_id = o.id order by {order}) y)"""


_HELD = """(select coalesce(json_agg(h), '[]') from (
    select w.reference as warehouse, r.quantity, r.backordered
    from reservations r join warehouses w on w.merchant_id = r.merchant_id and w.id = r.warehouse_id
    where r.merchant_id = %(m)s and r.order_id = o.id and r.order_line_id = x.id and r.status = 'active' order by r.id) h)"""
_DISCOUNTS = f"""(select coalesce(json_agg(json_build_object(
    'promotion', d.promotion, 'amount', {money("d.amount")})), '[]')
    from jsonb_to_recordset(x.discounts) as d(promotion text, amount bigint))"""
_LINES = _list(
    f"""x.sku, x.title, x.options, x.quantity, x.cancelled, x.fulfilled, x.returned, {money("x.unit_price")} as unit_price,
    {money("x.subtotal")} as subtotal, {money("x.discount")} as discount, {_DISCOUNTS} as discounts,
    x.tax_rate::text as tax_rate, {money("x.tax")} as tax,
    {money("x.total")} as total, b.sku as bundle, {_HELD} as held""",
    "order_lines x left join order_bundles b on b.merchant_id = %(m)s and b.id = x.bundle_id",
    "x.position",
)
_PAID = "(select sum(l.total) from order_lines l where l.merchant_id = %(m)s and l.bundle_id = x.id)"
_BUNDLES = _list(
    f"x.sku, x.title, x.quantity, {money('x.unit_price')} as unit_price, {money(_PAID)} as total", "order_bundles x"
)
_ADJUSTMENTS = _list(
    f"x.kind, x.sku, x.title, x.quantity, {money('x.amount')} as amount, x.occurred_at",
    "order_adjustments x",
    "x.position",
)
_PROMOTIONS = _list(
    f"p.reference, p.name, p.code, {money('x.amount')} as amount",
    "promotion_uses x join promotions p on p.merchant_id = x.merchant_id and p.id = x.promotion_id",
)
_PAYMENTS = _list(
    "x.reference, x.status, x.method, x.method_label, x.provider, "
    + ", ".join(
        f"{money(f'x.{part}', 'x.currency')} as {part}" for part in ("authorized", "captured", "voided", "refunded")
    ),
    "payments x",
    NUMBERED,
)
_SHIPMENTS = _list(
    """x.reference, x.status, w.reference as warehouse, x.carrier, x.tracking_number, x.shipped_at, x.delivered_at,
    (select coalesce(json_agg(json_build_object('sku', l.sku, 'quantity', f.quantity) order by l.position), '[]')
     from fulfilment_lines f join order_lines l on l.merchant_id = f.merchant_id and l.id = f.order_line_id
     where f.merchant_id = %(m)s and f.fulfilment_id = x.id) as lines""",
    "fulfilments x join warehouses w on w.merchant_id = x.merchant_id and w.id = x.warehouse_id",
    NUMBERED,
)
_RETURNS = _list(
    f"""x.reference, x.status, x.reason, x.wanted, {money("x.refund", "x.currency")} as refund,
    {money("x.refunded", "x.currency")} as refunded, x.requested_at,
    (select coalesce(json_agg(json_build_object('sku', l.sku, 'quantity', r.quantity) order by l.position), '[]')
     from return_lines r join order_lines l on l.merchant_id = r.merchant_id and l.id = r.order_line_id
     where r.merchant_id = %(m)s and r.return_id = x.id) as lines""",
    "returns x",
    NUMBERED,
)
_CHANGES = _list(
    f"""x.version, x.created_at as changed_at, {money("x.total_before")} as total_before,
    {money("x.total_after")} as total_after, x.lines""",
    "order_changes x",
    "x.version",
)
_UNDER_WAY = _list(
    f"""x.reference as intent, x.kind, x.created_at as wanted_at,
    case when x.amount is not null then {money("x.amount", "x.currency")} end as amount""",
    "(select * from intents where status = 'pending') x",
    NUMBERED,
)
_GET = f"""
select o.reference, (
    select row_to_json(shown)::text from (select {BRIEF},
        o.source, o.confirmed_at, o.completed_at, o.cancelled_at, o.cancel_reason, o.expires_at, o.promised_on,
        case when %(contact)s then o.email end as email, case when %(contact)s then o.phone end as phone,
        case when {NAME_SEEN} then o.shipping_address end as shipping_address,
        case when {NAME_SEEN} then o.billing_address end as billing_address,
        o.shipping_method, o.prices_include_tax, {money("o.subtotal")} as subtotal, {money("o.discount")} as discount,
        {money("o.shipping")} as shipping, {money("o.adjustments")} as adjusted, {money("o.tax")} as tax, {money("o.paid")} as paid,
        {money("o.refunded")} as refunded, o.note, o.version, {_LINES} as lines,
        {_BUNDLES} as bundles, {_ADJUSTMENTS} as adjustments, {_PROMOTIONS} as promotions,
        {_PAYMENTS} as payments, {_SHIPMENTS} as shipments, {_RETURNS} as returns,
        {_list("x.reason, x.note, x.owner, x.placed_at, x.released_at", "order_holds x")} as holds,
        {_list("x.visibility, x.text, x.author, x.created_at as written_at", "order_notes x")} as notes,
        {_CHANGES} as changes, {_UNDER_WAY} as under_way
    ) shown
) as shown
from orders o left join customers c on c.merchant_id = o.merchant_id and c.id = o.customer_id
where o.merchant_id = %(m)s and (o.reference = %(reference)s or o.external_reference = %(written)s)
order by o.reference <> %(reference)s fetch first row with ties
"""


class _Got(NamedTuple):
    reference: str
    shown: str


@tool(
    route="GET /orders/{order}",
    effect=Effect.read,
    permission="orders:read",
    raises=[],
    examples=["Show me order 1042", "Has ORD-1042 been paid and shipped?", "What did Ana order in ORD-1017?"],
)
async def get_order(ctx: Context, args: GetOrder) -> OrderDetail:
    """Show one order: lines, amounts, payments, shipments, returns, holds, notes.

    Amounts are minor units of the order's currency. Who did what and when is in get_order_timeline.
    """
    params = {
        "m": ctx.merchant.id, "reference": Kind.order.canonical(args.order), "written": args.order.strip(), **sight(ctx),
    }  # fmt: skip
    found = await ctx.sql.rows(_GET, params, as_=_Got)
    if not found:
        raise await ctx.not_found(Kind.order, args.order)
    if len(found) > 1:
        raise Ambiguous(f"{args.order} fits {', '.join(oldest_first(row.reference for row in found))}.")
    order = OrderDetail.model_validate_json(found[0].shown)
    ctx.discloses(int(order.shipping_address is not None or order.email is not None))
    return order
