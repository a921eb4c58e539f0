"""Purchase orders: what was ordered from suppliers, and what of it has come."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.inventory import PurchaseOrder, PurchaseOrderStatus
from db.money import Money
from tools.contract.apart import COUNT_BY, columns
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.fields import (
    Day,
    PeriodEnd,
    PeriodStart,
    ProductWords,
    PurchaseOrderRef,
    SupplierRef,
    Synonyms,
    UntrustedText,
    VariantRef,
    WarehouseRef,
)
from tools.contract.page import Page, Paged
from tools.contract.sorting import HIGHEST, LOWEST, NEWEST, OLDEST, Asked, By, sorted_page, within
from tools.inventory.suppliers import find_supplier
from tools.rules.lookup import find_variant, find_warehouse, products_like

STATUS_WORDS = Synonyms(
    {
        "draft": ("planned", "not sent"),
        "sent": ("ordered", "placed", "nothing has come"),
        "partially_received": ("partly received", "partly arrived", "came in part", "incomplete"),
        "received": ("arrived", "delivered", "complete", "came in full"),
        "closed": ("ended short", "closed short"),
        "cancelled": ("canceled", "called off"),
    }
)
OPEN = ("sent", "partially_received")


class PurchaseOrderSort(StrEnum):
    newest = "newest"
    oldest = "oldest"
    total = "total"
    smallest = "smallest"
    expected_on = "expected_on"


SORT_WORDS = Synonyms(
    {
        "newest": NEWEST,
        "oldest": OLDEST,
        "total": HIGHEST,
        "smallest": LOWEST,
        "expected_on": ("next expected", "expected first", "by expected date", "next to arrive"),
    }
)
_SORTS = {
    PurchaseOrderSort.newest: By("o.id", UUID, "o.id"),
    PurchaseOrderSort.oldest: By("o.id", UUID, "o.id", descending=False),
    PurchaseOrderSort.total: By("o.total", int, "o.id"),
    PurchaseOrderSort.smallest: By("o.total", int, "o.id", descending=False),
    PurchaseOrderSort.expected_on: By("coalesce(o.expected_on, '9999-01-01'::date)", date, "o.id", descending=False),
}
_BY_TOTAL = (PurchaseOrderSort.total, PurchaseOrderSort.smallest)


class PurchasedLine(Result):
    """A variant of a purchase order: what was ordered, and what became of it."""

    sku: str = Field(description="The variant's SKU.")
    quantity: int = Field(description="Units ordered.")
    received: int = Field(description="Units that came in good order.")
    damaged: int = Field(description="Units that came damaged, and are set aside.")
    outstanding: int = Field(description="Units still to come.")
    unit_cost: Money = Field(description="What a unit costs, minor units, rounded.")


class PurchaseOrderDetail(Result):
    """What was ordered from a supplier for a warehouse."""

    reference: str = Field(description="The purchase order's reference, such as `PO-1001`.")
    status: PurchaseOrderStatus = Field(description="How far it is.")
    supplier: str = Field(description="The supplier's reference.")
    supplier_name: str = Field(description="What the supplier is called.")
    warehouse: str = Field(description="The reference of the warehouse that it comes to.")
    lines: list[PurchasedLine] = Field(description="What was ordered, and what has come.")
    total: Money = Field(description="What all that was ordered costs, minor units.")
    note: UntrustedText | None = Field(description="What was noted.")
    ordered_at: datetime | None = Field(description="When it was ordered, UTC.")
    expected_on: date | None = Field(description="The day on which it is expected, in the shop's time zone.")
    late: bool = Field(description="Whether that day has passed and units are still to come.")
    received_at: datetime | None = Field(description="When the last of it came, UTC.")
    version: int = Field(description="Grows with each change.")


class _OrderRow(NamedTuple):
    id: UUID
    reference: str
    status: PurchaseOrderStatus
    supplier: str
    supplier_name: str
    warehouse: str
    lines: list[dict[str, Any]]
    total: dict[str, Any]
    amount: int
    currency: str
    note: str | None
    ordered_at: datetime | None
    expected_on: date | None
    late: bool
    received_at: datetime | None
    version: int
    place: Any

    def shown(self) -> PurchaseOrderDetail:
        return PurchaseOrderDetail.model_validate(self._asdict())


_ORDERS = """
select o.id, o.reference, o.status, s.reference as supplier, s.name as supplier_name, w.reference as warehouse,
       json_build_object('amount', o.total, 'currency', o.currency) as total, o.total as amount, o.currency, o.note,
       o.ordered_at, o.expected_on, o.received_at, o.version, {by} as place,
       o.status in ('sent', 'partially_received') and coalesce(o.expected_on < %(today)s, false) as late,
       array(select json_build_object('sku', v.sku, 'quantity', l.quantity, 'received', l.received - l.damaged,
                 'damaged', l.damaged, 'outstanding', case when o.status in ('sent', 'partially_received')
                     then greatest(l.quantity - l.received, 0) else 0 end,
                 'unit_cost', json_build_object('amount', round(l.unit_cost)::bigint, 'currency', o.currency))
             from purchase_order_lines l join variants v on v.merchant_id = %(m)s and v.id = l.variant_id
             where l.merchant_id = %(m)s and l.purchase_order_id = o.id order by l.id) as lines
