"""Placing an order: quote it in one statement, then hold the stock and write everything in one more."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Annotated, Any, NamedTuple, Self
from uuid import UUID

from pydantic import Field, model_validator

from db.model import new_id
from db.models.orders import Channel, OrderStatus
from db.money import Money
from db.references import Kind
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Result, tool
from tools.contract.fields import NotOurs
from tools.contract.plain import as_jsonb
from tools.flows.paid_at_once import TAKE, TAKEN, PaidBy, Paying, Taking, ask_for, paying, taken, taking
from tools.orders.detail import DiscountShare
from tools.orders.quote import Quote, QuotedBundle, quote, used_up
from tools.orders.wishes import (
    AddressOfAnother,
    CustomerMayNotOrder,
    NoPriceInCurrency,
    NoShippingAddress,
    NoShippingMethod,
    OrderWish,
    PromotionNotApplicable,
    PromotionUnknown,
    PromotionUsedUp,
    Short,
    VariantNotSellable,
)
from tools.rules.charging import MethodNotUsable
from tools.rules.credit import NotEnoughCredit
from tools.rules.paying import NothingToChargeBy, PaymentStanding, ProviderNotSetUp, as_it_stands
from tools.rules.reservation import ALLOT, RESERVE, RESERVED, Need, reserving, shortage, tell, tell_held
from tools.rules.stock import NotEnoughStock
from tools.rules.told import goods

_ORDER = (
    "merchant_id", "id", "customer_id", "status", "channel", "placed_at", "confirmed_at", "expires_at", "currency",
    "prices_include_tax", "subtotal", "discount", "shipping", "shipping_tax", "tax", "total", "authorized", "paid",
    "promotion_codes", "units", "customer_name", "email", "phone", "shipping_method", "shipping_address", "billing_address",
    "ship_city", "ship_region", "ship_postcode", "ship_country", "note", "source", "external_reference", "version", "created_at",
    "updated_at",
)  # fmt: skip
_LINE = (
    "merchant_id", "id", "order_id", "position", "variant_id", "product_id", "sku", "title", "options", "quantity",
    "unit_price", "unit_cost", "subtotal", "discount", "discounts", "tax_class", "tax_rate", "tax", "total", "bundle_id",
    "per_bundle", "created_at",
)  # fmt: skip
_BUNDLE = (
    "merchant_id", "id", "order_id", "variant_id", "product_id", "sku", "title", "quantity", "unit_price", "created_at",
)  # fmt: skip
_USE = ("merchant_id", "id", "promotion_id", "order_id", "customer_id", "amount", "created_at")

# One statement, all or nothing: locks promotions, then stock, then the counter, each in its order. Without a number in the
# answer nothing was written, and the rest of it says why. What is paid at once is booked with it. It has the parts that the order
# has: beginning and ending what then does nothing was a twentieth of it.
_GRANTED = """
granted as materialized (
    select p.id, p.reference, p.used from promotions p
    where p.merchant_id = %(m)s and p.id = any(%(promotions)s::uuid[]) and p.status = 'active'
      and (p.usage_limit is null or p.used < p.usage_limit)
      and (p.usage_limit_per_customer is null or p.usage_limit_per_customer > (
          select count(*) from promotion_uses u where u.merchant_id = %(m)s and u.promotion_id = p.id
          and u.customer_id = %(customer_id)s and u.released_at is null))
    order by p.id for no key update of p
), """
_ALL_GRANTED = "and (select count(*) from granted) = cardinality(%(promotions)s::uuid[])"
_NUMBERED = f""", number as (
    insert into counters as c (merchant_id, id, name, value, created_at)
    select %(m)s, %(counter)s, '{Kind.order.value}', 1001, %(now)s from ok
    on conflict (merchant_id, name) do update set value = c.value + 1
    returning '{Kind.order.value}-' || value as reference
), placed as (
    insert into orders (reference, {", ".join(_ORDER)})
    select number.reference, {", ".join(f"o.{column}" for column in _ORDER)}
    from number cross join jsonb_populate_record(null::orders, %(order)s) o
)"""
_BUNDLED = f""", bundled as (
    insert into order_bundles ({", ".join(_BUNDLE)})
    select {", ".join(f"b.{column}" for column in _BUNDLE)}
    from ok cross join jsonb_populate_recordset(null::order_bundles, %(bundles)s) b
)"""
_LINED = f""", lined as (
    insert into order_lines ({", ".join(_LINE)})
    select {", ".join(f"l.{column}" for column in _LINE)}
    from ok cross join jsonb_populate_recordset(null::order_lines, %(lines)s) l
)"""
_USED = f""", used as (
    insert into promotion_uses ({", ".join(_USE)})
    select {", ".join(f"u.{column}" for column in _USE)}
    from ok cross join jsonb_populate_recordset(null::promotion_uses, %(uses)s) u
), counted as (
    update promotions p set used = granted.used + 1 from granted cross join ok where p.merchant_id = %(m)s and p.id = granted.id
)"""
_GRANTS = "coalesce((select json_agg(granted) from granted), '[]')"


@cache
def _placing(*, promoted: bool, bundled: bool, paid: bool) -> str:
    """The statement that places an order with promotions, of bundles, paid at once; or without."""
    granted, unless, used, grants = (_GRANTED, _ALL_GRANTED, _USED, _GRANTS) if promoted else ("", "", "", "'[]'::json")
    take, payment = (TAKE, TAKEN) if paid else ("", "null::text")
    return f"""with {granted}{ALLOT.format(unless=unless)}{_NUMBERED}{_BUNDLED if bundled else ""}{_LINED}{used}, {RESERVE}{take}
