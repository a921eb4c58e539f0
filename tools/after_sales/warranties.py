"""Goods that break while the shop answers for them: claimed, decided, and taken back as a return where they have to come."""

from calendar import monthrange
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, Self
from uuid import UUID

from pydantic import Field, model_validator

from db.models.after_sales import ClaimStatus, Remedy, ReturnReason, ReturnStatus, ReturnWish, WarrantyClaim
from db.models.orders import Order
from db.references import Kind
from tools.after_sales.fields import Said
from tools.contract import words
from tools.contract.apart import COUNT_BY, columns
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, Conflict
from tools.contract.fields import (
    CustomerRef,
    Day,
    OrderRef,
    PeriodEnd,
    PeriodStart,
    ProductWords,
    Quantity,
    Ref,
    Search,
    Synonyms,
    Text,
    VariantRef,
    Written,
)
from tools.contract.page import Page, Paged
from tools.contract.shop_settings import WARRANTY_MONTHS, chosen
from tools.contract.sorting import NEWEST, OLDEST, By, sorted_page
from tools.rules.lookup import find_customer, products_like
from tools.rules.return_policy import BUILT_IN
from tools.rules.returns import NotInOrder, Sold, Verdict, due_for, impossible, meant, open_return, sold, spread
from tools.rules.told import named_order
from tools.rules.whose import of_orders

ClaimRef = Annotated[Written, Ref(Kind.warranty_claim)]
_WISHES = {
    Remedy.repair: ReturnWish.repair,
    Remedy.replacement: ReturnWish.exchange,
    Remedy.refund: ReturnWish.refund,
}


class ClaimDecision(StrEnum):
    accept = "accept"
    decline = "decline"


DECISION_WORDS = Synonyms(
    {"accept": ("yes", "covered", "approve"), "decline": ("no", "refuse", "reject", "denied", "not covered")}
)
REMEDY_WORDS = Synonyms(
    {
        "repair": ("fix", "mend", "repaired"),
        "replacement": ("a new one", "replace", "new unit"),
        "refund": ("money back", "her money", "his money"),
    }
)
STATUS_WORDS = Synonyms(
    {
        "filed": (
            "open",
            "undecided",
            "to decide",
            "nobody decided",
            "nobody has decided",
            "not decided",
            "not decided yet",
        ),
        "accepted": ("covered",),
        "declined": ("refused", "denied"),
    }
)


class NoWarranty(Conflict):
    """The goods cannot be claimed: they have not left, came back, or the time is over."""

    hint = "check_return_eligibility shows what may come back; to claim all the same, file it with `goodwill`."


class ClaimAlreadyDecided(Conflict):
    """The claim was decided before."""

    hint = "list_warranty_claims shows how. What is new is a new claim."


class FileWarrantyClaim(Input):
    order: OrderRef = Field(description="The order that the goods were of, such as `ORD-1042`.")
    sku: VariantRef | None = Field(
        default=None,
        description="What broke: a SKU such as `LAMP-OAK`, or words of its title; omit where it is the only one.",
    )
    quantity: Quantity = Field(default=1, ge=1, le=100_000, description="Units that are broken.")
    defect: Text = Field(description="What is wrong with it, as the customer said.")
    goodwill: bool = Field(default=False, description="File it though the time of the warranty is over.")


class DecideWarrantyClaim(Input):
    claim: ClaimRef = Field(description="The claim, such as `WAR-3`.")
    decision: Annotated[ClaimDecision, DECISION_WORDS] = Field(description="Accept or decline.")
    remedy: Annotated[Remedy, REMEDY_WORDS] | None = Field(
        default=None, description="What the customer gets, where it is accepted; unless said, a replacement."
    )
    note: Text | None = Field(default=None, description="Why; needed to decline.")

    @model_validator(mode="after")
    def says_why(self) -> Self:
        if self.decision is ClaimDecision.decline and (self.remedy or not self.note):
            raise ValueError("A claim is declined with a `note` that says why, and without a `remedy`.")
        return self


