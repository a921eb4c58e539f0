"""Units held back for a checkout or a person, until they are bought, let go, or the time is over."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, Self
from uuid import UUID

from pydantic import Field, model_validator

from db.models.inventory import Reservation, ReservationReason, ReservationStatus
from db.models.orders import Order
from db.models.products import Variant
from db.models.warehouse import Warehouse
from tools.contract import words
from tools.contract.apart import COUNT_BY, columns
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict, Invalid
from tools.contract.fields import (
    Days,
    Instant,
    OrderRef,
    PeriodEnd,
    PeriodStart,
    ProductWords,
    Quantity,
    ReservationRef,
    Search,
    Synonyms,
    Text,
    UntrustedText,
    VariantRef,
    WarehouseRef,
)
from tools.contract.page import Page, Paged
from tools.contract.sorting import NEWEST, OLDEST, Asked, By, sorted_page, within
from tools.inventory.places import NotTracked, open_warehouses, refuse_untracked
from tools.rules.lookup import find_variant, find_warehouse, products_like
from tools.rules.places import WarehouseClosed, refuse_closed
from tools.rules.reservation import release
from tools.rules.stock import Level, NotEnoughStock, Posting, locked, post
from tools.rules.whose import of_orders

HELD_FOR = timedelta(days=1)  # unless the caller says how long
LONGEST = 365


class ExpiryPassed(Invalid):
    """A reservation would end before it begins."""

    hint = "Give an instant that is still to come, or a number of days."


class HeldForOrder(Conflict):
    """The units are an order's; they are let go when the order is cancelled."""


class HeldFor(StrEnum):
    """Why units are held without an order."""

    checkout = "checkout"
    customer_request = "customer_request"
    quality = "quality"
    other = "other"


PURPOSE_WORDS = Synonyms(
    {
        "checkout": ("cart", "basket"),
        "customer_request": ("customer", "for a customer", "phone", "comes by", "picks up"),
        "quality": ("inspection", "check", "quarantine"),
    }
)
STATUS_WORDS = Synonyms(
    {
        "active": ("open", "held", "current"),
        "consumed": ("shipped", "used"),
        "released": ("let go", "freed"),
        "expired": ("run out",),
    }
)


class ReserveStock(Input):
    sku: VariantRef = Field(description="The variant, by SKU such as `MUG-BLUE`.")
    quantity: Quantity = Field(gt=0, le=1_000_000, description="Units to hold.")
    warehouse: WarehouseRef | None = Field(
        default=None, description="Where; omit for the first warehouse, in the shop's order, that has them all."
    )
    days: Days | None = Field(
        default=None, ge=1, le=LONGEST, description="For how many days; omit both ends for one day."
    )
    expires_at: Instant | None = Field(default=None, description="Until when, UTC; instead of `days`.")
    reason: Annotated[HeldFor, PURPOSE_WORDS] = Field(default=HeldFor.other, description="What they are held for.")
    note: Text | None = Field(default=None, description="What a colleague should know; no names or addresses.")

    @model_validator(mode="after")
    def ends_once(self) -> Self:
        if self.days is not None and self.expires_at is not None:
            raise ValueError("Give `days` or `expires_at`, not both.")
        return self


class ReleaseReservation(Input):
    reservation: ReservationRef = Field(description="The reservation, such as `RES-1017`.")


class ReservationDetail(Result):
    """Units held back."""

    reference: str = Field(description="The reservation's reference.")
    status: ReservationStatus = Field(description="Active while it holds units.")
    reason: ReservationReason = Field(description="What they are held for.")
    sku: str = Field(description="The variant's SKU.")
    warehouse: str = Field(description="The warehouse's reference.")
    quantity: int = Field(description="Units held.")
    backordered: int = Field(description="Units promised beyond the stock.")
    order: str | None = Field(description="The order that they are held for.")
    note: UntrustedText | None = Field(description="What was noted.")
    created_at: datetime = Field(description="Since when, UTC.")
    expires_at: datetime | None = Field(description="Until when, UTC; null: until the order is shipped or cancelled.")
    closed_at: datetime | None = Field(description="When it ended, UTC.")