select {RESERVED}, {grants} as granted, {payment} as payment"""


class CreateOrder(OrderWish):
    draft: bool = Field(
        default=False, description="Write it as a draft: priced, but nothing is held until it is set to pending."
    )
    payment: PaidBy | None = Field(
        default=None,
        description="Have it paid as it is placed, by a saved method or a token; `{}` is a card by hand. Omit it to be paid later.",
    )
    source: Short | None = Field(default=None, description="The system that it came from, such as `amazon`.")
    external_reference: Annotated[Short, NotOurs] | None = Field(
        default=None, description="Its number in that system; it cannot look like one of this shop, such as ORD-1042."
    )

    @model_validator(mode="after")
    def comes_from_somewhere(self) -> Self:
        if (self.source is None) != (self.external_reference is None):
            raise ValueError("Give `source` and `external_reference` together.")
        if self.draft and self.payment:
            raise ValueError("A draft is paid once it is placed: leave `payment` or `draft` out.")
        return self


class HeldUnits(Result):
    """Units of a line in a warehouse."""

    reservation: str = Field(description="The reservation's reference.")
    warehouse: str = Field(description="The reference of the warehouse that holds them.")
    quantity: int = Field(description="Units held there.")
    backordered: int = Field(description="Units promised from the next delivery there.")


class PlacedLine(Result):
    """A line of the order, as it was priced."""

    sku: str = Field(description="The variant's SKU.")
    title: str = Field(description="What it is called.")
    quantity: int = Field(description="Units.")
    unit_price: Money = Field(description="For one, in minor units; with tax where the order's prices include it.")
    discount: Money = Field(description="Taken off the line, in minor units.")
    discounts: list[DiscountShare] = Field(description="By which promotions.")
    tax: Money = Field(description="The line's tax, in minor units.")
    total: Money = Field(description="What the customer pays for it, in minor units.")
    bundle: str | None = Field(description="SKU of the bundle that it is part of.")
    held: list[HeldUnits] = Field(description="Where units are held for it; empty for drafts and untracked variants.")


class PlacedBundle(Result):
    """Bundles on the order; what they consist of are its lines."""

    sku: str = Field(description="The bundle's SKU.")
    title: str = Field(description="What it is called.")
    quantity: int = Field(description="Bundles.")
    unit_price: Money = Field(description="For one, in minor units; its lines share it.")


class GivenPromotion(Result):
    """A promotion that the order has."""

    reference: str = Field(description="The promotion's reference.")
    name: str = Field(description="What it is called.")
    code: str | None = Field(description="Its code; null when it is automatic.")
    amount: Money = Field(description="What it took off, in minor units.")


class PlacedOrder(Result):
    """The order as it was placed."""

    reference: str = Field(description="The order's number.")
    status: OrderStatus = Field(description="Pending, draft, or confirmed once it is paid.")
    customer: str | None = Field(description="The customer's reference; null for a guest.")
    channel: Channel = Field(description="Where it came in.")
    placed_at: datetime = Field(description="When it was placed, UTC.")
    expires_at: datetime | None = Field(description="When it lapses unless it is paid or confirmed, UTC.")
    prices_include_tax: bool = Field(description="Whether prices, discounts and shipping contain tax.")
    lines: list[PlacedLine] = Field(description="What was bought.")
    bundles: list[PlacedBundle] = Field(description="Which of it was bought as bundles.")
    promotions: list[GivenPromotion] = Field(description="What reduced it.")
    shipping_method: str | None = Field(description="Code of the way of sending; null when nothing is sent.")
    subtotal: Money = Field(description="Unit prices by quantities, in minor units.")
    discount: Money = Field(description="Taken off the lines, in minor units.")
    shipping: Money = Field(description="Charged for sending, in minor units.")
    tax: Money = Field(description="All tax in the order, in minor units.")
    total: Money = Field(description="What the customer pays, in minor units.")
    payment: PaymentStanding | None = Field(
        description="What pays it, or why it was not paid: the order stands all the same. Null where nothing was to be paid."
    )
    version: int = Field(description="Grows with each change.")


class _Placed(NamedTuple):
    reference: str | None
    stock: list[dict[str, Any]]
    held: list[dict[str, Any]]
    granted: list[dict[str, Any]]
    payment: str | None


@dataclass(frozen=True)
class _Rows:
    """The rows that the statement writes beside stock and reservations; `paid` are those of a payment that is taken with it."""

    order: dict[str, Any]
    bundles: list[dict[str, Any]]
    lines: list[dict[str, Any]]
    uses: list[dict[str, Any]]
    needs: list[Need]
    paid: Taking | None


class _Now(NamedTuple):
    status: OrderStatus
    expires_at: datetime | None
    version: int


async def _as_it_stands(ctx: Context, placed: PlacedOrder) -> PlacedOrder:
    """The same order once a provider was asked."""
    if placed.payment is None or placed.payment.intent is None:
        return placed
    query = "select status, expires_at, version from orders where merchant_id = %s and reference = %s"
    (now,) = await ctx.sql.rows(query, (ctx.merchant.id, placed.reference), as_=_Now)
    return placed.model_copy(update=now._asdict() | {"payment": await as_it_stands(ctx, placed.payment)})


@tool(
    room="orders",
    route="POST /orders",
    effect=Effect.write,
    permission="orders:write",
    raises=[
        NotEnoughStock, NoPriceInCurrency, VariantNotSellable, CustomerMayNotOrder, NoShippingAddress, AddressOfAnother,
        NoShippingMethod, PromotionUnknown, PromotionNotApplicable, PromotionUsedUp, MethodNotUsable, NotEnoughCredit,
        NothingToChargeBy, ProviderNotSetUp,
    ],
    examples=[
        "Order 2 MUG-BLUE for Ana Torres",
        "New phone order for CUS-301: one TSH-BLK-M and three MUG-BLUE, express shipping",
        "Place an order of 5 CANDLE-FIG for CUS-77 with the code SPRING10",
    ],
    afterwards=_as_it_stands,
)  # fmt: skip
async def create_order(ctx: Context, args: CreateOrder) -> PlacedOrder:
    """Place an order for a customer or a guest, and hold its stock.

    Prices, promotions, tax and shipping are computed here, never taken from the caller. All lines are held, or nothing is;
    variants that allow it are back-ordered. Until it is paid or confirmed the order is pending, and lapses after a while. With
    `payment` it is charged as it is placed; a charge that is declined leaves it pending, and the answer says why.
    """
    quoted = await quote(ctx, args)
    paid = await _paying(ctx, args, quoted)
    rows = _rows(ctx, args, quoted, paid)
    placed = await _place(ctx, quoted, rows)
    reference = placed.reference or ""
    ctx.happened(
        "drafted" if args.draft else "placed", "order", rows.order["id"], order_id=rows.order["id"],
        total=quoted.amounts.total, currency=quoted.currency, channel=quoted.channel,
    )  # fmt: skip
    ctx.tell_if_asked(lambda: _tell(ctx, quoted, rows, placed))
    shown = _shown(quoted, rows, placed, reference)
    if rows.paid:
        return shown.model_copy(update={"payment": taken(ctx, rows.paid, placed.payment or "", reference)})
    if not args.draft:
        ctx.enqueue("expire_order", at=rows.order["expires_at"], order=reference)
    if paid:
        begun, order = await ask_for(ctx, reference, paid)
        return shown.model_copy(
            update={"payment": begun, "status": order.status, "expires_at": order.expires_at, "version": order.version}
        )
    return shown


async def _paying(ctx: Context, args: CreateOrder, quoted: Quote) -> Paying | None:
    """By what it is paid, if it is to be, and costs anything."""
    if args.payment is None or not quoted.amounts.total:
        return None
    return await paying(ctx, args.payment, quoted.buyer.id if quoted.buyer else None, quoted.currency)


async def _place(ctx: Context, quoted: Quote, rows: _Rows) -> _Placed:
    """Hold the stock and write the rows. Raises `NotEnoughStock` or, where somebody was faster, `PromotionUsedUp`."""
    order = rows.order
    params = {
        "m": ctx.merchant.id, "now": ctx.now(), "counter": new_id(), "customer_id": order["customer_id"],
        "promotions": [promotion.id for promotion in quoted.given],
        "order": as_jsonb(order), "bundles": as_jsonb(rows.bundles), "lines": as_jsonb(rows.lines), "uses": as_jsonb(rows.uses),
    } | reserving(rows.needs, list(quoted.found.warehouses), order["id"])  # fmt: skip
    statement = _placing(promoted=bool(quoted.given), bundled=bool(rows.bundles), paid=rows.paid is not None)
    placed = await ctx.sql.row(statement, params | (rows.paid.params if rows.paid else {}), as_=_Placed)
    assert placed is not None
    if placed.reference is None:
        granted = {row["id"] for row in placed.granted}
        gone = [promotion for promotion in quoted.given if str(promotion.id) not in granted]
        raise used_up(gone[0]) if gone else shortage(rows.needs, placed.stock)

    ctx.changes.inserted("orders", [{"reference": placed.reference, **order}])
    ctx.changes.inserted("order_bundles", rows.bundles)
    ctx.changes.inserted("order_lines", rows.lines)
    ctx.changes.inserted("promotion_uses", rows.uses)
    for row in placed.granted:
        named = {"reference": row["reference"], "used": row["used"]}
        ctx.changes.updated("promotions", UUID(row["id"]), named, {"used": row["used"] + 1})
    tell(ctx, placed.stock, placed.held)
    return placed


def _tell(ctx: Context, quoted: Quote, rows: _Rows, placed: _Placed) -> None:
    order, name = rows.order, rows.order["customer_name"]
    bought: dict[str, int] = {}
    for line in [*quoted.bundles, *(line for line in quoted.lines if not line.bundle)]:
        bought[line.variant.sku] = bought.get(line.variant.sku, 0) + line.quantity
    buyer = f"{name} ({quoted.buyer.reference})" if quoted.buyer else name or order["email"] or "a guest"
    total = words.money(order["total"], quoted.currency)
    what = "A draft is written" if order["status"] == OrderStatus.draft else "An order is placed"
    ctx.tell(f"{what} for {buyer}: {goods(bought)}, {total} in all.")
    for bundle in quoted.bundles:
        parts = {part.sku: units for part, units in quoted.found.parts_of(bundle.variant)}
        ctx.tell(f"In each {bundle.variant.sku} {words.are(sum(parts.values()))} {goods(parts)}.")
    for promotion in quoted.given:
        off = words.money(quoted.amounts.given[promotion.id], quoted.currency)
        ctx.tell(f"{promotion.name} ({promotion.reference}) takes {off} off.")
    if quoted.parcel:
        city, cost = order["ship_city"], order["shipping"]
        charged = f"for {words.money(cost, quoted.currency)}" if cost else "free of charge"
        ctx.tell(f"It goes to {city} by {quoted.parcel.method.name}, {charged}.")
    names = {id_: place.name for id_, place in quoted.found.warehouses.items()}
    tell_held(ctx, placed.held, rows.needs, names)
    if order["expires_at"]:
        ctx.tell(f"It lapses on {words.moment(order['expires_at'], ctx.merchant.zone)} unless it is paid or confirmed.")


def _rows(ctx: Context, args: CreateOrder, quoted: Quote, paid: Paying | None) -> _Rows:
    own = {"merchant_id": ctx.merchant.id, "created_at": ctx.now()}
    order: dict[str, Any] = own | _order_row(ctx, args, quoted)
    if paid and paid.at_once:
        order |= {
            "status": OrderStatus.confirmed, "confirmed_at": ctx.now(), "expires_at": None, "authorized": order["total"],
            "paid": order["total"] if paid.capture else 0,
        }  # fmt: skip
    bundles = {bundle: own | _bundle_row(bundle, order["id"]) for bundle in quoted.bundles}
    lines: list[dict[str, Any]] = [own | row for row in _line_rows(quoted, order["id"], bundles)]
    uses: list[dict[str, Any]] = [
        own | {"id": new_id(), "promotion_id": promotion.id, "order_id": order["id"], "customer_id": order["customer_id"],
               "amount": quoted.amounts.given[promotion.id]}
        for promotion in quoted.given
    ]  # fmt: skip
    needs = [
        Need(row["id"], line.variant.id, line.variant.sku, row["position"], line.quantity, line.variant.allow_backorder)
        for line, row in zip(quoted.lines, lines, strict=True)
        if line.variant.tracked
    ]
    at_once = taking(ctx, order, paid) if paid and paid.at_once else None
    return _Rows(order, list(bundles.values()), lines, uses, [] if args.draft else needs, at_once)


def _order_row(ctx: Context, args: CreateOrder, quoted: Quote) -> dict[str, Any]:
    amounts, buyer, shipped = quoted.amounts, quoted.buyer, quoted.shipping_address
    expires = None if args.draft else ctx.now() + timedelta(hours=quoted.hours_to_pay)
    return {
        "id": new_id(),
        "customer_id": buyer.id if buyer else None,
        "status": OrderStatus.draft if args.draft else OrderStatus.pending,
        "channel": quoted.channel,
        "placed_at": ctx.now(),
        "confirmed_at": None,
        "expires_at": expires,
        "authorized": 0,
        "paid": 0,
        "currency": quoted.currency,
        "prices_include_tax": ctx.merchant.prices_include_tax,
        "subtotal": amounts.subtotal,
        "discount": amounts.discount,
        "shipping": amounts.shipping,
        "shipping_tax": amounts.shipping_tax,
        "tax": amounts.tax,
        "total": amounts.total,
        "promotion_codes": [promotion.code for promotion in quoted.given if promotion.code],
        "units": sum(line.quantity for line in quoted.lines),
        "customer_name": buyer.name if buyer else args.name or shipped.get("name"),
        "email": args.email or (buyer.email if buyer else None),
        "phone": buyer.phone if buyer else shipped.get("phone"),
        "shipping_method": quoted.parcel.method.code if quoted.parcel else None,
        "shipping_address": shipped,
        "billing_address": quoted.billing_address,
        "ship_city": shipped.get("city"),
        "ship_region": shipped.get("region"),
        "ship_postcode": shipped.get("postcode"),
        "ship_country": shipped.get("country"),
        "note": args.note,
        "source": args.source,
        "external_reference": args.external_reference,
        "version": 1,
        "updated_at": ctx.now(),
    }


def _bundle_row(bundle: QuotedBundle, order: UUID) -> dict[str, Any]:
    variant = bundle.variant
    return {
        "id": new_id(), "order_id": order, "variant_id": variant.id, "product_id": variant.product_id, "sku": variant.sku,
        "title": variant.name, "quantity": bundle.quantity, "unit_price": bundle.unit_price,
    }  # fmt: skip


def _line_rows(quoted: Quote, order: UUID, bundles: Mapping[QuotedBundle, dict[str, Any]]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for at, (line, amounts) in enumerate(zip(quoted.lines, quoted.amounts.lines, strict=True)):
        subtotal, discount, tax, total = amounts
        variant = line.variant
        rows.append({
            "id": new_id(), "order_id": order, "position": at + 1, "variant_id": variant.id, "product_id": variant.product_id,
            "sku": variant.sku, "title": variant.name, "options": variant.options, "quantity": line.quantity,
            "unit_price": line.unit_price, "unit_cost": variant.cost if variant.cost_currency == quoted.currency else None,
            "subtotal": subtotal, "discount": discount, "discounts": quoted.amounts.discounts(quoted.given, at),
            "tax_class": variant.tax_class, "tax_rate": line.tax_rate, "tax": tax, "total": total,
            "bundle_id": bundles[line.bundle]["id"] if line.bundle else None, "per_bundle": line.per_bundle,
        })  # fmt: skip
    return rows


def _shown(quoted: Quote, rows: _Rows, placed: _Placed, reference: str) -> PlacedOrder:
    def money(amount: int) -> Money:
        return Money(amount=amount, currency=quoted.currency)

    order, amounts = rows.order, quoted.amounts
    return PlacedOrder(
        reference=reference,
        status=order["status"],
        customer=quoted.buyer.reference if quoted.buyer else None,
        channel=quoted.channel,
        placed_at=order["placed_at"],
        expires_at=order["expires_at"],
        prices_include_tax=order["prices_include_tax"],
        lines=[
            PlacedLine(
                sku=row["sku"], title=row["title"], quantity=row["quantity"], unit_price=money(row["unit_price"]),
                discount=money(row["discount"]), tax=money(row["tax"]), total=money(row["total"]),
                discounts=[
                    DiscountShare(promotion=share["promotion"], amount=money(share["amount"]))
                    for share in row["discounts"]
                ],
                held=[_held(quoted, held) for held in placed.held if held["order_line_id"] == str(row["id"])],
                bundle=line.bundle.variant.sku if line.bundle else None,
            )
            for line, row in zip(quoted.lines, rows.lines, strict=True)
        ],
        bundles=[
            PlacedBundle(
                sku=row["sku"], title=row["title"], quantity=row["quantity"], unit_price=money(row["unit_price"])
            )
            for row in rows.bundles
        ],
        promotions=[
            GivenPromotion(
                reference=promotion.reference, name=promotion.name, code=promotion.code,
                amount=money(amounts.given[promotion.id]),
            )
            for promotion in quoted.given
        ],
        shipping_method=order["shipping_method"],
        subtotal=money(amounts.subtotal),
        discount=money(amounts.discount),
        shipping=money(amounts.shipping),
        tax=money(amounts.tax),
        total=money(amounts.total),
        payment=None,
        version=order["version"],
    )  # fmt: skip


def _held(quoted: Quote, row: dict[str, Any]) -> HeldUnits:
    warehouse = quoted.found.warehouses[UUID(row["warehouse_id"])].reference
    return HeldUnits(
        reservation=row["reference"], warehouse=warehouse, quantity=row["quantity"], backordered=row["backordered"]
    )
