"""Changing what is on an order before it is fulfilled: lines, prices, promotions, stock and money at once, or nothing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import aliased

from db.models.customers import Customer
from db.models.inventory import Reservation, ReservationStatus
from db.models.orders import Order, OrderBundle, OrderChange, OrderLine, OrderStatus
from db.models.payments import SavedMethod
from db.models.products import Promotion, PromotionUse, Variant
from db.money import Money
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Result, tool
from tools.contract.fields import OrderRef, SavedMethodRef
from tools.orders.edits import (
    Basket,
    EditedBundle,
    EditedLine,
    LineEdits,
    NothingToChange,
    NotOnOrder,
    OrderWouldBeEmpty,
    Sold,
    SwapForItself,
    SwapOfAnotherProduct,
    edited,
    sold_of,
)
from tools.orders.quote import Found, read, used_up
from tools.orders.repricing import Repriced, repriced
from tools.orders.wishes import NoPriceInCurrency, NoShippingMethod, PromotionUsedUp, VariantNotSellable
from tools.rules.charging import Means, MethodNotUsable, charge, method_for, refund_onto
from tools.rules.credit import NotEnoughCredit
from tools.rules.links import keep_link_true
from tools.rules.paying import PaymentStanding, ProviderNotSetUp, as_it_stands
from tools.rules.refunds import ChargeUnderWay, MoneyBack, refund, refuse_while_charged, tell_what_stays, tenders
from tools.rules.reservation import Need, release, reserve, shipping_from
from tools.rules.shipments import void_prepared
from tools.rules.standing import (
    OrderAlreadyShipped,
    OrderClosed,
    OrderLinesLocked,
    refuse_closed,
    refuse_locked,
    refuse_shipped,
)
from tools.rules.stock import NotEnoughStock, locked
from tools.rules.told import named_order, tell_units


class ChangeOrderLines(LineEdits):
    order: OrderRef = Field(description="The order, such as `ORD-1042`.")
    settle_by: SavedMethodRef | None = Field(
        default=None,
        description="The customer's saved method, such as `PM-12`: what is due on top is charged to it, or what was paid too much "
        "goes onto it. Omit to leave that open, and to give back the way it was paid.",
    )
    version: int | None = Field(default=None, description="The version that was read; a later one is refused.")


class LineNow(Result):
    """A line of the order as it is now; one that was taken out stays with no units."""

    sku: str = Field(description="The variant's SKU.")
    title: str = Field(description="What it is called.")
    before: int = Field(description="Units until now; 0 for a new line.")
    quantity: int = Field(description="Units now.")
    unit_price: Money = Field(description="For one, in minor units; with tax where the order's prices include it.")
    discount: Money = Field(description="Taken off the line, in minor units.")
    tax: Money = Field(description="The line's tax, in minor units.")
    total: Money = Field(description="What the customer pays for it, in minor units.")
    bundle: str | None = Field(description="SKU of the bundle that it is part of.")


class BundleNow(Result):
    """Bundles of the order as they are now; what they consist of are its lines."""

    sku: str = Field(description="The bundle's SKU.")
    before: int = Field(description="Bundles until now; 0 for new ones.")
    quantity: int = Field(description="Bundles now.")
    unit_price: Money = Field(description="For one, in minor units; its lines share it.")


class OrderChanged(Result):
    """The order as it is now, and what that means in money."""

    reference: str = Field(description="The order's number.")
    status: OrderStatus = Field(description="Where the order itself stands.")
    lines: list[LineNow] = Field(description="Every line that the order ever had.")
    bundles: list[BundleNow] = Field(description="Which of it is bundles.")
    promotions: list[str] = Field(description="References of the promotions that it has now.")
    subtotal: Money = Field(description="Unit prices by quantities, in minor units.")
    discount: Money = Field(description="Taken off the lines, in minor units.")
    shipping: Money = Field(description="Charged for sending, in minor units.")
    tax: Money = Field(description="All tax in the order, in minor units.")
    before: Money = Field(description="What the customer had to pay until now, in minor units.")
    total: Money = Field(description="What the customer has to pay now, in minor units.")
    due: Money = Field(description="What is neither paid nor authorized yet, in minor units.")
    charged: PaymentStanding | None = Field(description="What is charged to the method that settles the difference.")
    refunds: list[MoneyBack] = Field(description="What was paid too much, and goes back.")
    voided_shipments: list[str] = Field(description="Prepared shipments that do not leave; they are prepared anew.")
    version: int = Field(description="Grows with each change.")


async def _as_it_stands(ctx: Context, changed: OrderChanged) -> OrderChanged:
    charged = await as_it_stands(ctx, changed.charged) if changed.charged else None
    return changed.model_copy(update={"charged": charged})


@tool(
    room="orders",
    route="PATCH /orders/{order}/lines",
    effect=Effect.money,
    permission="orders:write",
    raises=[
        OrderClosed, OrderAlreadyShipped, OrderLinesLocked, NotOnOrder, NothingToChange, OrderWouldBeEmpty, SwapForItself,
        SwapOfAnotherProduct, ChargeUnderWay, VariantNotSellable, NoPriceInCurrency, NoShippingMethod, PromotionUsedUp,
        NotEnoughStock, MethodNotUsable, NotEnoughCredit, ProviderNotSetUp,
    ],
    examples=[
        "Make it 3 MUG-BLUE on order 1042",
        "Add one CANDLE-FIG to ORD-1017 and take the BOWL out",
        "Swap TSH-BLK-M for TSH-BLK-L on order 1042",
    ],
    afterwards=_as_it_stands,
)  # fmt: skip
async def change_order_lines(ctx: Context, args: ChangeOrderLines) -> OrderChanged:
    """Change what is on an order before anything of it has left.

    Units that are on it keep their price, what comes on top costs what it costs today; promotions, tax and shipping are
    computed anew. Stock is held or let go, what was paid too much goes back, and what is due is said. A bundle is changed as
    one, by its own SKU. Where it goes: change_order_address.
    """
    order = await ctx.find(Order, args.order, for_update=True)
    refuse_closed(order, "what is on it")
    refuse_shipped(order)
    await refuse_locked(ctx, order)
    method = await method_for(ctx, order, args.settle_by) if args.settle_by else None
    lines, total = await _lines(ctx, order, args), order.total
    uses = await _uses(ctx, order)
    held = {use.promotion_id for use in uses if use.released_at is None}
    priced = await repriced(ctx, order, lines.edited, lines.found, held)

    ctx.edit(order, args.version)
    await _grant(ctx, order, priced, uses)
    rows = _write(ctx, order, lines.edited, priced)
    _record(ctx, order, lines.edited, total, method)
    _tell(ctx, order, lines.edited, priced, held, total)
    await ctx.db.flush()  # the new lines have to be there before stock is held for them
    await _arrange(ctx, rows)
    if order.status is not OrderStatus.draft:
        await _move_stock(ctx, order, lines.edited, rows)
    voided = await void_prepared(ctx, order)
    settled = await _settle(ctx, order, method)
    return _shown(order, lines.edited, rows, priced, total, settled, voided)


@dataclass(frozen=True)
class _Lines:
    edited: list[EditedLine]
    found: Found


async def _lines(ctx: Context, order: Order, args: ChangeOrderLines) -> _Lines:
    """The lines as they are to be, with all that their prices depend on."""
    single, whole = aliased(Variant), aliased(Variant)
    query = (
        select(OrderLine, single.reference, OrderBundle, whole.reference)
        .outerjoin(single, (single.merchant_id == ctx.merchant.id) & (single.id == OrderLine.variant_id))
        .outerjoin(OrderBundle, (OrderBundle.merchant_id == ctx.merchant.id) & (OrderBundle.id == OrderLine.bundle_id))
        .outerjoin(whole, (whole.merchant_id == ctx.merchant.id) & (whole.id == OrderBundle.variant_id))
        .where(OrderLine.merchant_id == ctx.merchant.id, OrderLine.order_id == order.id)
        .order_by(OrderLine.position)
    )
    rows = [(line, variant, sold, named) for line, variant, sold, named in (await ctx.db.execute(query)).all()]
    customer = await ctx.db.get(Customer, (ctx.merchant.id, order.customer_id)) if order.customer_id else None
    names = [*args.skus, *(name for _, variant, _, bundle in rows for name in (variant, bundle) if name)]
    country = order.ship_country or ctx.merchant.country
    found = await read(ctx, order.currency, names, customer.reference if customer else None, countries=[country])
    here = _as_they_are([(line, bundle) for line, _, bundle, _ in rows], found)
    basket = Basket(order.reference, here)
    return _Lines(await edited(ctx, basket, args, found, (country, order.ship_region), order.currency), found)


def _as_they_are(rows: Sequence[tuple[OrderLine, OrderBundle | None]], found: Found) -> list[EditedLine]:
    variants = {variant.id: variant for variant in found.variants}
    bundles: dict[UUID, EditedBundle] = {}
    lines: list[EditedLine] = []
    for row, whole in rows:
        units, variant = row.quantity - row.cancelled, variants.get(row.variant_id) if row.variant_id else None
        line = EditedLine(row, variant, row.sku, row.unit_price, row.tax_rate, units, units)
        if whole:
            sold = variants.get(whole.variant_id)
            fresh = EditedBundle(whole, sold, whole.sku, whole.unit_price, whole.quantity, whole.quantity)
            line.bundle, line.per_bundle = bundles.setdefault(whole.id, fresh), row.per_bundle
            line.bundle.lines.append(line)
        lines.append(line)
    return lines


async def _uses(ctx: Context, order: Order) -> list[PromotionUse]:
    query = select(PromotionUse).where(PromotionUse.merchant_id == ctx.merchant.id, PromotionUse.order_id == order.id)
    return list((await ctx.db.scalars(query.order_by(PromotionUse.id))).all())


async def _grant(ctx: Context, order: Order, priced: Repriced, uses: Sequence[PromotionUse]) -> None:
    """Write what each promotion gives now; those that come or go are counted, locked in the one order for everybody."""
    gives, known = priced.amounts.given, {use.promotion_id: use for use in uses}
    before = {id_ for id_, use in known.items() if use.released_at is None}
    query = select(Promotion).where(Promotion.merchant_id == ctx.merchant.id, Promotion.id.in_(before ^ gives.keys()))
    counted = (await ctx.db.scalars(query.order_by(Promotion.id).with_for_update(key_share=True))).all()
    terms = {promotion.id: promotion for promotion in priced.promotions}
    for promotion in counted:
        comes = promotion.id in gives
        if comes and promotion.usage_limit is not None and promotion.used >= promotion.usage_limit:
            raise used_up(terms[promotion.id])
        promotion.used += 1 if comes else -1
        if not comes:
            known[promotion.id].released_at = ctx.now()
    for id_, amount in gives.items():
        if id_ in known:
            known[id_].amount, known[id_].released_at = amount, None
        else:
            ctx.new(PromotionUse, promotion_id=id_, order_id=order.id, customer_id=order.customer_id, amount=amount)


def _write(ctx: Context, order: Order, lines: Sequence[EditedLine], priced: Repriced) -> list[OrderLine]:
    """The lines' rows and the order's amounts; returns the rows, in the order of the lines."""
    amounts, costs = priced.amounts, iter(enumerate(priced.amounts.lines))
    last = max((line.row.position for line in lines if line.row), default=0)
    bundles = {line.bundle: _write_bundle(ctx, order, line.bundle) for line in lines if line.bundle}
    rows: list[OrderLine] = []
    for line in lines:
        last += line.row is None
        row = line.row or _new_line(ctx, order, line, last, bundles[line.bundle] if line.bundle else None)
        row.quantity += max(0, line.units - line.before)
        row.cancelled += max(0, line.before - line.units)
        row.discounts = []
        if line.units:
            at, (row.subtotal, row.discount, row.tax, row.total) = next(costs)
            row.discounts = amounts.discounts(priced.given, at)
        else:
            row.subtotal = row.discount = row.tax = row.total = 0
        rows.append(row)
    order.subtotal, order.discount, order.tax, order.total = (
        amounts.subtotal, amounts.discount, amounts.tax, amounts.total + order.adjustments
    )  # fmt: skip
    order.shipping, order.shipping_tax = amounts.shipping, amounts.shipping_tax
    order.units = sum(line.units for line in lines)
    order.promotion_codes = [promotion.code for promotion in priced.given if promotion.code]
    return rows


def _write_bundle(ctx: Context, order: Order, bundle: EditedBundle) -> OrderBundle:
    variant = bundle.variant
    if bundle.row is None:
        assert variant is not None
        bundle.row = ctx.new(
            OrderBundle, order_id=order.id, variant_id=variant.id, product_id=variant.product_id, sku=variant.sku,
            title=variant.name, quantity=bundle.units, unit_price=bundle.unit_price,
        )  # fmt: skip
    bundle.row.quantity = bundle.units
    return bundle.row


def _new_line(ctx: Context, order: Order, line: EditedLine, position: int, bundle: OrderBundle | None) -> OrderLine:
    variant = line.variant
    assert variant is not None
    return ctx.new(
        OrderLine, order_id=order.id, position=position, variant_id=variant.id, product_id=variant.product_id,
        sku=variant.sku, title=variant.name, options=variant.options, quantity=0, cancelled=0, fulfilled=0, returned=0,
        unit_price=line.unit_price, tax_class=variant.tax_class, tax_rate=line.tax_rate,
        unit_cost=variant.cost if variant.cost_currency == order.currency else None,
        bundle_id=bundle and bundle.id, per_bundle=line.per_bundle,
    )  # fmt: skip


async def _arrange(ctx: Context, rows: Sequence[OrderLine]) -> None:
    """New lines stand where those stood that they replace; in two steps, for a place is taken until its line has left it."""
    moved = [(row, place) for place, row in enumerate(rows, start=1) if row.position != place]
    for sign in (-1, 1) if moved else ():
        for row, place in moved:
            row.position = sign * place
        await ctx.db.flush()


def _record(ctx: Context, order: Order, lines: Sequence[EditedLine], total: int, method: SavedMethod | None) -> None:
    changed = [
        {"sku": sold.sku, "before": sold.before, "after": sold.units}
        for sold in sold_of(lines)
        if sold.units != sold.before
    ]
    ctx.new(
        OrderChange, order_id=order.id, version=order.version, lines=changed, total_before=total,
        total_after=order.total, saved_method_id=method and method.id, actor=ctx.actor.reference,
    )  # fmt: skip
    ctx.event(
        "lines_changed",
        order,
        order_id=order.id,
        lines=changed,
        before=total,
        after=order.total,
        currency=order.currency,
    )


class _Count(NamedTuple):
    reservations: int


async def _move_stock(ctx: Context, order: Order, lines: Sequence[EditedLine], rows: Sequence[OrderLine]) -> None:
    """Let go of what is not wanted any more and hold what is, all or nothing. Reservations first, then every level that either
    touches, in the one order for everybody.
    """
    query = select(Reservation).where(
        Reservation.merchant_id == ctx.merchant.id,
        Reservation.order_id == order.id,
        Reservation.status == ReservationStatus.active,
    )
    locking = query.order_by(Reservation.id).with_for_update(key_share=True)
    active = (await ctx.db.scalars(locking)).all()
    gone: list[Reservation] = []
    needs: list[Need] = []
    for line, row in zip(lines, rows, strict=True):
        if line.variant is None or not line.variant.tracked or line.units == line.before:
            continue
        wanted, promised = line.units - line.before, line.variant.allow_backorder
        if wanted < 0:
            freed = _freed([held for held in active if held.order_line_id == row.id], -wanted)
            gone += freed
            wanted, promised = wanted + sum(held.quantity + held.backordered for held in freed), True
        if wanted > 0:
            needs.append(Need(row.id, line.variant.id, line.sku, row.position, wanted, promised))

    warehouses = await shipping_from(ctx)
    places = {(held.variant_id, held.warehouse_id) for held in gone}
    places |= {(need.variant, warehouse) for need in needs for warehouse in warehouses}
    await locked(ctx, places)
    await release(ctx, gone)
    named = await ctx.sql.row(
        "select count(*)::int as reservations from reservations where merchant_id = %s and order_id = %s",
        (ctx.merchant.id, order.id),
        as_=_Count,
    )
    held = await reserve(ctx, order.reference, order.id, needs, list(warehouses), named.reservations if named else 0)
    _tell_stock(ctx, gone, held, {line.variant.id: line.sku for line in lines if line.variant}, warehouses)


def _freed(held: Sequence[Reservation], units: int) -> list[Reservation]:
    """Whole reservations that cover so many units: those that wait for a delivery first, then the latest."""
    freed: list[Reservation] = []
    for reservation in sorted(held, key=lambda one: (one.backordered > 0, one.id), reverse=True):
        if units > 0:
            freed.append(reservation)
            units -= reservation.quantity + reservation.backordered
    return freed


def _tell_stock(
    ctx: Context,
    gone: Sequence[Reservation],
    held: Sequence[dict[str, object]],
    skus: dict[UUID, str],
    warehouses: dict[UUID, str],
) -> None:
    """What it comes to, place by place: units that were let go and are held again are nobody's business."""
    units, promised = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for one in gone:
        at = warehouses.get(one.warehouse_id, "another warehouse"), skus[one.variant_id]
        units[at] -= one.quantity
        promised[at] -= one.backordered
    for row in held:
        at = warehouses[UUID(str(row["warehouse_id"]))], skus[UUID(str(row["variant_id"]))]
        units[at] += int(str(row["quantity"]))
        promised[at] += int(str(row["backordered"]))
    tell_units(ctx, +units, "is held", "are held")
    tell_units(ctx, +promised, "waits for the next delivery", "wait for the next delivery")
    tell_units(ctx, -units, "goes back on sale", "go back on sale")
    tell_units(ctx, -promised, "on back order is let go", "on back order are let go")


