"""Shipments: what left, with whom, for whom, and how far it has come."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.orders import Order
from db.models.transport import Fulfilment, FulfilmentStatus, TrackingCode
from db.money import Money
from db.references import Kind
from db.text import fold
from tools.contract.apart import COUNT_BY, columns
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous
from tools.contract.fields import (
    CarrierRef,
    City,
    Country,
    CustomerRef,
    OrderRef,
    PeriodEnd,
    PeriodStart,
    ProductWords,
    Search,
    ShipmentRef,
    Synonyms,
    Untrusted,
    UntrustedText,
    VariantRef,
    WarehouseRef,
)
from tools.contract.page import Page, Paged
from tools.contract.sorting import HIGHEST, LOWEST, NEWEST, OLDEST, By, sorted_page
from tools.rules.lookup import MOST_LOOKED_UP, Found, find_customer, find_variant, find_warehouse, products_like
from tools.rules.whose import of_orders, sees_names, with_goods
from tools.transport.carriers import find_carrier
from tools.transport.rating import Charge, Parcel

STATUS_WORDS = Synonyms(
    {
        "label_purchased": (
            *("labelled", "ready to hand over", "waiting for pick-up", "not picked up", "not handed over"),
            *("labels not gone", "label not gone", "labels but not gone", "not on a manifest"),
        ),
        "manifested": ("on a manifest", "handed over on paper"),
        "picked_up": ("collected", "with the carrier"),
        "in_transit": ("under way", "on its way", "on the road", "travelling"),
        "out_for_delivery": ("on the van", "arriving today"),
        "on_hold": ("held by the carrier", "held"),
        "ready_for_pickup": ("at the pick-up point", "to be collected"),
        "delayed": ("delayed by the carrier", "stuck"),
        "delivery_failed": ("could not be delivered", "nobody home", "failed"),
        "delivered": ("arrived",),
        "returned_to_sender": ("sent back", "coming back", "undeliverable"),
        "lost": ("missing", "vanished"),
        "voided": ("cancelled", "label voided"),
    }
)
OVER = (
    FulfilmentStatus.delivered,
    FulfilmentStatus.returned_to_sender,
    FulfilmentStatus.lost,
    FulfilmentStatus.voided,
)
# Of fulfilments `f`: late is what was promised and has not come, or came after it.
LATE = """(f.promised_at is not null and f.status <> 'voided' and coalesce(f.delivered_at, %(now)s) > f.promised_at)"""


class ShipmentSummary(Result):
    """What left for an order from one warehouse."""

    reference: str = Field(description="The shipment's reference, such as `SHP-1001`.")
    order: str = Field(description="The order's number.")
    customer_name: UntrustedText | None = Field(description="Who gets it; null where the caller may not see it.")
    status: FulfilmentStatus = Field(description="How far it has come.")
    carrier: str = Field(description="Who carries it.")
    service: str | None = Field(description="The carrier's service, by its code.")
    tracking_number: UntrustedText | None = Field(description="The carrier's number.")
    warehouse: str = Field(description="Where it left from.")
    to_city: UntrustedText | None = Field(description="Where it goes.")
    to_country: str | None = Field(description="Where it goes, ISO 3166 alpha-2.")
    units: int = Field(description="Units in it.")
    cost: Money | None = Field(description="What the carrier charges, minor units; null where nobody said.")
    weight_grams: int | None = Field(description="Its weight with the packing, in grams.")
    shipped_at: datetime | None = Field(description="When it left the stock, UTC.")
    promised_at: datetime | None = Field(description="Until when it is promised, UTC.")
    delivered_at: datetime | None = Field(description="When it arrived, UTC.")
    late: bool = Field(description="Whether it came, or is, later than promised.")
    version: int = Field(description="Grows with each change.")


class ShipmentLine(Result):
    """Units in it."""

    sku: str = Field(description="The variant's SKU.")
    title: str = Field(description="What it is called.")
    quantity: int = Field(description="Units.")


class TrackingEntry(Result):
    """What the carrier said."""

    code: TrackingCode = Field(description="What happened.")
    occurred_at: datetime = Field(description="When, by the carrier's clock, UTC.")
    place: UntrustedText | None = Field(description="Where.")
    description: UntrustedText | None = Field(description="In the carrier's words.")


class ShipmentDetail(ShipmentSummary):
    """A shipment with all that is in it."""

    lines: list[ShipmentLine] = Field(description="What is in it.")
    parcels: list[Parcel] = Field(description="Its parcels.")
    charges: list[Charge] = Field(description="What the cost is made of, minor units.")
    ship_to: Annotated[dict[str, Any], Untrusted()] = Field(description="The address on its label.")
    manifest: str | None = Field(description="The manifest on which it was handed over.")
    last_event: TrackingEntry | None = Field(description="What the carrier said last.")
    label_url: UntrustedText | None = Field(description="Where a bought label is; null for one that the shop makes.")
    label_failure: UntrustedText | None = Field(description="Why no label was sold, or its money not given back.")


class ShipmentRow(NamedTuple):
    id: UUID
    reference: str
    order: str
    customer_name: str | None
    status: FulfilmentStatus
    carrier: str
    service: str | None
    tracking_number: str | None
    warehouse: str
    to_city: str | None
    to_country: str | None
    units: int
    cost: dict[str, Any] | None
    amount: int | None
    currency: str
    weight_grams: int | None
    shipped_at: datetime | None
    promised_at: datetime | None
    delivered_at: datetime | None
    late: bool
    version: int
    place: Any = None  # in a list that is sorted

    def shown(self) -> ShipmentSummary:
        return ShipmentSummary.model_validate(self._asdict())


COLUMNS = f"""
f.id, f.reference, o.reference as order,
case when %(whom)s then coalesce(f.ship_to ->> 'name', o.customer_name) end as customer_name,
f.status, f.carrier, f.service, f.tracking_number, w.name as warehouse,
coalesce(f.ship_to ->> 'city', o.ship_city) as to_city, coalesce(f.ship_to ->> 'country', o.ship_country) as to_country,
(select coalesce(sum(quantity), 0)::int from fulfilment_lines l where l.merchant_id = %(m)s and l.fulfilment_id = f.id) as units,
case when f.cost is not null then json_build_object('amount', f.cost, 'currency', f.currency) end as cost, f.cost as amount,
f.currency, f.weight_grams, f.shipped_at, f.promised_at, f.delivered_at, {LATE} as late, f.version"""
TABLES = """
from fulfilments f
join orders o on o.merchant_id = %(m)s and o.id = f.order_id
join warehouses w on w.merchant_id = %(m)s and w.id = f.warehouse_id"""
_LIST = f"select {COLUMNS}, {{by}} as place {TABLES} where f.merchant_id = %(m)s {{filters}} order by {{order}} limit %(limit)s"


def sees_whom(ctx: Context) -> bool:
    """Whether the actor may see whom parcels are for: who may see buyers, and who writes the labels."""
    return sees_names(ctx) or ctx.may("transport:write")


class ShipmentSort(StrEnum):
    newest = "newest"
    oldest = "oldest"
    cost = "cost"
    cheapest = "cheapest"
    promised_at = "promised_at"


SORT_WORDS = Synonyms(
    {
        "newest": NEWEST,
        "oldest": OLDEST,
        "cost": (*HIGHEST, "costliest"),
        "cheapest": LOWEST,
        "promised_at": ("promised first", "by promised date"),
    }
)
# What has no such figure is not in a list that is sorted by it.
_SORTS = {
    ShipmentSort.newest: By("f.id", UUID, "f.id"),
    ShipmentSort.oldest: By("f.id", UUID, "f.id", descending=False),
    ShipmentSort.cost: By("f.cost", int, "f.id"),
    ShipmentSort.cheapest: By("f.cost", int, "f.id", descending=False),
    ShipmentSort.promised_at: By("f.promised_at", datetime, "f.id", descending=False),
}
_HAVING = {
    ShipmentSort.cost: "f.cost is not null and f.currency = %(home)s",
    ShipmentSort.cheapest: "f.cost is not null and f.currency = %(home)s",
    ShipmentSort.promised_at: "f.promised_at is not null",
}


class ListShipments(Paged):
    status: list[Annotated[FulfilmentStatus, STATUS_WORDS]] = Field(
        default=[], max_length=15, description="Only in these states."
    )
    open: bool | None = Field(default=None, description="Only those that still go on, or only those that are over.")
    order: OrderRef | None = Field(default=None, description="Only of this order.")
    customer: CustomerRef | None = Field(default=None, description="Only of orders of this customer.")
    carrier: CarrierRef | None = Field(
        default=None, description="Only with this carrier: `CAR-1001`, its code or its name."
    )
    warehouse: WarehouseRef | None = Field(default=None, description="Only from this warehouse.")
    city: City | None = Field(default=None, description="Only to this city.")
    country: Country | None = Field(default=None, description="Only to this country, ISO 3166 alpha-2.")
    sku: VariantRef | None = Field(default=None, description="Only those that have this variant in them.")
    late: bool | None = Field(default=None, description="Only those later than promised, or only the others.")
    tracking_number: Search | None = Field(default=None, description="Only that of the carrier's number.")
    shipped_from: PeriodStart | None = Field(default=None, description="Left at this instant or later, UTC.")
    shipped_until: PeriodEnd | None = Field(default=None, description="Left before this instant, UTC.")
    promised_from: PeriodStart | None = Field(default=None, description="Promised for this instant or later, UTC.")
    promised_until: PeriodEnd | None = Field(default=None, description="Promised for before this instant, UTC.")
    delivered_from: PeriodStart | None = Field(default=None, description="Arrived at this instant or later, UTC.")
    delivered_until: PeriodEnd | None = Field(default=None, description="Arrived before this instant, UTC.")
    product: ProductWords | None = Field(
        default=None, description="Only with this product in them: `PRD-7`, a SKU, or words of its title."
    )
    text: Search | None = Field(
        default=None, description="Words of the order's number, the buyer's name or e-mail, or what was bought."
    )
    count_by: Annotated[str, columns("status", "carrier", "service", "warehouse", "to_country")] | None = COUNT_BY
    sort: Annotated[ShipmentSort, SORT_WORDS] = Field(
        default=ShipmentSort.newest, description="What comes first; costs in the home currency."
    )


@tool(
    route="GET /shipments",
    effect=Effect.read,
    permission="transport:read",
    raises=[Ambiguous],
    examples=["What did we ship today?", "Which parcels are with Rapidex?", "List shipments to Germany of this week"],
)
async def list_shipments(ctx: Context, args: ListShipments) -> Page[ShipmentSummary]:
    """List what was shipped, newest first: by carrier, state, warehouse, country.

    What should have arrived and has not is list_late_shipments; where a parcel is, track_shipment.
    """
    asked = await _asked(ctx, args)
    found, known = await _of_orders(ctx, args)
    own = {"now": ctx.now(), "home": ctx.merchant.currency, "whom": sees_whom(ctx)}
    params = dict(asked.values()) | own | known
    return await sorted_page(
        ctx, args, _LIST, _SORTS[args.sort], [*asked, *found, _HAVING.get(args.sort, "")], params,
        as_=ShipmentRow, show=ShipmentRow.shown, money=("amount", "currency"),
    )  # fmt: skip


_HOLDS = "f.id in (select l.fulfilment_id from fulfilment_lines l join order_lines x on x.merchant_id = %(m)s" + (
    " and x.id = l.order_line_id where l.merchant_id = %(m)s and x.variant_id = %(variant)s)"
)


_HAS = """exists (select from fulfilment_lines l join order_lines x on x.merchant_id = %(m)s and x.id = l.order_line_id
where l.merchant_id = %(m)s and l.fulfilment_id = f.id and x.product_id = any(%(products)s::uuid[]))"""
GOING_TO = {
    "city": "unaccent(lower(coalesce(f.ship_to ->> 'city', o.ship_city))) = %(city)s",
    "country": "coalesce(f.ship_to ->> 'country', o.ship_country) = %(country)s",
}
OF_CUSTOMER = "f.order_id in (select id from orders where merchant_id = %(m)s and customer_id = %(customer)s)"


async def _for_whom(ctx: Context, args: ListShipments) -> dict[str, tuple[str, Any]]:
    asked: dict[str, tuple[str, Any]] = {}
    if args.order:
        asked["f.order_id = %(order)s"] = ("order", (await ctx.find(Order, args.order)).id)
    if args.customer:
        asked[OF_CUSTOMER] = ("customer", (await find_customer(ctx, args.customer)).id)
    return asked


async def _going_to(ctx: Context, args: ListShipments) -> tuple[list[str], dict[str, Any]]:
    """The conditions of a place: parcels are looked up by it where few go there, else they are looked for along the list."""
    params: dict[str, Any] = {"city": args.city and fold(args.city), "country": args.country}
    conditions = [GOING_TO[name] for name, asked in params.items() if asked]
    if not conditions:
        return [], {}
    asked = {**params, "most": MOST_LOOKED_UP + 1}
    found = await ctx.sql.rows(
        "select id from parcels_to(%(city)s::text, %(country)s::text, %(most)s) as id", asked, as_=Found
    )
    if len(found) > MOST_LOOKED_UP:
        return [f"coalesce({condition}, false)" for condition in conditions], params
    return [*conditions, "f.id = any(%(there)s::uuid[])"], params | {"there": [row.id for row in found]}


async def _asked(ctx: Context, args: ListShipments) -> dict[str, tuple[str, Any]]:
    """The conditions of the list, each with its parameter."""
    asked = await _for_whom(ctx, args)
    if args.status:
        asked["f.status = any(%(status)s)"] = ("status", [status.value for status in args.status])
    if args.open is not None:
        over = "f.status <> all(%(over)s)" if args.open else "f.status = any(%(over)s)"
        asked[over] = ("over", [status.value for status in OVER])
    if args.carrier:
        asked["f.carrier_id = %(carrier)s"] = ("carrier", (await find_carrier(ctx, args.carrier)).id)
    if args.warehouse:
        asked["f.warehouse_id = %(warehouse)s"] = ("warehouse", (await find_warehouse(ctx, args.warehouse)).id)
    if args.sku:
        asked[_HOLDS] = ("variant", (await find_variant(ctx, args.sku)).id)
    if args.late is not None:
        asked[f"{LATE} = %(late)s"] = ("late", args.late)
    if args.tracking_number:
        asked["f.tracking_number = %(number)s"] = ("number", compact_number(args.tracking_number))
    return asked | _when(args)


async def _of_orders(ctx: Context, args: ListShipments) -> tuple[list[str], dict[str, Any]]:
    """The conditions on parcels and orders that a place, words or goods tell, and their parameters."""
    conditions, params = await _going_to(ctx, args)
    if args.text:
        said, words = await of_orders(ctx, args.text, "f.order_id")
        conditions.append(said)
        params |= words
    if args.product:
        params["products"] = await products_like(ctx, args.product)
        of_them, orders = await with_goods(ctx, params["products"], "f.order_id")
        conditions += [of_them, _HAS]
        params |= orders
    return conditions, params


def _when(args: ListShipments) -> dict[str, tuple[str, Any]]:
    asked = {
        f"f.{what}_at {beyond} %({what}_{bound})s": (f"{what}_{bound}", getattr(args, f"{what}_{bound}"))
        for what in ("shipped", "promised", "delivered")
        for bound, beyond in (("from", ">="), ("until", "<"))
    }
    return {condition: one for condition, one in asked.items() if one[1] is not None}


class GetShipment(Input):
    shipment: ShipmentRef = Field(description="The shipment, such as `SHP-1001`, or its tracking number.")


@tool(
    route="GET /shipments/{shipment}",
    effect=Effect.read,
    permission="transport:read",
    raises=[Ambiguous],
    examples=["Show shipment SHP-1012", "What is in SHP-1007 and what did it cost?"],
)
async def get_shipment(ctx: Context, args: GetShipment) -> ShipmentDetail:
    """Show a shipment: what is in it, for whom, with whom, what it costs.

    What happened to it on the way is track_shipment.
    """
    return await detail(ctx, (await find_shipment(ctx, args.shipment)).id)


class _Detail(NamedTuple):
    lines: list[dict[str, Any]]
    parcels: list[dict[str, Any]]
    charges: list[dict[str, Any]]
    ship_to: dict[str, Any]
    manifest: str | None
    last_event: dict[str, Any] | None
    label_url: str | None
    label_failure: str | None


_DETAIL = """
select f.parcels, f.charges, f.ship_to, m.reference as manifest,
       array(select json_build_object('sku', x.sku, 'title', x.title, 'quantity', l.quantity)
             from fulfilment_lines l join order_lines x on x.merchant_id = %(m)s and x.id = l.order_line_id
             where l.merchant_id = %(m)s and l.fulfilment_id = f.id order by x.position) as lines,
       (select json_build_object('code', e.code, 'occurred_at', e.occurred_at, 'place', e.place, 'description', e.description)
        from tracking_events e where e.merchant_id = %(m)s and e.fulfilment_id = f.id
        order by e.occurred_at desc, e.id desc limit 1) as last_event, f.label_url,
       (select coalesce(i.outcome ->> 'says', i.outcome ->> 'code') from intents i
        where i.merchant_id = %(m)s and i.order_id = f.order_id and i.subject_id = f.id and i.status = 'failed'
        order by i.id desc limit 1) as label_failure