class ClaimState(Result):
    """A warranty claim, and what comes of it."""

    reference: str = Field(description="The claim's reference, such as `WAR-3`.")
    order: str = Field(description="The order's number.")
    sku: str = Field(description="The variant's SKU.")
    quantity: int = Field(description="Units that are broken.")
    status: ClaimStatus = Field(description="Filed, accepted or declined.")
    remedy: Remedy | None = Field(description="What the customer gets.")
    covered_until: date = Field(description="The last day of the warranty.")
    says: str = Field(description="Where it stands, as a sentence.")
    rma: str | None = Field(description="The return by which the goods come in.")
    version: int = Field(description="Grows with each change.")


@tool(
    route="POST /warranty-claims",
    effect=Effect.write,
    permission="after_sales:write",
    raises=[NoWarranty, NotInOrder],
    examples=[
        "The lamp of order 1042 stopped working after eight months",
        "File a warranty claim for the kettle of ORD-1017: it leaks",
    ],
)
async def file_warranty_claim(ctx: Context, args: FileWarrantyClaim) -> ClaimState:
    """Note that goods broke while the shop answers for them, to be decided.

    How long it does is one of the shop's settings. Goods that came broken are a return: request_return.
    """
    order = await ctx.find(Order, args.order, for_update=True)
    lines = await sold(ctx, order)
    alike = meant(ctx, lines, args.sku, order.reference) if args.sku else [_only(lines, order)]
    line, _ = spread(alike, args.quantity)[-1]
    until = await _covered_until(ctx, order, line)
    if why := impossible(line, args.quantity):
        raise NoWarranty(f"{line.sku} of {order.reference}: {why}")
    if until < ctx.now().astimezone(ctx.merchant.zone).date() and not args.goodwill:
        raise NoWarranty(f"The warranty of {line.sku} of {order.reference} was until {words.day(until)}.")

    claim = await ctx.add(
        WarrantyClaim, order_id=order.id, order_line_id=line.id, customer_id=order.customer_id, status=ClaimStatus.filed,
        quantity=args.quantity, defect=args.defect, covered_until=until, filed_at=ctx.now(),
    )  # fmt: skip
    ctx.event("filed", claim, order_id=order.id)
    ctx.tell(
        f"A warranty claim for {args.quantity:,} {line.sku} of {named_order(order)}: “{words.quoted(args.defect)}”."
    )
    ctx.tell(f"The warranty {'was' if until < ctx.now().date() else 'is'} until {words.day(until)}.")
    return _state(claim, order, line.sku, None)


def _only(lines: list[Sold], order: Order) -> Sold:
    """The one line of an order of one. Raises `Ambiguous` for any other."""
    if len(lines) == 1:
        return lines[0]
    there = words.listed([f"{line.units:,} {line.sku} ({line.title})" for line in lines] or ["nothing"])
    raise Ambiguous(f"{order.reference} has {there}.", hint="Say which one, as `sku`.")


async def _covered_until(ctx: Context, order: Order, line: Sold) -> date:
    """The last day on which the shop answers for it, counted from the day when it arrived."""
    arrived = (line.arrived_at or order.placed_at).astimezone(ctx.merchant.zone).date()
    year, month = divmod(arrived.year * 12 + arrived.month - 1 + await chosen(ctx, WARRANTY_MONTHS), 12)
    return date(
        year, month + 1, min(arrived.day, monthrange(year, month + 1)[1])
    )  # 29 February has no twin in most years


@tool(
    route="POST /warranty-claims/{claim}/decision",
    effect=Effect.goods,
    permission="after_sales:write",
    raises=[ClaimAlreadyDecided, NoWarranty],
    examples=["WAR-3 is covered, send her a new one", "Decline WAR-1005, he dropped it"],
)
async def decide_warranty_claim(ctx: Context, args: DecideWarrantyClaim) -> ClaimState:
    """Say yes or no to a warranty claim.

    An accepted one opens a return that is approved already: the goods come in, are inspected, and are settled as the remedy says,
    without fees.
    """
    claim, order = await _locked(ctx, args.claim)
    if claim.status is not ClaimStatus.filed:
        raise ClaimAlreadyDecided(f"{claim.reference} was {claim.status} before.")
    line = next(one for one in await sold(ctx, order) if one.id == claim.order_line_id)
    what = f"{claim.reference}, {claim.quantity:,} {line.sku} of {named_order(order)},"
    if args.decision is ClaimDecision.decline:
        ctx.edit(claim, None, decided_at=ctx.now(), note=args.note)
        ctx.move(claim, ClaimStatus.declined, order_id=order.id)
        ctx.tell(f"{what} is declined: “{words.quoted(args.note or '')}”.")
        return _state(claim, order, line.sku, None)

    remedy = args.remedy or Remedy.replacement
    rma = await _take_back(ctx, claim, order, line, remedy)
    ctx.edit(claim, None, decided_at=ctx.now(), note=args.note, remedy=remedy)
    ctx.move(claim, ClaimStatus.accepted, order_id=order.id, remedy=remedy)
    ctx.tell(
        f"{claim.reference}, {claim.quantity:,} {line.sku} of {named_order(order)}, is accepted: {words.word(remedy)}."
    )
    ctx.tell("A return is approved for it; the shop pays the way back, and nothing is kept.")
    return _state(claim, order, line.sku, rma)


