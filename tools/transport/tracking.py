"""Where parcels are, which are late, and when they will come."""

from datetime import datetime
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.transport import Fulfilment, FulfilmentStatus
from db.text import fold
from tools.contract import words
from tools.contract.apart import COUNT_BY, columns
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous
from tools.contract.fields import (
    CarrierRef,
    City,
    Country,
    CustomerRef,
    Search,
    ShipmentRef,
    UntrustedText,
    WarehouseRef,
)
from tools.contract.page import Page, Paged, paged, place
from tools.rules.lookup import find_customer, find_warehouse
from tools.rules.whose import of_orders
from tools.transport.carriers import UNDER_WAY, find_carrier
from tools.transport.shipments import (
    COLUMNS,
    GOING_TO,
    OF_CUSTOMER,
    TABLES,
    ShipmentSummary,
    TrackingEntry,
    find_shipment,
    sees_whom,
)

OVER = (
    FulfilmentStatus.draft, FulfilmentStatus.rated, FulfilmentStatus.delivered, FulfilmentStatus.returned_to_sender,
    FulfilmentStatus.lost, FulfilmentStatus.voided,
)  # fmt: skip


class TrackShipment(Input):
    shipment: ShipmentRef = Field(description="The shipment, such as `SHP-1001`, or its tracking number.")


class Tracking(Result):
    """Where a shipment is."""

    reference: str = Field(description="The shipment's reference.")
    order: str = Field(description="The order's number.")
    status: FulfilmentStatus = Field(description="How far it has come.")
    carrier: str = Field(description="Who carries it.")
    tracking_number: UntrustedText | None = Field(description="The carrier's number.")
    shipped_at: datetime | None = Field(description="When it left the stock, UTC.")
    promised_at: datetime | None = Field(description="Until when it was promised, UTC.")
    delivered_at: datetime | None = Field(description="When it arrived, UTC.")
    late: bool = Field(description="Whether it came, or is, later than promised.")
    days_late: int = Field(description="Whole days past the promise; 0 in time.")
    estimated_at: datetime | None = Field(
        description="When it should arrive by what was measured, UTC; null where nobody can say."
    )
    estimate: str = Field(description="What the estimate rests on.")
    silent_hours: int | None = Field(description="Hours since the carrier said anything; null once it is over.")
    events: list[TrackingEntry] = Field(description="What the carrier said, latest first.")


class _Row(NamedTuple):
    reference: str
    order: str
    status: FulfilmentStatus
    carrier: str
    tracking_number: str | None
    shipped_at: datetime | None
    promised_at: datetime | None
    delivered_at: datetime | None
    late: bool
    events: list[dict[str, Any]]


_TRACKING = f"""
select f.reference, o.reference as order, f.status, f.carrier, f.tracking_number, f.shipped_at, f.promised_at, f.delivered_at,
       f.promised_at is not null and f.status <> 'voided' and coalesce(f.delivered_at, %(now)s) > f.promised_at as late,
       array(select json_build_object('code', e.code, 'occurred_at', e.occurred_at, 'place', e.place, 'description', e.description)
             from tracking_events e where e.merchant_id = %(m)s and e.fulfilment_id = f.id
             order by e.occurred_at desc, e.id desc limit 100) as events
{TABLES} where f.merchant_id = %(m)s and f.id = %(id)s
"""