from fulfilments f left join manifests m on m.merchant_id = %(m)s and m.id = f.manifest_id
where f.merchant_id = %(m)s and f.id = %(id)s
"""


async def detail(ctx: Context, shipment: UUID) -> ShipmentDetail:
    """A shipment as it stands, after whatever the call has written."""
    await ctx.db.flush()
    params = {"m": ctx.merchant.id, "id": shipment, "now": ctx.now(), "whom": sees_whom(ctx)}
    query = f"select {COLUMNS} {TABLES} where f.merchant_id = %(m)s and f.id = %(id)s"
    row = await ctx.sql.row(query, params, as_=ShipmentRow)
    more = await ctx.sql.row(_DETAIL, params, as_=_Detail)
    assert row is not None
    assert more is not None
    return ShipmentDetail.model_validate(row._asdict() | more._asdict())


async def find_shipment(ctx: Context, written: str, *, for_update: bool = False) -> Fulfilment:
    """The shipment of a `SHP-7`, another system's number, or the carrier's tracking number. Raises `Ambiguous` or `NotFound`."""
    query = "select reference from fulfilments where merchant_id = %s and tracking_number = %s order by id desc limit 3"
    if Kind.shipment.canonical(written) == written.strip():
        found = await ctx.sql.rows(query, (ctx.merchant.id, compact_number(written)), as_=_Reference)
        if len(found) > 1:
            raise Ambiguous(f"That tracking number is on {', '.join(row.reference for row in found)}.")
        if found:
            ctx.means(Kind.shipment, written, found[0].reference)
            written = found[0].reference
    return await ctx.find(Fulfilment, written, for_update=for_update)


class _Reference(NamedTuple):
    reference: str


def compact_number(written: str) -> str:
    """A tracking number without the gaps that it is printed with."""
    return "".join(written.split()).upper()
