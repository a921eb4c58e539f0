"""Finding customers: by name, place, tag, and by how much and how lately they bought."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.customers import ConsentChannel, CustomerStatus
from db.money import Money
from db.text import fold
from tools.contract.context import Context
from tools.contract.declare import Effect, Result, tool
from tools.contract.errors import Ambiguous, NotFound
from tools.contract.fields import (
    CategoryRef,
    City,
    Country,
    Email,
    MinorUnits,
    Name,
    PeriodEnd,
    PeriodStart,
    ProductWords,
    Quantity,
    Search,
    SegmentRef,
    Synonyms,
    VariantRef,
)
from tools.contract.page import Page, Paged, paged, place
from tools.customers.consents import CHANNEL_WORDS
from tools.customers.fields import Postcode, Said, Tag, email_key
from tools.rules.bundles import are_bundles
from tools.rules.lookup import (
    MOST_LOOKED_UP,
    WITH_ALL_BELOW,
    Way,
    by_words,
    containing,
    find_category,
    find_variant,
    products_like,
    quickest,
)
from tools.rules.sales import COUNTED
from tools.rules.segments import condition_of, find_segment


class CustomerSort(StrEnum):
    newest = "newest"
    alphabetical = "alphabetical"
    last_order = "last_order"
    spend = "spend"
    orders = "orders"


SORT_WORDS = Synonyms(
    {
        "newest": ("latest", "new", "recently registered"),
        "alphabetical": ("alphabetically", "by name", "a to z"),
        "last_order": ("recently ordered", "most recent order", "last purchase"),
        "spend": ("best", "top", "biggest", "most money", "by spend", "most valuable", "highest spend"),
        "orders": ("most orders", "most frequent", "most loyal", "by number of orders"),
    }
)
STATUS_WORDS = Synonyms(
    {"prospect": ("lead", "never bought"), "blocked": ("banned",), "erased": ("deleted", "forgotten")}
)


class ListCustomers(Paged):
    text: Search | None = Field(default=None, description="Words of the name, company, e-mail, phone or reference.")
    name: Name | None = Field(default=None, description="Words of the name, whatever the accents and their order.")
    postcode: Postcode | None = Field(default=None, description="Postcode of one of their addresses.")
    email: Email | None = Field(default=None, description="Exactly this e-mail address.")
    city: City | None = Field(default=None, description="Town of one of their addresses.")
    country: Country | None = Field(default=None, description="Country of one of their addresses, ISO 3166 alpha-2.")
    tag: Tag | None = Field(default=None, description="Only who has this tag.")
    segment: SegmentRef | None = Field(default=None, description="Only who is in this segment; `SEG-7` or its name.")
    consent: Annotated[ConsentChannel, CHANNEL_WORDS] | None = Field(
        default=None, description="Only who agrees to marketing by this channel now."
    )
    status: Annotated[CustomerStatus, STATUS_WORDS] | None = Field(
        default=None, description="Only in this state; omit for all but merged and erased ones."
    )
    min_orders: Quantity | None = Field(default=None, ge=0, description="At least so many orders.")
    max_orders: Quantity | None = Field(default=None, ge=0, description="At most so many orders.")
    min_spend: MinorUnits | None = Field(
        default=None, description="Spent at least so much; minor units of the home currency."
    )
    max_spend: MinorUnits | None = Field(
        default=None, description="Spent at most so much; minor units of the home currency."
    )
    last_order_from: PeriodStart | None = Field(default=None, description="Last order then or later, UTC.")
    last_order_until: PeriodEnd | None = Field(default=None, description="Last order before then, UTC.")
    created_from: PeriodStart | None = Field(default=None, description="Customer since then or later, UTC.")
    created_until: PeriodEnd | None = Field(default=None, description="Customer since before then, UTC.")
    product: ProductWords | None = Field(
        default=None, description="Who bought this product: `PRD-7`, a SKU, or words of its title."
    )
    sku: VariantRef | None = Field(default=None, description="Who bought this variant; its SKU.")
    category: CategoryRef | None = Field(default=None, description="Who bought something of it or below it.")
    sort: Annotated[CustomerSort, SORT_WORDS] = Field(default=CustomerSort.newest, description="What comes first.")


class CustomerLine(Result):
    """A customer, in one line."""

    reference: str = Field(description="The customer's reference.")
    status: CustomerStatus = Field(description="Prospect, active, blocked, merged or erased.")
    name: Said = Field(description="What they are called.")
    company: Said | None = Field(description="Company.")
    email: Said | None = Field(description="E-mail address.")
    phone: Said | None = Field(description="Phone number, as it is dialled.")
    city: Said | None = Field(description="Town of the default address for parcels.")
    postcode: Said | None = Field(description="Postcode of that address.")
    country: str | None = Field(description="Country of that address, ISO 3166 alpha-2.")
    tags: list[str] = Field(description="Words to find them by.")
    orders: int = Field(description="Orders pending, confirmed or completed.")
    spend: Money = Field(description="What those in the home currency cost, less refunds and credits, in minor units.")
    last_order_at: datetime | None = Field(description="When the last of them was placed, UTC.")
    created_at: datetime = Field(description="Customer since, UTC.")


class _Row(NamedTuple):
    id: UUID
    place: Any
    reference: str
    status: CustomerStatus
    name: str
    company: str | None
    email: str | None
    phone: str | None
    lives: list[str] | None
    tags: list[str]
    orders: int
    spend: int
    last_order_at: datetime | None
    created_at: datetime


class _Order(NamedTuple):
    """How a list is sorted: by which column of which type, and whether the highest comes first."""

    by: str
    kind: type[Any]
    descending: bool = True

    @property
    def words(self) -> str:
        """An index has both columns: those of customers `c`, or those of their figures `f`."""
        direction = "desc" if self.descending else "asc"
        return f"{self.by} {direction}, {self.by[0]}.id {direction}"

    @property
    def after(self) -> str:
        return f"({self.by}, {self.by[0]}.id) {'<' if self.descending else '>'} (%(place)s, %(id)s)"


_SORTS = {
    CustomerSort.newest: _Order("c.created_at", datetime),
    CustomerSort.alphabetical: _Order("c.name_key", str, descending=False),
    CustomerSort.last_order: _Order("f.last_order_at", datetime),
    CustomerSort.spend: _Order("f.spend", int),
    CustomerSort.orders: _Order("f.orders", int),
}
_PAGE = """
select c.id, {by} as place, c.reference, c.status, c.name, c.company, c.email, c.phone, c.tags, c.created_at, f.orders, f.spend,
       nullif(f.last_order_at, 'epoch') as last_order_at
