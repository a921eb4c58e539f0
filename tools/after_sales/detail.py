"""One return in full, read in one statement."""

from datetime import datetime
from typing import Any, NamedTuple

from pydantic import Field

from db.models.after_sales import Condition, Disposition, TicketStatus
from db.money import Money
from db.references import Kind, oldest_first
from tools.after_sales.fields import ReturnRef, Said
from tools.after_sales.shown import ReturnStanding, rule_of, says
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous
from tools.rules.whose import sees_names


class GetReturn(Input):
    rma: ReturnRef = Field(description="The return, such as `RMA-17`.")


class InspectedUnits(Result):
    """Units that were looked at."""

    sku: str = Field(description="The variant's SKU.")
    quantity: int = Field(description="Units.")
    condition: Condition = Field(description="How they are.")
    disposition: Disposition | None = Field(description="What becomes of them; null for what was missing.")
    accepted: bool = Field(description="Whether they are paid for.")
    note: Said | None = Field(description="What was noted.")
    by: str = Field(description="Who looked.")
    inspected_at: datetime = Field(description="When, UTC.")


class ReturnTicket(Result):
    """A ticket about the return."""

    reference: str = Field(description="The ticket's reference.")
    status: TicketStatus = Field(description="Where it stands.")
    subject: Said = Field(description="What it is about.")


class ReturnDetail(ReturnStanding):
    """A return with all that belongs to it."""

    customer: str | None = Field(description="The customer's reference; null for a guest.")
    customer_name: Said | None = Field(description="Who bought; null where the caller may not see it.")
    note: Said | None = Field(description="What the customer said, and what was noted since.")
    photos: list[str] = Field(description="Files that show it.")
    settle_by: str | None = Field(
        description="The customer's saved method onto which the refund goes, or by which a difference is settled."
    )
    keeps_goods: bool = Field(description="Whether the customer keeps the goods.")
    tracking_number: Said | None = Field(description="The carrier's number of the parcel back.")
    warehouse: str | None = Field(description="The warehouse that it came to.")
    exchange_order: str | None = Field(description="The order that is sent for it.")
    requested_at: datetime = Field(description="Since when, UTC.")
    approved_at: datetime | None = Field(description="When it was approved, UTC.")
    received_at: datetime | None = Field(description="When it came in, UTC.")
    settled_at: datetime | None = Field(description="When it was settled, UTC.")
    inspections: list[InspectedUnits] = Field(description="What was looked at, oldest first.")
    tickets: list[ReturnTicket] = Field(description="Tickets about it.")


def _money(column: str) -> str:
    return f"json_build_object('amount', {column}, 'currency', r.currency)"


def _list(columns: str, of: str) -> str:
    return f"(select coalesce(json_agg(row_to_json(y)), '[]') from (select {columns} from {of}) y)"


_LINES = _list(
    f"""l.sku, l.title, x.quantity, x.received, x.accepted, x.restocked, x.reason, x.condition, x.disposition,
    (select coalesce(json_agg(w ->> 'quantity' || ' ' || (w ->> 'sku')), '[]') from jsonb_array_elements(x.wants) w) as wants,
    {_money("x.refund")} as worth, x.terms, x.terms ->> 'way_back' as way_back""",
    """return_lines x join order_lines l on l.merchant_id = %(m)s and l.id = x.order_line_id
    where x.merchant_id = %(m)s and x.return_id = r.id order by l.position""",
)
_INSPECTIONS = _list(
    "l.sku, i.quantity, i.condition, i.disposition, i.accepted, i.note, i.actor as by, i.inspected_at",
    """return_lines x join order_lines l on l.merchant_id = %(m)s and l.id = x.order_line_id
    join return_inspections i on i.merchant_id = %(m)s and i.return_line_id = x.id
    where x.merchant_id = %(m)s and x.return_id = r.id order by i.id""",
)
_TICKETS = _list(
    "t.reference, t.status, t.subject", "tickets t where t.merchant_id = %(m)s and t.return_id = r.id order by t.id"
)
_GET = f"""
select r.reference, (select row_to_json(shown) from (select
    r.reference, o.reference as order, r.status, r.reason, r.wanted, {_money("r.refund")} as refund, {_money("r.fee")} as fee,
    {_money("r.shipping")} as shipping, {_money("r.refunded")} as refunded, r.goodwill, r.version,
    case when r.difference is not null then {_money("r.difference")} end as difference, s.reference as settle_by,
    c.reference as customer,
    case when %(names)s then o.customer_name end as customer_name, r.note, r.photos, r.keeps_goods, r.tracking_number,
    w.reference as warehouse, e.reference as exchange_order, r.requested_at, r.approved_at, r.received_at, r.settled_at,
    {_LINES} as lines, {_INSPECTIONS} as inspections, {_TICKETS} as tickets
) shown) as shown
from returns r
join orders o on o.merchant_id = %(m)s and o.id = r.order_id
left join customers c on c.merchant_id = %(m)s and c.id = r.customer_id
left join warehouses w on w.merchant_id = %(m)s and w.id = r.warehouse_id
left join saved_methods s on s.merchant_id = %(m)s and s.id = r.saved_method_id
left join orders e on e.merchant_id = %(m)s and e.id = r.exchange_order_id
where r.merchant_id = %(m)s and (r.reference = %(reference)s or r.external_reference = %(written)s)
order by r.reference <> %(reference)s fetch first row with ties
"""


class _Got(NamedTuple):
    reference: str
    shown: dict[str, Any]


@tool(
    route="GET /returns/{rma}",
    effect=Effect.read,
    permission="returns:read",
    raises=[],
    examples=["How is RMA-17 getting on?", "What did she write as her reason on RMA-23?"],
)
async def get_return(ctx: Context, args: GetReturn) -> ReturnDetail:
    """Show one return: where it stands, what comes back, what it gives.

    Amounts are minor units of the order's currency. The returns of an order are in get_order and list_returns.
    """
    names = sees_names(ctx)
    params = {
        "m": ctx.merchant.id, "reference": Kind.return_.canonical(args.rma), "written": args.rma.strip(), "names": names,
    }  # fmt: skip
    found = await ctx.sql.rows(_GET, params, as_=_Got)
    if not found:
        raise await ctx.not_found(Kind.return_, args.rma)
    if len(found) > 1:
        raise Ambiguous(f"{args.rma} fits {', '.join(oldest_first(row.reference for row in found))}.")
    shown = found[0].shown
    money = {name: Money.model_validate(shown[name]) for name in ("refund", "fee", "refunded")}
    lines = [{**line, "rule": rule_of(line["terms"])} for line in shown["lines"]]
    sentence = says(shown["reference"], shown["order"], shown["status"], **money)
    return ReturnDetail.model_validate({**shown, "lines": lines, "says": sentence})