@tool(
    route="POST /inventory/reservations",
    effect=Effect.write,
    permission="inventory:write",
    raises=[NotEnoughStock, ExpiryPassed, NotTracked, WarehouseClosed],
    examples=["Reserve 5 MUG-BLUE for 3 days", "Hold two TSH-BLK-M in Lyon until Friday for a customer"],
)
async def reserve_stock(ctx: Context, args: ReserveStock) -> ReservationDetail:
    """Hold units back from sale for a while, never more than are available.

    They are let go by themselves when the time is over. An order holds its own units: create_order.
    """
    ends = _ends(ctx, args)
    variant = await find_variant(ctx, args.sku)
    refuse_untracked(variant)
    warehouse, level = await _first_that_has(ctx, variant, args)

    await post(ctx, [Posting(level, reserved=args.quantity)])
    held = await ctx.add(
        Reservation, status=ReservationStatus.active, reason=ReservationReason(args.reason), variant_id=variant.id,
        warehouse_id=warehouse.id, quantity=args.quantity, backordered=0, note=args.note, expires_at=ends,
    )  # fmt: skip
    ctx.enqueue("release_expired_reservation", at=ends, reservation=held.reference)
    purpose = "" if args.reason is HeldFor.other else f" ({words.word(args.reason)})"
    held_back = f"{args.quantity:,} {variant.sku} {words.are(args.quantity)} held back in {warehouse.name}"
    ctx.tell(f"{held_back} until {words.moment(ends, ctx.merchant.zone)}{purpose}.")
    return _detail(held, variant.sku, warehouse.reference)


def _ends(ctx: Context, args: ReserveStock) -> datetime:
    if args.expires_at is None:
        return ctx.now() + (timedelta(days=args.days) if args.days else HELD_FOR)
    if not ctx.now() < args.expires_at <= ctx.now() + timedelta(days=LONGEST):
        raise ExpiryPassed(
            f"It would end at {args.expires_at:%Y-%m-%d %H:%M %Z}; now is {ctx.now():%Y-%m-%d %H:%M} UTC, "
            f"and {LONGEST} days is the longest."
        )
    return args.expires_at


async def _first_that_has(ctx: Context, variant: Variant, args: ReserveStock) -> tuple[Warehouse, Level]:
    """The first warehouse with enough to sell, and its level, locked. Raises `NotEnoughStock` with what each has."""
    warehouses = [await find_warehouse(ctx, args.warehouse)] if args.warehouse else await open_warehouses(ctx)
    if args.warehouse:
        refuse_closed(warehouses[0])
    levels = await locked(ctx, [(variant.id, warehouse.id) for warehouse in warehouses])
    stocked = [
        (warehouse, levels[variant.id, warehouse.id])
        for warehouse in warehouses
        if (variant.id, warehouse.id) in levels
    ]
    for warehouse, level in stocked:
        if level.available >= args.quantity:
            return warehouse, level
    there = ", ".join(f"{level.available} in {warehouse.name} ({warehouse.reference})" for warehouse, level in stocked)
    raise NotEnoughStock(f"{args.quantity} {variant.sku} were asked; available are {there or 'none'}.")


@tool(
    route="DELETE /inventory/reservations/{reservation}",
    effect=Effect.write,
    permission="inventory:write",
    raises=[HeldForOrder],
    examples=["Release reservation RES-1017", "She does not want the mugs any more, free RES-1020"],
)
async def release_reservation(ctx: Context, args: ReleaseReservation) -> ReservationDetail:
    """Let the units of a reservation go back on sale.

    What an order holds is let go by cancel_order.
    """
    held = await ctx.find(Reservation, args.reservation, for_update=True)
    if held.order_id is not None:
        raise await _held_for_order(ctx, held)
    over = held.expires_at is not None and held.expires_at <= ctx.now()
    await release(ctx, [held], ReservationStatus.expired if over else ReservationStatus.released)
    variant, warehouse = await _its_place(ctx, held)
    goes = "goes" if held.quantity == 1 else "go"
    ctx.tell(f"{held.quantity:,} {variant.sku} {goes} back on sale in {warehouse.name}: {held.reference} ends.")
    return _detail(held, variant.sku, warehouse.reference)


async def _held_for_order(ctx: Context, held: Reservation) -> HeldForOrder:
    order = await ctx.db.get_one(Order, (ctx.merchant.id, held.order_id))
    return HeldForOrder(
        f"{held.reference} holds {held.quantity} units for order {order.reference}.",
        hint=f"Cancel {order.reference} with cancel_order: that releases its units.",
        order=order.reference,
    )


async def _its_place(ctx: Context, held: Reservation) -> tuple[Variant, Warehouse]:
    variant = await ctx.db.get_one(Variant, (ctx.merchant.id, held.variant_id))
    return variant, await ctx.db.get_one(Warehouse, (ctx.merchant.id, held.warehouse_id))


def _detail(held: Reservation, sku: str, warehouse: str) -> ReservationDetail:
    return ReservationDetail(
        reference=held.reference,
        status=held.status,
        reason=held.reason,
        sku=sku,
        warehouse=warehouse,
        quantity=held.quantity,
        backordered=held.backordered,
        order=None,
        note=held.note,
        created_at=held.created_at,
        expires_at=held.expires_at,
        closed_at=held.closed_at,
    )


class ReservationSort(StrEnum):
    newest = "newest"
    oldest = "oldest"