class _Settled(NamedTuple):
    """What is neither paid, nor authorized, nor being charged; what is charged; and what goes back."""

    due: int
    charged: PaymentStanding | None
    refunds: list[MoneyBack]


async def _settle(ctx: Context, order: Order, method: SavedMethod | None) -> _Settled:
    """What was paid beyond the new total goes back, what is due is charged where a method was named for it."""
    held = await tenders(ctx, order)
    refuse_while_charged(order, held)
    open_ = order.total - sum(tender.kept for tender in held)
    over, due = max(0, -open_), max(0, open_ - sum(tender.promised for tender in held))
    refunds = await (refund_onto(ctx, order, held, method, over) if method else refund(ctx, held, over))
    charged: PaymentStanding | None = None
    if method and due and order.status is not OrderStatus.draft:
        charged, due = await charge(ctx, order, Means(method), due, capture=True), 0
    await keep_link_true(ctx, order, due)
    if over:
        tell_what_stays(ctx, held)
    if due and order.status is not OrderStatus.draft:
        ctx.tell(f"{words.money(due, order.currency)} of it are still to be paid.")
    return _Settled(due, charged, refunds)


def _tell(
    ctx: Context, order: Order, lines: Sequence[EditedLine], priced: Repriced, held: set[UUID], total: int
) -> None:
    ctx.tell(f"{named_order(order)} changes: {words.listed(_changes(sold_of(lines)))}.")
    now = words.money(order.total, order.currency)
    costs = (
        f"It costs {now} as before"
        if order.total == total
        else (f"It costs {now} instead of {words.money(total, order.currency)}")
    )
    ctx.tell(f"{costs}, {words.money(order.shipping, order.currency)} of it for sending.")
    for promotion in priced.given:
        if promotion.id not in held:
            off = words.money(priced.amounts.given[promotion.id], order.currency)
            ctx.tell(f"{promotion.name} ({promotion.reference}) takes {off} off.")
    kept = {promotion.id for promotion in priced.given}
    if lost := len(held - kept):
        ctx.tell(f"{words.count(lost, 'promotion does', 'promotions do')} not count any more.")


