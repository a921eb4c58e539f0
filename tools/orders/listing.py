"""Finding orders: by where they stand, who bought, where they go, what is in them, when and for how much."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.orders import Channel, FulfilmentState, OrderStatus, PaymentState, ReturnState
from db.models.payments import PaymentMethod
from db.money import Currency, Money
from db.text import fold
from tools.contract.apart import COUNT_BY, columns
from tools.contract.context import Context
from tools.contract.declare import Effect, Result, tool
from tools.contract.errors import Ambiguous, NotFound
from tools.contract.fields import (
    CategoryRef,
    City,
    Country,
    CustomerRef,
    MinorUnits,
    Name,
    PeriodEnd,
    PeriodStart,
    ProductWords,
    Search,
    Synonyms,
    UntrustedText,
    VariantRef,
)
from tools.contract.page import Page, Paged, paged, place
from tools.contract.sorting import HIGHEST, LOWEST, NEWEST
from tools.orders.shown import (
    BRIEF,
    FULFILMENT_WORDS,
    METHOD_WORDS,
    NAME_SEEN,
    ON_HOLD,
    OPEN_WORDS,
    PAYMENT_WORDS,
    RETURN_WORDS,
    STATUS_WORDS,
    OrderBrief,
    money,
    sight,
)
from tools.rules.bundles import are_bundles
from tools.rules.lookup import (
    MOST_LOOKED_UP,
    WITH_ALL_BELOW,
    Way,
    by_words,
    containing,
    find_category,
    find_customer,
    find_variant,
    products_like,
    quickest,
)
from tools.rules.sales import CHANNEL_WORDS, COUNTS_AS_PAYMENT


class OrderSort(StrEnum):
    newest = "newest"
    oldest = "oldest"
    total = "total"
    smallest = "smallest"
    units = "units"


SORT_WORDS = Synonyms(
    {
        "newest": NEWEST,
        "oldest": ("first", "longest waiting"),
        "total": HIGHEST,
        "smallest": LOWEST,
        "units": ("most units", "most items", "most pieces", "by quantity"),
    }
)


class ListOrders(Paged):
    status: list[Annotated[OrderStatus, STATUS_WORDS]] = Field(
        default=[], max_length=6, description="Only orders that stand there; several are alternatives."
    )
    payment_state: list[Annotated[PaymentState, PAYMENT_WORDS]] = Field(
        default=[], max_length=6, description="Only orders that are paid so far; several are alternatives."
    )
    fulfilment_state: list[Annotated[FulfilmentState, FULFILMENT_WORDS]] = Field(
        default=[], max_length=3, description="Only orders of which so much has left; several are alternatives."
    )
    return_state: list[Annotated[ReturnState, RETURN_WORDS]] = Field(
        default=[], max_length=3, description="Only orders of which so much came back; several are alternatives."
    )
    open: Annotated[bool, OPEN_WORDS] | None = Field(
        default=None, description="Still to be sent, in whole or in part, and not called off."
    )
    paid_with: list[Annotated[PaymentMethod, METHOD_WORDS]] = Field(
        default=[], max_length=10, description="How they are paid, or to be paid; several are alternatives."
    )
    on_hold: bool | None = Field(default=None, description="Only orders that are held, or only those that are not.")
    customer: CustomerRef | None = Field(default=None, description="Only this customer's orders, such as `CUS-301`.")
    city: City | None = Field(default=None, description="Only orders shipped to this city.")
    region: Name | None = Field(default=None, description="Only orders shipped to this region or state.")
    country: Country | None = Field(default=None, description="Only orders shipped to this country, ISO 3166 alpha-2.")
    channel: list[Annotated[Channel, CHANNEL_WORDS]] = Field(
        default=[], max_length=6, description="Only orders that came in there; several are alternatives."
    )
    sku: VariantRef | None = Field(
        default=None, description="Only orders with this variant, by SKU such as `MUG-BLUE`."
    )
    product: ProductWords | None = Field(
        default=None, description="With this product: `PRD-7`, a SKU, or words of its title."
    )
    category: CategoryRef | None = Field(default=None, description="Category of what is in it, or above that.")
    placed_from: PeriodStart | None = Field(default=None, description="Placed at this instant or later, UTC.")
    placed_until: PeriodEnd | None = Field(default=None, description="Placed before this instant, UTC.")
    total_min: MinorUnits | None = Field(default=None, ge=0, description="Total of at least so many minor units.")
    total_max: MinorUnits | None = Field(default=None, ge=0, description="Total of at most so many minor units.")
    currency: Currency | None = Field(
        default=None, description="Only orders in it; where totals are compared, the shop's home currency unless said."
    )
    text: Search | None = Field(
        default=None, description="Words of the order's number, the buyer's name or e-mail, the products or SKUs."
    )
    count_by: Annotated[str, columns("status", "payment_state", "fulfilment_state", "channel", "country")] | None = (
        COUNT_BY
    )
    sort: Annotated[OrderSort, SORT_WORDS] = Field(
        default=OrderSort.newest, description="Newest, oldest, the highest or lowest total, or most units first."
    )


class OrderedItem(Result):
    """A line of an order, in short."""

    sku: str = Field(description="The variant's SKU.")
    title: str = Field(description="What it is called.")
    quantity: int = Field(description="Units, without those taken out.")
    total: Money = Field(description="What the customer pays for it, in minor units.")


class OrderSummary(OrderBrief):
    """An order in a list."""

    on_hold_for: UntrustedText | None = Field(description="Why it is held, with what was noted; null where it is not.")

    city: UntrustedText | None = Field(description="Where it goes.")
    country: str | None = Field(description="Where it goes, ISO 3166 alpha-2.")
    units: int = Field(description="Units bought.")
    lines: list[OrderedItem] = Field(description="What was bought.")


class _Listed(NamedTuple):
    id: UUID
    placed_at: datetime
    total: int
    units: int
    currency: str
    status: str
    payment_state: str
    fulfilment_state: str
    channel: str
    country: str | None
    shown: str


_ORDERS: dict[OrderSort, tuple[str, str, tuple[type[Any], ...]]] = {
    OrderSort.newest: (
        "o.placed_at desc, o.id desc",
        "(o.placed_at, o.id) < (%(place)s, %(place_id)s)",
        (datetime, UUID),
    ),
    OrderSort.oldest: ("o.placed_at, o.id", "(o.placed_at, o.id) > (%(place)s, %(place_id)s)", (datetime, UUID)),
    OrderSort.total: ("o.total desc, o.id desc", "(o.total, o.id) < (%(place)s, %(place_id)s)", (int, UUID)),
    OrderSort.smallest: ("o.total, o.id", "(o.total, o.id) > (%(place)s, %(place_id)s)", (int, UUID)),
    OrderSort.units: ("o.units desc, o.id desc", "(o.units, o.id) < (%(place)s, %(place_id)s)", (int, UUID)),
}
_BY_TOTAL = (OrderSort.total, OrderSort.smallest)
_COLUMNS = {
    OrderSort.newest: "placed_at", OrderSort.oldest: "placed_at", OrderSort.total: "total", OrderSort.smallest: "total",
    OrderSort.units: "units",
}  # fmt: skip
_PAGE = "select o.* from orders o where o.merchant_id = %(m)s {filters} and {{words}} order by {order} limit %(limit)s"
_LIST = f"""
{{found}}
select o.id, o.placed_at, o.total, o.units, o.currency, o.status, o.payment_state, o.fulfilment_state, o.channel,
       o.ship_country as country, (
    select row_to_json(shown)::text from (
        select {BRIEF}, (
            select string_agg(concat_ws(': ', replace(h.reason, '_', ' '), h.note), '; ' order by h.id)
            from order_holds h where h.merchant_id = %(m)s and h.order_id = o.id and h.released_at is null
        ) as on_hold_for, o.ship_city as city, o.ship_country as country, o.units, (
            select coalesce(json_agg(line), '[]') from (
                select l.sku, l.title, l.quantity - l.cancelled as quantity, {money("l.total")} as total
                from order_lines l where l.merchant_id = %(m)s and l.order_id = o.id and l.quantity > l.cancelled
                order by l.position
            ) line
        ) as lines
    ) shown
) as shown
from (select * from ({{page}}) o order by {{order}} limit %(limit)s) o
left join customers c on c.merchant_id = %(m)s and c.id = o.customer_id
order by {{order}}
"""
# Who may not see the names and e-mails of all orders finds none by them.
_TEXT = f"""(
    o.words_key like all(%(words)s::text[]) and (
        %(names)s and %(contact)s or folded(concat_ws(' ', o.reference, o.external_reference,
            case when {NAME_SEEN} then o.customer_name end, case when %(contact)s then o.email end)) like all(%(words)s::text[]))
    or (select true from order_lines l
        where l.merchant_id = %(m)s and l.order_id = o.id and l.words_key like all(%(words)s::text[]) limit 1))"""
_SEARCH = "search_orders(%(words)s, %(names)s, %(ships)s, %(contact)s, %(most)s)"
_HAS = """exists (
    select from order_lines l where l.merchant_id = %(m)s and l.order_id = o.id and l.variant_id = %(variant)s
      and l.quantity > l.cancelled)"""
# A bundle has no line of its own: what is in it has.
_HAS_BUNDLE = """exists (
    select from order_bundles b where b.merchant_id = %(m)s and b.order_id = o.id and b.quantity > 0 and {what})"""
_HAS_PRODUCT = """exists (
    select from order_lines l where l.merchant_id = %(m)s and l.order_id = o.id and l.product_id = any(%(products)s)
      and l.quantity > l.cancelled)"""
_HAS_CATEGORY = f"""exists (
    select from order_lines l join products p on p.merchant_id = %(m)s and p.id = l.product_id
    where l.merchant_id = %(m)s and l.order_id = o.id and l.quantity > l.cancelled and p.category_id in ({WITH_ALL_BELOW}))"""
_IS_THERE = {
    "city": "unaccent(lower(o.ship_city)) = %(city)s::text", "region": "unaccent(lower(o.ship_region)) = %(region)s::text",
}  # fmt: skip
_GOING_THERE = "orders_to(%(city)s, %(region)s, %(came_by)s::text[], %(most)s)"
# What an index has of each order: rare ones among a million are looked up in it.
_KINDS: dict[str, type[StrEnum]] = {
    "payment_state": PaymentState, "fulfilment_state": FulfilmentState, "return_state": ReturnState, "channel": Channel,
}  # fmt: skip
_OF_A_KIND = """orders_of(%(payment_state)s::text[], %(fulfilment_state)s::text[], %(return_state)s::text[], %(channel)s::text[],
    %(country)s::text, %(most)s)"""
# Few are held, and these are looked at: along the list all orders would be.
_HELD = """o.id = any(array(
    select h.order_id from order_holds h where h.merchant_id = %(m)s and h.released_at is null))"""
_OPEN = "(o.status in ('pending', 'confirmed') and o.fulfilment_state <> 'fulfilled')"
_PAID_WITH = f"""exists (
    select from payments p where p.merchant_id = %(m)s and p.order_id = o.id and p.method = any(%(paid_with)s)
      and {COUNTS_AS_PAYMENT})"""


@tool(
    route="GET /orders",
    effect=Effect.read,
    permission="orders:read",
    raises=[NotFound, Ambiguous],
    examples=[
        "Show me the unpaid orders from last week",
        "Which orders to Lyon are not shipped yet?",
        "List Ana Torres's orders over 100 euros, newest first",
    ],
)
async def list_orders(ctx: Context, args: ListOrders) -> Page[OrderSummary]:
    """Find orders by state, buyer, destination, content, date or amount.

    With their lines. Filters add up; several values of one filter are alternatives. One order in full: get_order; figures over
    many orders: sales_report and order_kpis.
    """
    filters, params = await _asked(ctx, args)
    order, beyond, kinds = _ORDERS[args.sort]
    since = place(args.after, *kinds)
    if since:
        filters.append(beyond)
        params |= {"place": since[0], "place_id": since[1]}
    page = _PAGE.format(filters="".join(f" and {condition}" for condition in filters), order=order)
    found, page = quickest(page, "o.id", list(_ways(args)))
    query = _LIST.format(found=found, page=page, order=order)
    params |= _looked_for(args) | {"m": ctx.merchant.id, **sight(ctx)}
    page = await paged(
        ctx,
        args,
        query,
        params,
        as_=_Listed,
        show=_shown,
        at=lambda row: (getattr(row, _COLUMNS[args.sort]), row.id),
        money=("listed.total", "listed.currency"),
    )
    ctx.discloses(sum(order.customer_name is not None for order in page.data))
    return page


def _ways(args: ListOrders) -> Iterator[Way]:
    """What orders are looked up by, where few fit."""
    if args.text:
        yield by_words(_SEARCH, _TEXT, args.text)
    if args.city or args.region:
        yield Way(_GOING_THERE, _IS_THERE["city" if args.city else "region"])
    if args.city and args.region:
        yield Way(None, _IS_THERE["region"])
    kinds = [f"o.{name} = any(%({name})s)" for name in _KINDS if getattr(args, name)]
    if args.country:
        kinds.append("o.ship_country = %(country)s")
    if kinds:
        yield Way(_OF_A_KIND, " and ".join(kinds))


def _looked_for(args: ListOrders) -> dict[str, Any]:
    """The parameters of those ways. Of a kind that nobody asked for, all values are."""
    kinds = {name: [value.value for value in getattr(args, name) or kind] for name, kind in _KINDS.items()}
    return kinds | {
        "words": containing(args.text or ""), "city": args.city and fold(args.city), "region": args.region and fold(args.region),
        "came_by": args.channel or None, "country": args.country, "most": MOST_LOOKED_UP + 1,
    }  # fmt: skip


def _shown(row: _Listed) -> OrderSummary:
    return OrderSummary.model_validate_json(row.shown)


async def _asked(ctx: Context, args: ListOrders) -> tuple[list[str], dict[str, Any]]:
    """The conditions of the list, and their parameters."""
    asked = list(_plain_filters(args))
    if args.customer:
        asked.append(("o.customer_id = %(customer)s", {"customer": (await find_customer(ctx, args.customer)).id}))
    if args.sku:
        variant = await find_variant(ctx, args.sku)
        has = _HAS_BUNDLE.format(what="b.variant_id = %(variant)s") if variant.bundle else _HAS
        asked.append((has, {"variant": variant.id}))
    if args.product:
        products = await products_like(ctx, args.product)
        bundled = f" or {_HAS_BUNDLE.format(what='b.product_id = any(%(products)s)')}"
        asked.append((f"({_HAS_PRODUCT}{bundled if await are_bundles(ctx, products) else ''})", {"products": products}))
    if args.category:
        asked.append((_HAS_CATEGORY, {"category": (await find_category(ctx, args.category)).id}))
    compares = args.total_min is not None or args.total_max is not None or args.sort in _BY_TOTAL
    if args.currency or compares:
        asked.append(("o.currency = %(currency)s", {"currency": args.currency or ctx.merchant.currency}))
    params: dict[str, Any] = {}
    for _, values in asked:
        params |= values
    return [condition for condition, _ in asked], params


def _plain_filters(args: ListOrders) -> Iterator[tuple[str, dict[str, Any]]]:
    if args.status:
        yield "o.status = any(%(status)s)", {"status": [status.value for status in args.status]}
    if args.open is not None:
        yield _OPEN if args.open else f"not {_OPEN}", {}
    if args.paid_with:
        yield _PAID_WITH, {"paid_with": [method.value for method in args.paid_with]}
    for name, condition in (
        ("placed_from", "o.placed_at >= %(placed_from)s"),
        ("placed_until", "o.placed_at < %(placed_until)s"),
        ("total_min", "o.total >= %(total_min)s"),
        ("total_max", "o.total <= %(total_max)s"),
        ("on_hold", _HELD if args.on_hold else f"not {ON_HOLD}"),
    ):
        if getattr(args, name) is not None:
            yield condition, {name: getattr(args, name)}