SORT_WORDS = Synonyms({"newest": NEWEST, "oldest": OLDEST})
_SORTS = {
    ReservationSort.newest: By("r.id", UUID, "r.id"),
    ReservationSort.oldest: By("r.id", UUID, "r.id", descending=False),
}


class ListReservations(Paged):
    sku: VariantRef | None = Field(default=None, description="Only this variant, by SKU such as `MUG-BLUE`.")
    warehouse: WarehouseRef | None = Field(default=None, description="Only in this warehouse.")
    order: OrderRef | None = Field(default=None, description="Only those of this order.")
    status: Annotated[ReservationStatus, STATUS_WORDS] | None = Field(
        default=None, description="Only in this state; omit for those that are active."
    )
    created_from: PeriodStart | None = Field(default=None, description="Held since this instant or later, UTC.")
    created_until: PeriodEnd | None = Field(default=None, description="Held since before this instant, UTC.")
    expires_from: PeriodStart | None = Field(default=None, description="Runs out at this instant or later, UTC.")
    expires_until: PeriodEnd | None = Field(default=None, description="Runs out before this instant, UTC.")
    closed_from: PeriodStart | None = Field(default=None, description="Ended at this instant or later, UTC.")
    closed_until: PeriodEnd | None = Field(default=None, description="Ended before this instant, UTC.")
    reason: ReservationReason | None = Field(default=None, description="Only those held for this.")
    product: ProductWords | None = Field(
        default=None, description="Only of this product: `PRD-7`, a SKU, or words of its title."
    )
    text: Search | None = Field(
        default=None, description="Words of the order's number, the buyer's name or e-mail, or what was bought."
    )
    count_by: Annotated[str, columns("status", "reason", "warehouse")] | None = COUNT_BY
    sort: Annotated[ReservationSort, SORT_WORDS] = Field(
        default=ReservationSort.newest, description="Newest or oldest first."
    )


class _Held(NamedTuple):
    id: UUID
    place: Any
    reference: str
    status: ReservationStatus
    reason: ReservationReason
    sku: str
    warehouse: str
    quantity: int
    backordered: int
    order: str | None
    note: str | None
    created_at: datetime
    expires_at: datetime | None
    closed_at: datetime | None


_LIST = """
select r.id, {by} as place, r.reference, r.status, r.reason, v.sku, w.reference as warehouse, r.quantity, r.backordered,
       o.reference as order, r.note, r.created_at, r.expires_at, r.closed_at
from reservations r
join variants v on v.merchant_id = r.merchant_id and v.id = r.variant_id
join warehouses w on w.merchant_id = r.merchant_id and w.id = r.warehouse_id
left join orders o on o.merchant_id = r.merchant_id and o.id = r.order_id
where r.merchant_id = %(m)s {filters}
order by {order} limit %(limit)s
"""


@tool(
    route="GET /inventory/reservations",
    effect=Effect.read,
    permission="inventory:read",
    raises=[],
    examples=["What is reserved of MUG-BLUE, and for whom?", "Show the open reservations in WH-1"],
)
async def list_reservations(ctx: Context, args: ListReservations) -> Page[ReservationDetail]:
    """List which units are held back, for which orders and people, newest first."""
    asked = await _asked(ctx, args)
    said, words = await of_orders(ctx, args.text, "r.order_id") if args.text else ("", {})
    conditions, params = [*asked, said], dict(asked.values()) | words
    return await sorted_page(ctx, args, _LIST, _SORTS[args.sort], conditions, params, as_=_Held, show=_shown)


async def _asked(ctx: Context, args: ListReservations) -> Asked:
    """The conditions of the list, each with its parameter."""
    status = args.status or ReservationStatus.active
    asked: Asked = {"r.status = %(status)s": ("status", status.value)}
    if args.sku:
        asked["r.variant_id = %(variant)s"] = ("variant", (await find_variant(ctx, args.sku)).id)
    if args.warehouse:
        asked["r.warehouse_id = %(warehouse)s"] = ("warehouse", (await find_warehouse(ctx, args.warehouse)).id)
    if args.order:
        asked["r.order_id = %(order)s"] = ("order", (await ctx.find(Order, args.order)).id)
    if args.product:
        asked["v.product_id = any(%(products)s::uuid[])"] = ("products", await products_like(ctx, args.product))
    if args.reason:
        asked["r.reason = %(reason)s"] = ("reason", args.reason.value)
    asked |= within(args, _WHEN)
    return asked


_WHEN = {
    "expires_from": "r.expires_at >= %(expires_from)s",
    "expires_until": "r.expires_at < %(expires_until)s",
    "created_from": "r.created_at >= %(created_from)s",
    "created_until": "r.created_at < %(created_until)s",
    "closed_from": "r.closed_at >= %(closed_from)s",
    "closed_until": "r.closed_at < %(closed_until)s",
}


def _shown(row: _Held) -> ReservationDetail:
    return ReservationDetail.model_validate(row._asdict())
