"""Finding returns: by where they stand, why, whose and what they are of."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.after_sales import OPEN_RETURNS, ReturnReason, ReturnStatus, ReturnWish
from db.models.orders import Order
from db.money import Money
from tools.after_sales.fields import Reason, Said, Status, Wish
from tools.contract.apart import COUNT_BY, columns
from tools.contract.context import Context
from tools.contract.declare import Effect, Result, tool
from tools.contract.fields import CustomerRef, OrderRef, PeriodEnd, PeriodStart, ProductWords, Search, Synonyms
from tools.contract.page import Page, Paged
from tools.contract.sorting import HIGHEST, LOWEST, NEWEST, OLDEST, By, sorted_page
from tools.rules.lookup import find_customer, products_like
from tools.rules.whose import of_orders, sees_names, with_goods


class ReturnSort(StrEnum):
    newest = "newest"
    oldest = "oldest"
    refund = "refund"
    smallest = "smallest"


SORT_WORDS = Synonyms({"newest": NEWEST, "oldest": OLDEST, "refund": HIGHEST, "smallest": LOWEST})
_SORTS = {
    ReturnSort.newest: By("r.requested_at", datetime, "r.id"),
    ReturnSort.oldest: By("r.requested_at", datetime, "r.id", descending=False),
    ReturnSort.refund: By("r.refund", int, "r.id"),
    ReturnSort.smallest: By("r.refund", int, "r.id", descending=False),
}


_BY_REFUND = (ReturnSort.refund, ReturnSort.smallest)


class ListReturns(Paged):
    status: list[Status] = Field(
        default=[], max_length=18, description="Only where it stands so; several are any of them."
    )
    open: bool | None = Field(
        default=None, description="Only those of which something is still to be done, or the others."
    )
    reason: list[Reason] = Field(default=[], max_length=9, description="Only for these reasons.")
    wanted: Wish | None = Field(default=None, description="Only where the customer wants this.")
    order: OrderRef | None = Field(default=None, description="Only of this order, such as `ORD-1042`.")
    customer: CustomerRef | None = Field(default=None, description="Only of this customer.")
    product: ProductWords | None = Field(
        default=None, description="Only with this product: `PRD-7`, a SKU, or its words."
    )
    requested_from: PeriodStart | None = Field(default=None, description="Asked for at this instant or later, UTC.")
    requested_until: PeriodEnd | None = Field(default=None, description="Asked for before this instant, UTC.")
    text: Search | None = Field(
        default=None, description="Words of the order's number, the buyer's name or e-mail, or what was bought."
    )
    count_by: Annotated[str, columns("reason", "status", "wanted")] | None = COUNT_BY
    sort: Annotated[ReturnSort, SORT_WORDS] = Field(
        default=ReturnSort.newest,
        description="Newest, oldest, or the highest or lowest refund (of the home currency) first.",
    )


class ReturnSummary(Result):
    """A return, in one line."""

    reference: str = Field(description="The return's reference.")
    order: str = Field(description="The order's number.")
    status: ReturnStatus = Field(description="Where it stands.")
    reason: ReturnReason = Field(description="Why.")
    wanted: ReturnWish = Field(description="What the customer wants for it.")
    goods: str = Field(description="What comes back: units and SKUs.")
    units: int = Field(description="Units that are to come back.")
    refund: Money = Field(description="What is due for it, fees taken off, in minor units.")
    refunded: Money = Field(description="What was given for it, in minor units.")
    customer: str | None = Field(description="The customer's reference; null for a guest.")
    customer_name: Said | None = Field(description="Who bought; null where the caller may not see it.")
    requested_at: datetime = Field(description="Since when, UTC.")


class _Row(NamedTuple):
    id: UUID
    place: Any
    reference: str
    order: str
    status: str
    reason: str
    wanted: str
    goods: str
    units: int
    refund: int
    refunded: int
    currency: str
    customer: str | None
    customer_name: str | None
    requested_at: datetime


# The page first, then what is shown of it: a shop's returns are not joined with all of their lines to show twenty.
_LIST = """
select r.id, {by} as place, r.reference, o.reference as order, r.status, r.reason, r.wanted, x.goods, x.units, r.refund,
       r.refunded, r.currency, c.reference as customer,
       case when %(names)s then o.customer_name end as customer_name, r.requested_at
