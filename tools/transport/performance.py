"""How carriers do: in time, how quickly, at what cost, with how much loss and damage, by lane."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from db.money import Money
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous
from tools.contract.fields import CarrierRef, Country, PeriodEnd, PeriodStart, Synonyms
from tools.transport.carriers import find_carrier

DAYS = 90  # back, unless a period is said
MOST = 200  # rows


class GroupBy(StrEnum):
    carrier = "carrier"
    service = "service"
    lane = "lane"


GROUP_WORDS = Synonyms({"service": ("by service",), "lane": ("by country", "by lane", "by destination", "per country")})


class CarrierPerformance(Input):
    group_by: Annotated[GroupBy, GROUP_WORDS] = Field(
        default=GroupBy.carrier,
        description="By carrier, by its services, or by lane: from warehouse's country to country.",
    )
    carrier: CarrierRef | None = Field(default=None, description="Only this carrier: `CAR-1001`, its code or its name.")
    country: Country | None = Field(default=None, description="Only parcels to this country, ISO 3166 alpha-2.")
    shipped_from: PeriodStart | None = Field(
        default=None, description="Left at this instant or later, UTC; 90 days ago unless said."
    )
    shipped_until: PeriodEnd | None = Field(default=None, description="Left before this instant, UTC; now unless said.")


class Performance(Result):
    """How a carrier, a service or a lane did."""

    carrier: str = Field(description="Who carried.")
    service: str | None = Field(description="By which service, where grouped so.")
    lane: str | None = Field(description="From which country to which, where grouped so: `FR-DE`.")
    shipments: int = Field(description="Shipments that left.")
    delivered: int = Field(description="Of these, arrived.")
    late: int = Field(description="Of these, later than promised, arrived or not.")
    on_time_percent: float | None = Field(
        description="In time, per cent of those whose fate is known; null where none is."
    )
    days: float | None = Field(description="Days from the stock to the door, on average; null where none arrived.")
    cost_per_shipment: Money | None = Field(
        description="What a shipment cost on average, minor units; null where nobody said."
    )
    lost: int = Field(description="Shipments that were lost.")
    claims: int = Field(description="Shipments that were claimed from the carrier as damaged or plundered.")
    damage_percent: float = Field(description="Lost, damaged or plundered, per cent of all.")


class PerformanceReport(Result):
    """How carriers did in a time."""

    group_by: GroupBy = Field(description="By what it is grouped.")
    zone: str = Field(description="The shop's time zone.")
    rows: list[Performance] = Field(description="The most shipments first.")
    more: bool = Field(description="Whether there are more than these.")


class _Row(NamedTuple):
    carrier: str
    service: str | None
    lane: str | None
    currency: str
    shipments: int
    delivered: int
    late: int
    known: int
    days: float | None
    cost: int | None
    lost: int
    claims: int


_KEYS = {
    GroupBy.carrier: "null::text as service, null::text as lane",
    GroupBy.service: "f.service, null::text as lane",
    GroupBy.lane: "null::text as service, w.country || '-' || coalesce(f.ship_to ->> 'country', o.ship_country, '?') as lane",
}
_REPORT = """
select f.carrier, {keys}, f.currency, count(*)::int as shipments, count(f.delivered_at)::int as delivered,
       count(*) filter (where coalesce(f.delivered_at, %(now)s) > f.promised_at)::int as late,
       count(*) filter (where f.promised_at is not null and (f.delivered_at is not null or f.promised_at < %(now)s))::int as known,
       round((avg(extract(epoch from f.delivered_at - f.shipped_at)) / 86400)::numeric, 1)::float8 as days,
       round(avg(f.cost))::bigint as cost, count(*) filter (where f.status = 'lost')::int as lost,
       count(*) filter (where exists (select from carrier_claims c where c.merchant_id = %(m)s and c.fulfilment_id = f.id
                                      and c.kind in ('damaged', 'missing_content')))::int as claims
from fulfilments f
join orders o on o.merchant_id = %(m)s and o.id = f.order_id
join warehouses w on w.merchant_id = %(m)s and w.id = f.warehouse_id
where f.merchant_id = %(m)s and f.shipped_at >= %(from)s and f.shipped_at < %(until)s and f.status <> 'voided'
  and f.tracking_number is not null
  and (%(carrier)s::uuid is null or f.carrier_id = %(carrier)s)
  and (%(country)s::text is null or coalesce(f.ship_to ->> 'country', o.ship_country) = %(country)s)
group by 1, 2, 3, 4 order by shipments desc, 1, 2, 3, 4 limit %(limit)s
"""


@tool(
    route="GET /analytics/carriers",
    effect=Effect.read,
    permission="analytics:read",
    heavy=True,
    raises=[Ambiguous],
    examples=["How punctual are our carriers?", "What does a parcel to Germany cost us by carrier?"],
)
async def carrier_performance(ctx: Context, args: CarrierPerformance) -> PerformanceReport:
    """Report how carriers did: in time, days, cost per shipment, loss and damage.

    By carrier, service or lane, of what left in the last 90 days unless a period is said. Costs are minor units.
    """
    until = args.shipped_until or ctx.now()
    params: dict[str, Any] = {
        "m": ctx.merchant.id, "now": ctx.now(), "from": args.shipped_from or until - timedelta(days=DAYS), "until": until,
        "carrier": (await find_carrier(ctx, args.carrier)).id if args.carrier else None, "country": args.country,
        "limit": MOST + 1,
    }  # fmt: skip
    rows = await ctx.sql.rows(_REPORT.format(keys=_KEYS[args.group_by]), params, as_=_Row)
    return PerformanceReport(
        group_by=args.group_by,
        zone=ctx.merchant.zone.key,
        rows=[_shown(row) for row in rows[:MOST]],
        more=len(rows) > MOST,
    )


def _shown(row: _Row) -> Performance:
    known = {name: value for name, value in row._asdict().items() if name in Performance.model_fields}
    return Performance(
        **known,
        on_time_percent=round(100 * (row.known - row.late) / row.known, 1) if row.known else None,
        cost_per_shipment=None if row.cost is None else Money(amount=row.cost, currency=row.currency),
        damage_percent=round(100 * (row.lost + row.claims) / row.shipments, 1),
    )