@tool(
    route="GET /shipments/{shipment}/tracking",
    effect=Effect.read,
    permission="transport:read",
    raises=[Ambiguous],
    examples=["Where is SHP-1012?", "Track the parcel CO100010014FR"],
)
async def track_shipment(ctx: Context, args: TrackShipment) -> Tracking:
    """Say where a shipment is: the carrier's events, late or not, and a new estimate.

    Also by the carrier's tracking number. The estimate of a late one is measured on this shop's own parcels.
    """
    shipment = await find_shipment(ctx, args.shipment)
    params = {"m": ctx.merchant.id, "id": shipment.id, "now": ctx.now()}
    row = await ctx.sql.row(_TRACKING, params, as_=_Row)
    assert row is not None
    over = shipment.status in OVER
    estimated, why = (
        (None, f"It is {words.word(shipment.status)}.") if over else await estimate(ctx, shipment, late=row.late)
    )
    events = [TrackingEntry.model_validate(event) for event in row.events]
    heard = events[0].occurred_at if events else row.shipped_at
    until = row.delivered_at or ctx.now()
    silent = None if over or heard is None else int((ctx.now() - heard).total_seconds() // 3600)
    return Tracking.model_validate(
        row._asdict()
        | {
            "events": events,
            "days_late": (until - row.promised_at).days if row.late and row.promised_at else 0,
            "estimated_at": estimated,
            "estimate": why,
            "silent_hours": silent,
        }
    )


class _Measured(NamedTuple):
    parcels: int
    longer: int
    arrives: datetime | None


# Of the service's latest parcels that arrived: how long those took that were under way for longer than this one is now.
_ESTIMATE = """
select count(*)::int as parcels, count(*) filter (where took > %(age)s)::int as longer,
       %(shipped)s + percentile_disc(0.5) within group (order by took) filter (where took > %(age)s) as arrives
from (
    select f.delivered_at - f.shipped_at as took from fulfilments f
    where f.merchant_id = %(m)s and f.carrier_id = %(carrier)s and f.service = %(service)s and f.delivered_at is not null
    order by f.shipped_at desc limit 500
) measured
"""


async def estimate(ctx: Context, shipment: Fulfilment, *, late: bool) -> tuple[datetime | None, str]:
    """When it should arrive, and by what that is known."""
    troubled = late or shipment.status in (
        FulfilmentStatus.delayed,
        FulfilmentStatus.on_hold,
        FulfilmentStatus.delivery_failed,
    )
    if not troubled and shipment.promised_at:
        return shipment.promised_at, "It is in time so far: the carrier's promise."
    if shipment.carrier_id is None or shipment.shipped_at is None:
        return None, "The shop has measured nothing of that carrier."
    params = {
        "m": ctx.merchant.id, "carrier": shipment.carrier_id, "service": shipment.service, "shipped": shipment.shipped_at,
        "age": ctx.now() - shipment.shipped_at,
    }  # fmt: skip
    measured = await ctx.sql.row(_ESTIMATE, params, as_=_Measured) or _Measured(0, 0, None)
    if not measured.arrives:
        return (
            None,
            f"It is under way for longer than any of the last {words.count(measured.parcels, 'parcel')} that arrived.",
        )
    share = words.count(measured.longer, "parcel")
    return measured.arrives, f"Half of the {share} that took longer than this one until now had arrived by then."


class LateShipment(ShipmentSummary):
    """A shipment that should have arrived."""

    days_late: int = Field(description="Whole days past the promise.")
    silent_hours: int = Field(description="Hours since the carrier said anything.")
    last_place: UntrustedText | None = Field(description="Where the carrier saw it last.")
    last_description: UntrustedText | None = Field(description="What the carrier said last.")


class ListLateShipments(Paged):
    carrier: CarrierRef | None = Field(
        default=None, description="Only with this carrier: `CAR-1001`, its code or its name."
    )
    country: Country | None = Field(default=None, description="Only to this country, ISO 3166 alpha-2.")
    city: City | None = Field(default=None, description="Only to this city, as buyers write it.")
    warehouse: WarehouseRef | None = Field(default=None, description="Only from this warehouse.")
    customer: CustomerRef | None = Field(default=None, description="Only of orders of this customer.")
    text: Search | None = Field(
        default=None, description="Words of the order's number, the buyer's name or e-mail, or what was bought."
    )
    silent_hours: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        default=None, description="Only those of which the carrier has said nothing for so many hours, such as 72."
    )
    count_by: Annotated[str, columns("carrier", "service", "warehouse", "to_country")] | None = COUNT_BY


class _LateRow(NamedTuple):
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
    promised_at: datetime
    delivered_at: datetime | None
    late: bool
    version: int
    days_late: int
    silent_hours: int
    last_place: str | None
    last_description: str | None

    def shown(self) -> LateShipment:
        return LateShipment.model_validate(self._asdict())


_SILENT = "floor(extract(epoch from %(now)s - coalesce(last.occurred_at, f.shipped_at, f.created_at)) / 3600)::int"
# By how late they are, which no index tells: by that of all promised days, those that came in time would be read too.
_LATE_ONES = f"""
select {COLUMNS}, floor(extract(epoch from %(now)s - f.promised_at) / 86400)::int as days_late, {_SILENT} as silent_hours,
       last.place as last_place, last.description as last_description
{TABLES}
left join lateral (
    select e.occurred_at, e.place, e.description from tracking_events e where e.merchant_id = %(m)s and e.fulfilment_id = f.id
    order by e.occurred_at desc, e.id desc limit 1
) last on true
where f.merchant_id = %(m)s and f.status = any(%(under_way)s) and f.promised_at < %(now)s {{filters}}
order by %(now)s - f.promised_at desc, f.id limit %(limit)s
"""


@tool(
    route="GET /shipments/late",
    effect=Effect.read,
    permission="transport:read",
    raises=[Ambiguous],
    examples=["Which parcels are late?", "Which shipments have not moved for three days?"],
)
async def list_late_shipments(ctx: Context, args: ListLateShipments) -> Page[LateShipment]:
    """List shipments that should have arrived and have not, the latest first.

    With how long the carrier has said nothing of each. A new estimate of one is track_shipment.
    """
    asked: dict[str, tuple[str, Any]] = {}
    if args.carrier:
        asked["f.carrier_id = %(carrier)s"] = ("carrier", (await find_carrier(ctx, args.carrier)).id)
    if args.country:
        asked[GOING_TO["country"]] = ("country", args.country)
    if args.city:
        asked[GOING_TO["city"]] = ("city", fold(args.city))
    if args.warehouse:
        asked["f.warehouse_id = %(from)s"] = ("from", (await find_warehouse(ctx, args.warehouse)).id)
    if args.customer:
        asked[OF_CUSTOMER] = ("customer", (await find_customer(ctx, args.customer)).id)
    if args.silent_hours:
        asked[f"{_SILENT} >= %(silent)s"] = ("silent", args.silent_hours)
    params = dict(asked.values()) | {"m": ctx.merchant.id, "now": ctx.now(), "under_way": list(UNDER_WAY)}
    said, words = await of_orders(ctx, args.text, "f.order_id") if args.text else ("", {})
    params |= words | {"whom": sees_whom(ctx)}
    if since := place(args.after, datetime, UUID):
        asked["(f.promised_at, f.id) > (%(at)s, %(id)s::uuid)"] = ("at", since[0])
        params |= {"at": since[0], "id": since[1]}
    query = _LATE_ONES.format(filters="".join(f" and {condition}" for condition in (*asked, said) if condition))
    return await paged(
        ctx, args, query, params, as_=_LateRow, show=_LateRow.shown, at=lambda row: (row.promised_at, row.id),
        money=("amount", "currency"),
    )  # fmt: skip