from customers c join customer_figures f on f.merchant_id = c.merchant_id and f.id = c.id
where c.merchant_id = %(m)s and f.merchant_id = %(m)s and {conditions}
order by {order} limit %(limit)s
"""
_LIST = """
{found}
select c.*,
       (select array[a.city, a.postcode, a.country] from addresses a where a.merchant_id = %(m)s and a.customer_id = c.id
        order by a.is_default_shipping desc, a.id limit 1) as lives
from ({page}) c order by c.place {direction}, c.id {direction} limit %(limit)s
"""
_NAMED = "search_customers(%(text)s::text[] || %(name)s::text[], %(most)s)"
_WORDS = "c.words_key like all(%(text)s::text[])"
_LIVING_THERE = "customers_at(%(city)s, %(country)s, %(postcode)s, %(most)s)"
# A value and no `exists`, for which the planner would read all addresses first.
_LIVES = """
(select true from addresses a where a.merchant_id = %(m)s and a.customer_id = c.id
 and (%(city)s::text is null or unaccent(lower(a.city)) = %(city)s)
 and (%(country)s::text is null or a.country = %(country)s)
 and (%(postcode)s::text is null or replace(upper(a.postcode), ' ', '') = %(postcode)s) limit 1)"""

_AGREES = """(
    select s.granted from consents s where s.merchant_id = %(m)s and s.customer_id = c.id and s.channel = %(consent)s
    order by s.occurred_at desc, s.id desc limit 1)"""


class _Goods(NamedTuple):
    """What somebody has to have bought, the query that finds who did, and the parameters of both."""

    way: Way
    params: dict[str, Any]


_COUNTS = "o.status = any(%(counted)s) and l.quantity > l.cancelled and {what}"
# A value and no `exists`: the planner would join all orders with all lines first, though a page of buyers is soon full. And of all
# orders of the customer, not the first: for one it would look through those who bought the product.
_BOUGHT = f"""
(select bool_or(true) from orders o join order_lines l on l.merchant_id = %(m)s and l.order_id = o.id
 where o.merchant_id = %(m)s and o.customer_id = c.id and {_COUNTS})"""
# Thing by thing and line by line, and no further than the limit: a plain join may read all orders first. What does not count is
# there without a buyer: whether these are all of the lines is told by their number. Of what has more, none is looked at: an index
# alone says so.
_BUYERS = """(
    with many as materialized (
        select count(*) >= %(most)s as yes from (
            select from {goods} as goods(id) cross join lateral (
                select from order_lines l where l.merchant_id = %(m)s and l.{thing} = goods.id
                order by l.order_id limit %(most)s) l
            limit %(most)s) lines
    )
    select o.id from {goods} as goods(id) cross join lateral (
        select l.order_id from order_lines l
        where l.merchant_id = %(m)s and l.{thing} = goods.id and l.quantity > l.cancelled) l
    cross join lateral (
        select case when o.status = any(%(counted)s) then o.customer_id end as id from orders o
        where o.merchant_id = %(m)s and o.id = l.order_id offset 0) o
    where not (select yes from many)
    union all
    select null from generate_series(1, %(most)s) where (select yes from many))"""
# The same of bundles, which have no lines of their own.
_BOUGHT_BUNDLE = """
(select bool_or(true) from orders o join order_bundles b on b.merchant_id = %(m)s and b.order_id = o.id
 where o.merchant_id = %(m)s and o.customer_id = c.id and o.status = any(%(counted)s) and b.quantity > 0 and {what})"""
_BUYERS_OF_BUNDLE = """(
    select o.id from (
        select b.order_id from order_bundles b where b.merchant_id = %(m)s and b.quantity > 0 and {what} limit %(most)s) b
    cross join lateral (
        select case when o.status = any(%(counted)s) then o.customer_id end as id from orders o
        where o.merchant_id = %(m)s and o.id = b.order_id offset 0) o)"""


@tool(
    route="GET /customers",
    effect=Effect.read,
    permission="customers:read",
    raises=[NotFound, Ambiguous],
    examples=[
        "Find the customer Ana Torres",
        "Our ten best customers in Lyon",
        "Who spent more than 500 euros and has not ordered since June?",
    ],
)
async def list_customers(ctx: Context, args: ListCustomers) -> Page[CustomerLine]:
    """Find customers by name, place, tag, orders, spend or what they bought.

    Each with the number of orders, the spend in the home currency and the last order. One that is known by reference or
    e-mail is a question for get_customer.
    """
    order = _SORTS[args.sort]
    conditions, params = _asked(args), _params(args)
    if args.segment:
        fits = condition_of(ctx, (await find_segment(ctx, args.segment)).filter)
        conditions.append(fits.sql)
        params |= fits.params
    goods = [found async for found in _goods(ctx, args)]
    for wanted in goods:
        params |= {"counted": COUNTED, **wanted.params}
    since = place(args.after, order.kind, UUID)
    if since:
        conditions.append(order.after)
        params |= {"place": since[0], "id": since[1]}
    found, page = _page(order, conditions, goods, args)
    query = _LIST.format(found=found, page=page, direction="desc" if order.descending else "asc")
    params |= {"m": ctx.merchant.id, "home": ctx.merchant.currency, "most": MOST_LOOKED_UP + 1}
    page = await paged(
        ctx,
        args,
        query,
        params,
        as_=_Row,
        show=partial(_shown, ctx.merchant.currency),
        at=lambda row: (row.place, row.id),
        money=("listed.spend", "%(home)s::text"),
    )
    ctx.discloses(len(page.data))
    return page


def _page(order: _Order, conditions: Sequence[str], goods: Sequence[_Goods], args: ListCustomers) -> tuple[str, str]:
    """Who fits, whichever way is quickest: by the words, by where they live, by what they bought, or along the list."""
    page = _PAGE.format(by=order.by, conditions=" and ".join([*conditions, "{words}"]), order=order.words)
    ways = [one.way for one in goods]
    if args.city or args.country or args.postcode:
        ways.insert(0, Way(_LIVING_THERE, _LIVES))
    if args.text or args.name:
        ways.insert(0, by_words(_NAMED, _WORDS if args.text else "true", f"{args.text or ''} {args.name or ''}"))
    return quickest(page, "c.id", ways)


async def _goods(ctx: Context, args: ListCustomers) -> AsyncIterator[_Goods]:
    """What they have to have bought."""
    if args.product:
        products = await products_like(ctx, args.product)
        lines = _in_lines("product_id", "unnest(%(products)s::uuid[])", {"products": products})
        bundles = _in_bundles("b.product_id = any(%(products)s)", {"products": products})
        yield _either(lines, bundles) if await are_bundles(ctx, products) else lines
    if args.sku:
        variant = await find_variant(ctx, args.sku)
        params = {"variant": variant.id}
        lines = _in_lines("variant_id", "unnest(array[%(variant)s::uuid])", params)
        yield _in_bundles("b.variant_id = %(variant)s", params) if variant.bundle else lines
    if args.category:
        within = f"(select id from products where merchant_id = %(m)s and category_id in ({WITH_ALL_BELOW}))"
        yield _in_lines("product_id", within, {"category": (await find_category(ctx, args.category)).id})


def _in_lines(thing: str, goods: str, params: dict[str, Any]) -> _Goods:
    """By the column of order lines that says which thing it is, and the things that are asked for."""
    what = f"l.{thing} in (select id from {goods} as goods(id))"
    return _Goods(Way(_BUYERS.format(thing=thing, goods=goods), _BOUGHT.format(what=what)), params)


def _in_bundles(what: str, params: dict[str, Any]) -> _Goods:
    return _Goods(Way(_BUYERS_OF_BUNDLE.format(what=what), _BOUGHT_BUNDLE.format(what=what)), params)


def _either(one: _Goods, other: _Goods) -> _Goods:
    buyers = f"(select id from {one.way.search} as a union all select id from {other.way.search} as b)"
    return _Goods(Way(buyers, f"({one.way.fits} or {other.way.fits})"), one.params)


def _asked(args: ListCustomers) -> list[str]:
    """The conditions on customers and their figures, beside those by which they are looked up."""
    asked = {
        "c.name_key like all(%(name)s::text[])": args.name,
        "c.email_key = %(email)s": args.email,
        "%(tag)s = any(c.tags)": args.tag,
        _AGREES: args.consent,
        "c.status = %(status)s": args.status,
        "c.status not in ('merged', 'erased')": True if args.status is None else None,
        "f.orders >= %(min_orders)s": args.min_orders,
        "f.orders <= %(max_orders)s": args.max_orders,
        "f.spend >= %(min_spend)s": args.min_spend,
        "f.spend <= %(max_spend)s": args.max_spend,
        "c.created_at >= %(created_from)s": args.created_from,
        "c.created_at < %(created_until)s": args.created_until,
        "f.last_order_at >= %(last_order_from)s": args.last_order_from,
        "f.orders > 0 and f.last_order_at < %(last_order_until)s": args.last_order_until,
    }
    return [condition for condition, given in asked.items() if given is not None]


def _params(args: ListCustomers) -> dict[str, Any]:
    """What was asked, as it is stored."""
    return args.model_dump() | {
        "text": containing(args.text or ""),
        "name": containing(args.name or ""),
        "email": email_key(args.email),
        "status": args.status and args.status.value,
        "consent": args.consent and args.consent.value,
        "city": fold(args.city) if args.city else None,
        "postcode": args.postcode and args.postcode.upper().replace(" ", ""),
    }


def _shown(currency: str, row: _Row) -> CustomerLine:
    city, postcode, country = row.lives or (None, None, None)
    spend = Money(amount=row.spend, currency=currency)
    return CustomerLine.model_validate(
        row._asdict() | {"spend": spend, "city": city, "postcode": postcode, "country": country}
    )