async def _locked(ctx: Context, written: str) -> tuple[WarrantyClaim, Order]:
    """A claim and its order, locked in the order of all returns: the order first."""
    found = await ctx.find(WarrantyClaim, written)
    order = await ctx.db.get_one(
        Order, (ctx.merchant.id, found.order_id), with_for_update={"key_share": True}, populate_existing=True
    )
    return await ctx.find(WarrantyClaim, written, for_update=True), order


async def _take_back(ctx: Context, claim: WarrantyClaim, order: Order, line: Sold, remedy: Remedy) -> str:
    """An approved return of what broke, under terms of the warranty's own. Raises `NoWarranty` where it came back meanwhile."""
    if why := impossible(line, claim.quantity):
        raise NoWarranty(f"{line.sku} of {order.reference}: {why}")
    terms = BUILT_IN.rule_for(ReturnReason.defective, [])
    asked = [Verdict(line, claim.quantity, terms, True, claim.covered_until, "")]
    due = due_for(ctx, order, [(terms, line.worth(claim.quantity))], 0)
    row = await open_return(
        ctx, order, asked, due, {line.id: ReturnReason.defective}, status=ReturnStatus.approved, wanted=_WISHES[remedy],
        note=claim.defect,
    )  # fmt: skip
    await ctx.db.flush()
    claim.return_id = row.id
    return row.reference


def _state(claim: WarrantyClaim, order: Order, sku: str, rma: str | None) -> ClaimState:
    goods = f"{claim.quantity:,} {sku} of {order.reference}"
    decided = f"{claim.status}: {words.word(claim.remedy)}, by {rma}" if rma and claim.remedy else str(claim.status)
    stands = "waits to be decided" if claim.status is ClaimStatus.filed else f"is {decided}"
    return ClaimState(
        reference=claim.reference, order=order.reference, sku=sku, quantity=claim.quantity, status=claim.status,
        remedy=claim.remedy, covered_until=claim.covered_until, rma=rma, version=claim.version,
        says=f"{claim.reference} for {goods} {stands}; the warranty lasts until {words.day(claim.covered_until)}.",
    )  # fmt: skip


class ClaimSort(StrEnum):
    newest = "newest"
    oldest = "oldest"


SORT_WORDS = Synonyms({"newest": NEWEST, "oldest": OLDEST})
_SORTS = {
    ClaimSort.newest: By("w.filed_at", datetime, "w.id"),
    ClaimSort.oldest: By("w.filed_at", datetime, "w.id", descending=False),
}


class ListWarrantyClaims(Paged):
    claim: ClaimRef | None = Field(default=None, description="Only this one, such as `WAR-3`.")
    status: list[Annotated[ClaimStatus, STATUS_WORDS]] = Field(
        default=[], max_length=3, description="Only where it stands so."
    )
    order: OrderRef | None = Field(default=None, description="Only of this order, such as `ORD-1042`.")
    customer: CustomerRef | None = Field(default=None, description="Only of this customer.")
    product: ProductWords | None = Field(
        default=None, description="Only of this product: `PRD-7`, a SKU, or its words."
    )
    filed_from: PeriodStart | None = Field(default=None, description="Filed at this instant or later, UTC.")
    filed_until: PeriodEnd | None = Field(default=None, description="Filed before this instant, UTC.")
    covered_from: Day | None = Field(default=None, description="The warranty ends on this day or later.")
    covered_until: Day | None = Field(default=None, description="The warranty ends on this day or before.")
    remedy: Annotated[Remedy, REMEDY_WORDS] | None = Field(
        default=None, description="Only where the customer gets this."
    )
    text: Search | None = Field(
        default=None, description="Words of the order's number, the buyer's name or e-mail, or what was bought."
    )
    count_by: Annotated[str, columns("status", "remedy")] | None = COUNT_BY
    sort: Annotated[ClaimSort, SORT_WORDS] = Field(default=ClaimSort.newest, description="Newest or oldest first.")


