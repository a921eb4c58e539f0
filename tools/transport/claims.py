"""What carriers shall pay for: parcels lost, damaged, plundered or late, with the evidence that the shop has of itself."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field, StringConstraints
from sqlalchemy import select

from db.models.orders import Order
from db.models.transport import CarrierClaim, ClaimKind, ClaimStatus, Fulfilment, FulfilmentStatus
from db.money import Money
from tools.contract import words
from tools.contract.apart import COUNT_BY, columns
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, Conflict
from tools.contract.fields import (
    CarrierRef,
    CustomerRef,
    MinorUnits,
    OrderRef,
    PeriodEnd,
    PeriodStart,
    Search,
    ShipmentRef,
    Synonyms,
    Text,
    Untrusted,
    UntrustedText,
)
from tools.contract.page import Page, Paged
from tools.contract.sorting import HIGHEST, LOWEST, NEWEST, OLDEST, By, sorted_page
from tools.rules.lookup import find_customer
from tools.rules.whose import of_orders
from tools.transport.carriers import find_carrier
from tools.transport.shipments import OF_CUSTOMER, find_shipment

KIND_WORDS = Synonyms(
    {
        "lost": ("missing", "never arrived", "vanished"),
        "damaged": ("broken", "crushed", "smashed"),
        "missing_content": ("plundered", "incomplete", "something missing from the parcel"),
        "late": ("too late", "delay"),
    }
)
CLAIM_STATUS_WORDS = Synonyms({
    "open": ("pending", "waiting"), "accepted": ("paid", "granted"), "rejected": ("refused", "denied"),
    "withdrawn": ("dropped",),
})  # fmt: skip


class ClaimNotDue(Conflict):
    """What is claimed has not happened, by what is known of the parcel."""

    hint = "track_shipment shows what the carrier said; record what you know with record_tracking_event first."


class AlreadyClaimed(Conflict):
    """That was claimed for this parcel before."""

    hint = "list_carrier_claims shows how far it is."


class ClaimDetail(Result):
    """What a carrier shall pay for."""

    reference: str = Field(description="The claim's reference, such as `CCL-1001`.")
    status: ClaimStatus = Field(description="How far it is.")
    kind: ClaimKind = Field(description="What happened.")
    shipment: str = Field(description="The shipment's reference.")
    order: str = Field(description="The order's number.")
    carrier: str = Field(description="Who carried it.")
    amount: Money = Field(description="What is claimed, minor units.")
    note: UntrustedText | None = Field(description="What was noted.")
    evidence: Annotated[list[str], Untrusted()] = Field(description="What proves it.")
    opened_at: datetime = Field(description="Since when, UTC.")
    version: int = Field(description="Grows with each change.")


class OpenCarrierClaim(Input):
    shipment: ShipmentRef = Field(description="The shipment, such as `SHP-1001`, or its tracking number.")
    kind: Annotated[ClaimKind, KIND_WORDS] = Field(description="What happened to it.")
    amount: MinorUnits | None = Field(
        default=None,
        gt=0,
        le=10**12,
        description="Minor units of the order's currency; omit: what its goods were sold for.",
    )
    note: Text | None = Field(default=None, description="What the carrier should know.")
    evidence: list[Annotated[str, StringConstraints(min_length=1, max_length=300)]] = Field(
        default=[], max_length=20, description="What else proves it, such as photographs by their names."
    )


class _Worth(NamedTuple):
    order: str
    amount: int
    currency: str
    content: str
    last: str | None


_WORTH = """
select o.reference as order, o.currency,
       coalesce(sum(round(x.total::numeric * l.quantity / nullif(x.quantity - x.cancelled, 0))), 0)::bigint as amount,
       string_agg(l.quantity || ' ' || x.sku, ', ' order by x.position) as content,
       (select e.code || ' ' || to_char(e.occurred_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI') from tracking_events e
        where e.merchant_id = %(m)s and e.fulfilment_id = %(id)s order by e.occurred_at desc, e.id desc limit 1) as last
from fulfilments f join orders o on o.merchant_id = %(m)s and o.id = f.order_id
left join fulfilment_lines l on l.merchant_id = %(m)s and l.fulfilment_id = f.id
left join order_lines x on x.merchant_id = %(m)s and x.id = l.order_line_id
where f.merchant_id = %(m)s and f.id = %(id)s group by o.reference, o.currency
"""


@tool(
    route="POST /carrier-claims",
    effect=Effect.outside,
    permission="transport:write",
    raises=[Ambiguous, AlreadyClaimed, ClaimNotDue],
    examples=["SHP-1012 was lost, claim it from the carrier", "Open a claim for SHP-1007: it arrived broken"],
)
async def open_carrier_claim(ctx: Context, args: OpenCarrierClaim) -> ClaimDetail:
    """Claim from a carrier what a lost, damaged, plundered or late parcel cost.

    Minor units of the order's currency. What the shop knows of the parcel is put together as evidence. A parcel that is claimed
    as lost counts as lost; should it turn up, the carrier's next event says so.
    """
    found = await find_shipment(ctx, args.shipment)
    shipment = await ctx.find(Fulfilment, found.reference, for_update=True)
    _refuse_early(ctx, shipment, args.kind)
    await _refuse_twice(ctx, shipment, args.kind)
    worth = await ctx.sql.row(_WORTH, {"m": ctx.merchant.id, "id": shipment.id}, as_=_Worth)
    assert worth is not None
    money = Money(amount=args.amount or max(worth.amount, 1), currency=worth.currency)

    claim = await ctx.add(
        CarrierClaim, status=ClaimStatus.open, kind=args.kind, fulfilment_id=shipment.id, currency=money.currency,
        amount=money.amount, note=args.note, evidence=_evidence(ctx, shipment, worth) + args.evidence,
    )  # fmt: skip
    ctx.event("claimed", claim, order_id=shipment.order_id, claim=args.kind)
    ctx.settled = args.model_copy(update={"amount": money.amount})
    ctx.tell(
        f"{money} are claimed from {shipment.carrier} for {shipment.reference} of {worth.order} ({words.word(args.kind)})."
    )
    if args.kind is ClaimKind.lost and shipment.status is not FulfilmentStatus.lost:
        ctx.edit(shipment, None)
        ctx.move(shipment, FulfilmentStatus.lost, order_id=shipment.order_id)
        ctx.tell(f"{shipment.reference} counts as lost from now on.")
    return ClaimDetail(
        reference=claim.reference, status=claim.status, kind=claim.kind, shipment=shipment.reference, order=worth.order,
        carrier=shipment.carrier, amount=money, note=claim.note, evidence=claim.evidence, opened_at=claim.created_at,
        version=claim.version,
    )  # fmt: skip


def _refuse_early(ctx: Context, shipment: Fulfilment, kind: ClaimKind) -> None:
    arrived = shipment.status in (FulfilmentStatus.delivered, FulfilmentStatus.returned_to_sender)
    overdue = shipment.promised_at is not None and (shipment.delivered_at or ctx.now()) > shipment.promised_at
    gone = FulfilmentStatus.lost in Fulfilment.MOVES[shipment.status] and overdue
    due = {
        ClaimKind.lost: gone or shipment.status is FulfilmentStatus.lost,
        ClaimKind.late: overdue and shipment.status is not FulfilmentStatus.voided,
        ClaimKind.damaged: arrived,
        ClaimKind.missing_content: arrived,
    }
    if not due[kind]:
        promised = (
            f", promised for {words.day(shipment.promised_at.astimezone(ctx.merchant.zone))}"
            if shipment.promised_at
            else ""
        )
        raise ClaimNotDue(
            f"{shipment.reference} is {words.word(shipment.status)}{promised}: it cannot be claimed as {words.word(kind)}."
        )


async def _refuse_twice(ctx: Context, shipment: Fulfilment, kind: ClaimKind) -> None:
    query = select(CarrierClaim).where(
        CarrierClaim.merchant_id == ctx.merchant.id,
        CarrierClaim.fulfilment_id == shipment.id,
        CarrierClaim.kind == kind,
    )
    before = (await ctx.db.scalars(query)).first()
    if before:
        raise AlreadyClaimed(
            f"{before.reference} claims {shipment.reference} as {words.word(kind)}; it is {before.status}."
        )


def _evidence(ctx: Context, shipment: Fulfilment, worth: _Worth) -> list[str]:
    zone = ctx.merchant.zone
    known = [
        ("Tracking number", shipment.tracking_number),
        ("Handed over", shipment.shipped_at and words.moment(shipment.shipped_at, zone)),
        ("Promised until", shipment.promised_at and words.moment(shipment.promised_at, zone)),
        ("Delivered", shipment.delivered_at and words.moment(shipment.delivered_at, zone)),
        ("Last scan", worth.last and words.word(worth.last)),
        ("Content", worth.content),
        ("Sold for", f"{words.money(worth.amount, worth.currency)} ({worth.order})"),
    ]
    return [f"{label}: {value}" for label, value in known if value]


class ClaimSort(StrEnum):
    newest = "newest"
    oldest = "oldest"
    amount = "amount"
    smallest = "smallest"


SORT_WORDS = Synonyms({"newest": NEWEST, "oldest": OLDEST, "amount": HIGHEST, "smallest": LOWEST})
_SORTS = {
    ClaimSort.newest: By("c.id", UUID, "c.id"),
    ClaimSort.oldest: By("c.id", UUID, "c.id", descending=False),
    ClaimSort.amount: By("c.amount", int, "c.id"),
    ClaimSort.smallest: By("c.amount", int, "c.id", descending=False),
}


class ListCarrierClaims(Paged):
    status: Annotated[ClaimStatus, CLAIM_STATUS_WORDS] | None = Field(default=None, description="Only in this state.")
    kind: Annotated[ClaimKind, KIND_WORDS] | None = Field(default=None, description="Only for this.")
    carrier: CarrierRef | None = Field(
        default=None, description="Only from this carrier: `CAR-1001`, its code or its name."
    )
    order: OrderRef | None = Field(default=None, description="Only for parcels of this order.")
    customer: CustomerRef | None = Field(default=None, description="Only for parcels of this customer.")
    text: Search | None = Field(
        default=None, description="Words of the order's number, the buyer's name or e-mail, or what was bought."
    )
    opened_from: PeriodStart | None = Field(default=None, description="Claimed at this instant or later, UTC.")
    opened_until: PeriodEnd | None = Field(default=None, description="Claimed before this instant, UTC.")
    count_by: Annotated[str, columns("status", "kind", "carrier")] | None = COUNT_BY
    sort: Annotated[ClaimSort, SORT_WORDS] = Field(
        default=ClaimSort.newest, description="Newest, oldest, or the highest or lowest amount first."
    )


class _ClaimRow(NamedTuple):
    id: UUID
    place: Any
    reference: str
    status: ClaimStatus
    kind: ClaimKind
    shipment: str
    order: str
    carrier: str
    amount: dict[str, Any]
    minor: int
    currency: str
    note: str | None
    evidence: list[str]
    opened_at: datetime
    version: int

    def shown(self) -> ClaimDetail:
        return ClaimDetail.model_validate(self._asdict())


_CLAIMS = """
select c.id, {by} as place, c.reference, c.status, c.kind, f.reference as shipment, o.reference as order, f.carrier,
       c.amount as minor, c.currency,
       json_build_object('amount', c.amount, 'currency', c.currency) as amount, c.note, c.evidence, c.created_at as opened_at,
       c.version
from carrier_claims c
join fulfilments f on f.merchant_id = %(m)s and f.id = c.fulfilment_id
join orders o on o.merchant_id = %(m)s and o.id = f.order_id
where c.merchant_id = %(m)s {filters} order by {order} limit %(limit)s
"""


@tool(
    route="GET /carrier-claims",
    effect=Effect.read,
    permission="transport:read",
    raises=[Ambiguous],
    examples=["Which claims against carriers are open?", "What did we claim from Rapidex?"],
)
async def list_carrier_claims(ctx: Context, args: ListCarrierClaims) -> Page[ClaimDetail]:
    """List what was claimed from carriers, newest first, with the evidence."""
    asked: dict[str, tuple[str, Any]] = {}
    if args.status:
        asked["c.status = %(status)s"] = ("status", args.status.value)
    if args.kind:
        asked["c.kind = %(kind)s"] = ("kind", args.kind.value)
    if args.carrier:
        asked["f.carrier_id = %(carrier)s"] = ("carrier", (await find_carrier(ctx, args.carrier)).id)
    if args.order:
        asked["f.order_id = %(order)s"] = ("order", (await ctx.find(Order, args.order)).id)
    if args.customer:
        asked[OF_CUSTOMER] = ("customer", (await find_customer(ctx, args.customer)).id)
    if args.opened_from:
        asked["c.created_at >= %(from)s"] = ("from", args.opened_from)
    if args.opened_until:
        asked["c.created_at < %(until)s"] = ("until", args.opened_until)
    said, words = await of_orders(ctx, args.text, "f.order_id") if args.text else ("", {})
    return await sorted_page(
        ctx, args, _CLAIMS, _SORTS[args.sort], [*asked, said], dict(asked.values()) | words,
        as_=_ClaimRow, show=_ClaimRow.shown, money=("minor", "currency"),
    )  # fmt: skip