from purchase_orders o
join suppliers s on s.merchant_id = %(m)s and s.id = o.supplier_id
join warehouses w on w.merchant_id = %(m)s and w.id = o.warehouse_id
where o.merchant_id = %(m)s {filters}
order by {order} limit %(limit)s
"""
_BRINGS = "o.id in (select purchase_order_id from purchase_order_lines where merchant_id = %(m)s and variant_id = %(variant)s)"
_BRINGS_SOME = """o.id in (
    select l.purchase_order_id from variants v join purchase_order_lines l on l.merchant_id = %(m)s and l.variant_id = v.id
    where v.merchant_id = %(m)s and v.product_id = any(%(products)s::uuid[]))"""
_LATE = "o.status in ('sent', 'partially_received') and o.expected_on < %(today)s and %(late)s"


LATE_WORDS = Synonyms({"true": ("overdue", "behind schedule", "past due")})


class ListPurchaseOrders(Paged):
    status: Annotated[PurchaseOrderStatus, STATUS_WORDS] | None = Field(default=None, description="Only in this state.")
    open: bool | None = Field(default=None, description="Only those that are still to come, or only the others.")
    late: Annotated[bool, LATE_WORDS] = Field(
        default=False, description="Only those whose day has passed while units are still to come."
    )
    supplier: SupplierRef | None = Field(default=None, description="Only from this supplier: `SUP-1001`, or its name.")
    warehouse: WarehouseRef | None = Field(default=None, description="Only for this warehouse.")
    sku: VariantRef | None = Field(default=None, description="Only those that bring this variant.")
    expected_from: Day | None = Field(
        default=None, description="Expected on this day or later, in the shop's time zone."
    )
    expected_until: Day | None = Field(
        default=None, description="Expected on this day or before, in the shop's time zone."
    )
    ordered_from: PeriodStart | None = Field(default=None, description="Ordered at this instant or later, UTC.")
    ordered_until: PeriodEnd | None = Field(default=None, description="Ordered before this instant, UTC.")
    received_from: PeriodStart | None = Field(default=None, description="Came in full at this instant or later, UTC.")
    received_until: PeriodEnd | None = Field(default=None, description="Came in full before this instant, UTC.")
    product: ProductWords | None = Field(
        default=None, description="Only those that bring this product: `PRD-7`, a SKU, or words of its title."
    )
    count_by: Annotated[str, columns("status", "supplier", "warehouse")] | None = COUNT_BY
    sort: Annotated[PurchaseOrderSort, SORT_WORDS] = Field(
        default=PurchaseOrderSort.newest,
        description="Newest, oldest, the highest or lowest total (of the home currency), or the next expected first.",
    )


@tool(
    route="GET /purchase-orders",
    effect=Effect.read,
    permission="inventory:read",
    raises=[],
    examples=["Which purchase orders are open?", "What did we order from SUP-1001?", "Which deliveries are late?"],
)
async def list_purchase_orders(ctx: Context, args: ListPurchaseOrders) -> Page[PurchaseOrderDetail]:
    """List what was ordered from suppliers, and what of it has come, newest first."""
    asked = await _asked(ctx, args)
    params = dict(asked.values()) | {"today": today(ctx)}
    return await sorted_page(
        ctx, args, _ORDERS, _SORTS[args.sort], asked, params,
        as_=_OrderRow, show=_OrderRow.shown, money=("amount", "currency"),
    )  # fmt: skip


async def _asked(ctx: Context, args: ListPurchaseOrders) -> Asked:
    """The conditions of the list, each with its parameter."""
    asked: Asked = {}
    if args.status:
        asked["o.status = %(status)s"] = ("status", args.status.value)
    if args.open is not None:
        asked["o.status = any(%(open)s)" if args.open else "o.status <> all(%(open)s)"] = ("open", list(OPEN))
    if args.late:
        asked[_LATE] = ("late", True)
    if args.supplier:
        asked["o.supplier_id = %(supplier)s"] = ("supplier", (await find_supplier(ctx, args.supplier)).id)
    if args.warehouse:
        asked["o.warehouse_id = %(warehouse)s"] = ("warehouse", (await find_warehouse(ctx, args.warehouse)).id)
    if args.sku:
        asked[_BRINGS] = ("variant", (await find_variant(ctx, args.sku)).id)
    asked |= within(args, _WHEN)
    if args.product:
        asked[_BRINGS_SOME] = ("products", await products_like(ctx, args.product))
    if args.sort in _BY_TOTAL:
        asked["o.currency = %(home)s"] = ("home", ctx.merchant.currency)
    return asked


_WHEN = {
    "expected_from": "o.expected_on >= %(expected_from)s",
    "expected_until": "o.expected_on <= %(expected_until)s",
    "ordered_from": "o.ordered_at >= %(ordered_from)s",
    "ordered_until": "o.ordered_at < %(ordered_until)s",
    "received_from": "o.received_at >= %(received_from)s",
    "received_until": "o.received_at < %(received_until)s",
}


class GetPurchaseOrder(Input):
    purchase_order: PurchaseOrderRef = Field(description="The purchase order, such as `PO-1001`.")


@tool(
    route="GET /purchase-orders/{purchase_order}",
    effect=Effect.read,
    permission="inventory:read",
    raises=[],
    examples=["Show PO-1007", "What is still missing of PO-1012?"],
)
async def get_purchase_order(ctx: Context, args: GetPurchaseOrder) -> PurchaseOrderDetail:
    """Show a purchase order: what was ordered, what it costs, what has come."""
    return await detail(ctx, (await ctx.find(PurchaseOrder, args.purchase_order)).id)


async def detail(ctx: Context, id_: UUID) -> PurchaseOrderDetail:
    """A purchase order as it is now, within this call."""
    query = _ORDERS.format(by="o.id", order="o.id", filters="and o.id = %(id)s")
    params = {"m": ctx.merchant.id, "id": id_, "today": today(ctx), "limit": 1}
    (row,) = await ctx.sql.rows(query, params, as_=_OrderRow)
    return row.shown()


def today(ctx: Context) -> date:
    return ctx.now().astimezone(ctx.merchant.zone).date()