from (select * from returns r where r.merchant_id = %(m)s{filters}
      order by {order} limit %(limit)s) r
join orders o on o.merchant_id = %(m)s and o.id = r.order_id
left join customers c on c.merchant_id = %(m)s and c.id = r.customer_id
cross join lateral (
    select string_agg(y.quantity || ' ' || l.sku, ', ' order by l.position) as goods, coalesce(sum(y.quantity), 0)::int as units
    from return_lines y join order_lines l on l.merchant_id = %(m)s and l.id = y.order_line_id
    where y.merchant_id = %(m)s and y.return_id = r.id) x
order by {order}
"""
_HAS = """exists (select from return_lines y join order_lines l on l.merchant_id = %(m)s and l.id = y.order_line_id
where y.merchant_id = %(m)s and y.return_id = r.id and l.product_id = any(%(products)s::uuid[]))"""


@tool(
    route="GET /returns",
    effect=Effect.read,
    permission="returns:read",
    raises=[],
    examples=["Which returns wait for approval?", "How many lamps came back broken this month?", "Returns to inspect"],
)
async def list_returns(ctx: Context, args: ListReturns) -> Page[ReturnSummary]:
    """List returns, the newest first: by status, reason, order, customer, product."""
    conditions, params = await _asked(ctx, args)
    return await sorted_page(
        ctx, args, _LIST, _SORTS[args.sort], conditions, params, as_=_Row, show=_shown, money=("refund", "currency")
    )


async def _asked(ctx: Context, args: ListReturns) -> tuple[list[str], dict[str, Any]]:
    """The conditions of the list, and their parameters."""
    order = await ctx.find(Order, args.order) if args.order else None
    customer = await find_customer(ctx, args.customer) if args.customer else None
    products = await products_like(ctx, args.product) if args.product else None
    said, words = await of_orders(ctx, args.text, "r.order_id") if args.text else ("", {})
    of_them, orders = await with_goods(ctx, products, "r.order_id") if products else ("", {})
    asked: dict[str, Any] = {
        "r.status = any(%(status)s)": args.status or None,
        "r.status = any(%(open_ones)s)": args.open or None,
        "r.status <> all(%(open_ones)s)": args.open is False or None,
        "r.reason = any(%(reason)s)": args.reason or None,
        "r.wanted = %(wanted)s": args.wanted,
        "r.order_id = %(order)s": order,
        "r.customer_id = %(customer)s": customer,
        _HAS: products,
        of_them: of_them or None,
        "r.requested_at >= %(requested_from)s": args.requested_from,
        "r.requested_at < %(requested_until)s": args.requested_until,
        said: said or None,
        "r.currency = %(home)s": args.sort in _BY_REFUND or None,
    }
    params: dict[str, Any] = {
        **args.model_dump(), "status": [one.value for one in args.status], "reason": [one.value for one in args.reason],
        "m": ctx.merchant.id, "home": ctx.merchant.currency,
        "order": order and order.id, "customer": customer and customer.id, "products": products,
        "open_ones": [status.value for status in OPEN_RETURNS],
        "names": sees_names(ctx), **words, **orders,
    }  # fmt: skip
    return [condition for condition, value in asked.items() if value is not None], params


def _shown(row: _Row) -> ReturnSummary:
    fields = row._asdict() | {
        "refund": Money(amount=row.refund, currency=row.currency),
        "refunded": Money(amount=row.refunded, currency=row.currency),
    }
    return ReturnSummary.model_validate(fields)