def _changes(sold: Sequence[Sold]) -> list[str]:
    """`2 MUG-BLUE become 3`, `1 BOWL is taken out`, `1 MUG-RED is added`."""
    told: list[str] = []
    for line in sold:
        was, now = f"{line.before:,} {line.sku}", f"{line.units:,}"
        if line.before and line.units and line.before != line.units:
            told.append(f"{was} {'becomes' if line.before == 1 else 'become'} {now}")
        elif line.before and not line.units:
            told.append(f"{was} {words.are(line.before)} taken out")
        elif line.units and not line.before:
            told.append(f"{now} {line.sku} {words.are(line.units)} added")
    return told


def _shown(
    order: Order,
    lines: Sequence[EditedLine],
    rows: Sequence[OrderLine],
    priced: Repriced,
    before: int,
    settled: _Settled,
    voided: list[str],
) -> OrderChanged:
    def money(amount: int) -> Money:
        return Money(amount=amount, currency=order.currency)

    return OrderChanged(
        reference=order.reference,
        status=order.status,
        lines=[
            LineNow(
                sku=row.sku, title=row.title, before=line.before, quantity=line.units, unit_price=money(row.unit_price),
                discount=money(row.discount), tax=money(row.tax), total=money(row.total),
                bundle=line.bundle.sku if line.bundle else None,
            )
            for line, row in zip(lines, rows, strict=True)
        ],
        bundles=[
            BundleNow(sku=one.sku, before=one.before, quantity=one.units, unit_price=money(one.unit_price))
            for one in sold_of(lines)
            if isinstance(one, EditedBundle)
        ],
        promotions=[promotion.reference for promotion in priced.given],
        subtotal=money(order.subtotal),
        discount=money(order.discount),
        shipping=money(order.shipping),
        tax=money(order.tax),
        before=money(before),
        total=money(order.total),
        due=money(settled.due),
        charged=settled.charged,
        refunds=settled.refunds,
        voided_shipments=voided,
        version=order.version,
    )  # fmt: skip