class ClaimSummary(Result):
    """A warranty claim, in one line."""

    reference: str = Field(description="The claim's reference.")
    order: str = Field(description="The order's number.")
    sku: str = Field(description="The variant's SKU.")
    title: str = Field(description="What it is called.")
    quantity: int = Field(description="Units that are broken.")
    status: ClaimStatus = Field(description="Filed, accepted or declined.")
    remedy: Remedy | None = Field(description="What the customer gets.")
    defect: Said = Field(description="What is wrong with it.")
    covered_until: date = Field(description="The last day of the warranty.")
    rma: str | None = Field(description="The return by which the goods come in.")
    filed_at: datetime = Field(description="Since when, UTC.")


class _Row(NamedTuple):
    id: UUID
    place: Any
    reference: str
    order: str
    sku: str
    title: str
    quantity: int
    status: str
    remedy: str | None
    defect: str
    covered_until: date
    rma: str | None
    filed_at: datetime


_LIST = """
select w.id, {by} as place, w.reference, o.reference as order, l.sku, l.title, w.quantity, w.status, w.remedy,
       w.defect, w.covered_until, r.reference as rma, w.filed_at
from warranty_claims w
join orders o on o.merchant_id = %(m)s and o.id = w.order_id
join order_lines l on l.merchant_id = %(m)s and l.id = w.order_line_id
left join returns r on r.merchant_id = %(m)s and r.id = w.return_id
where w.merchant_id = %(m)s{filters}
order by {order} limit %(limit)s
"""


@tool(
    route="GET /warranty-claims",
    effect=Effect.read,
    permission="after_sales:read",
    raises=[],
    examples=["Which warranty claims are undecided?", "Warranty claims for the oak lamp this year"],
)
async def list_warranty_claims(ctx: Context, args: ListWarrantyClaims) -> Page[ClaimSummary]:
    """List warranty claims, the newest first: by state, order, customer, product."""
    conditions, params = await _asked(ctx, args)
    return await sorted_page(
        ctx, args, _LIST, _SORTS[args.sort], conditions, params,
        as_=_Row, show=lambda row: ClaimSummary.model_validate(row._asdict()),
    )  # fmt: skip


async def _asked(ctx: Context, args: ListWarrantyClaims) -> tuple[list[str], dict[str, Any]]:
    """The conditions of the list, and their parameters."""
    order = await ctx.find(Order, args.order) if args.order else None
    customer = await find_customer(ctx, args.customer) if args.customer else None
    products = await products_like(ctx, args.product) if args.product else None
    said, words = await of_orders(ctx, args.text, "w.order_id") if args.text else ("", {})
    claim = await ctx.find(WarrantyClaim, args.claim) if args.claim else None
    asked: dict[str, Any] = {
        "w.id = %(claim)s": claim,
        "w.status = any(%(status)s)": args.status or None,
        "w.order_id = %(order)s": order,
        "w.customer_id = %(customer)s": customer,
        "l.product_id = any(%(products)s::uuid[])": products,
        "w.filed_at >= %(filed_from)s": args.filed_from,
        "w.filed_at < %(filed_until)s": args.filed_until,
        "w.covered_until >= %(covered_from)s": args.covered_from,
        "w.covered_until <= %(covered_until)s": args.covered_until,
        "w.remedy = %(remedy)s": args.remedy,
        said: said or None,
    }
    params: dict[str, Any] = {
        **args.model_dump(), "m": ctx.merchant.id, "status": [one.value for one in args.status],
        "claim": claim and claim.id, "order": order and order.id, "customer": customer and customer.id, "products": products,
        **words,
    }  # fmt: skip
    return [condition for condition, value in asked.items() if value is not None], params
