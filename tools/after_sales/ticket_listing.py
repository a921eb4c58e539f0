"""Finding tickets, and reading one with all that was said in it."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field
from sqlalchemy import select

from db.models.after_sales import MessageKind, Priority, Return, Ticket, TicketStatus
from db.models.customers import Customer, Delivery, InteractionChannel
from db.models.orders import Order
from tools.after_sales.desk import STATUS_WORDS, HowUrgent, TicketState, state_of
from tools.after_sales.fields import Said
from tools.contract.apart import COUNT_BY, columns
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.fields import (
    ColleagueRef,
    CustomerRef,
    OrderRef,
    PeriodEnd,
    PeriodStart,
    Search,
    Synonyms,
    TicketRef,
    Untrusted,
)
from tools.contract.page import Page, Paged
from tools.contract.sorting import NEWEST, OLDEST, By, sorted_page
from tools.rules.colleagues import colleague
from tools.rules.lookup import containing, find_customer


class TicketSort(StrEnum):
    newest = "newest"
    oldest = "oldest"
    due_at = "due_at"


SORT_WORDS = Synonyms({"newest": NEWEST, "oldest": OLDEST, "due_at": ("due first", "by due date", "most urgent first")})
_NEVER = "'9999-01-01 00:00+00'::timestamptz"  # an answer that nobody waits for
_SORTS = {
    TicketSort.newest: By("t.opened_at", datetime, "t.id"),
    TicketSort.oldest: By("t.opened_at", datetime, "t.id", descending=False),
    TicketSort.due_at: By(f"coalesce(t.due_at, {_NEVER})", datetime, "t.id", descending=False),
}


class GetTicket(Input):
    ticket: TicketRef = Field(description="The ticket, such as `TCK-12`.")


class TicketSaid(Result):
    """Something that was said in a ticket."""

    kind: MessageKind = Field(
        description="Incoming: by the customer; outgoing: to the customer; internal: among colleagues."
    )
    text: Said = Field(description="What was said.")
    by: str = Field(description="Who wrote or noted it.")
    said_at: datetime = Field(description="When, UTC.")
    delivery: Delivery | None = Field(description="How far a mail is: queued, sent, failed.")


class Evidence(Result):
    """What a conversation that was handed over had looked up or done."""

    tool: str = Field(description="The operation.")
    arguments: Annotated[dict[str, Any], Untrusted()] = Field(description="With what.")
    outcome: Said = Field(description="What came of it: done, or why not.")
    references: list[str] = Field(description="The rows that it spoke of.")


class TicketDetail(TicketState):
    """A ticket with all that belongs to it."""

    channel: InteractionChannel = Field(description="How it came in.")
    customer: str | None = Field(description="The customer's reference.")
    customer_name: Said | None = Field(description="What they are called.")
    order: str | None = Field(description="The order that it is about.")
    rma: str | None = Field(description="The return that it is about.")
    opened_by: str = Field(description="Who opened it.")
    opened_at: datetime = Field(description="When, UTC.")
    answered_at: datetime | None = Field(description="When it was first answered, UTC.")
    in_time: bool | None = Field(description="Whether that was in time; null before.")
    escalated_at: datetime | None = Field(description="When it was last passed up, UTC.")
    closed_at: datetime | None = Field(description="When it was closed, UTC.")
    resolution: Said | None = Field(description="How it ended.")
    messages: list[TicketSaid] = Field(description="What was said, oldest first; the last hundred.")
    evidence: list[Evidence] = Field(description="What the conversation had found that was handed over.")


class _Said(NamedTuple):
    kind: str
    text: str
    by: str
    said_at: datetime
    delivery: str | None


_MESSAGES = """
select * from (
    select x.id, x.kind, x.text, x.actor as by, x.created_at as said_at, i.delivery
    from ticket_messages x left join interactions i on i.merchant_id = %(m)s and i.id = x.interaction_id
    where x.merchant_id = %(m)s and x.ticket_id = %(t)s order by x.id desc limit 100) said order by id
"""


@tool(
    route="GET /tickets/{ticket}",
    effect=Effect.read,
    permission="after_sales:read",
    raises=[],
    examples=["What does TCK-12 say?", "Show ticket 1015 with all that was written"],
)
async def get_ticket(ctx: Context, args: GetTicket) -> TicketDetail:
    """Show one ticket: where it stands, when an answer is due, what was said."""
    ticket = await ctx.find(Ticket, args.ticket)
    query = (
        select(Customer.reference, Customer.name, Order.reference, Return.reference)
        .select_from(Ticket)
        .outerjoin(Customer, (Customer.merchant_id == ctx.merchant.id) & (Customer.id == Ticket.customer_id))
        .outerjoin(Order, (Order.merchant_id == ctx.merchant.id) & (Order.id == Ticket.order_id))
        .outerjoin(Return, (Return.merchant_id == ctx.merchant.id) & (Return.id == Ticket.return_id))
        .where(Ticket.merchant_id == ctx.merchant.id, Ticket.id == ticket.id)
    )
    customer, name, order, rma = (await ctx.db.execute(query)).one()
    said = await ctx.sql.rows(
        _MESSAGES.replace("select * from", "select kind, text, by, said_at, delivery from", 1),
        {"m": ctx.merchant.id, "t": ticket.id},
        as_=_Said,
    )
    ctx.discloses(1)
    return TicketDetail(
        **state_of(ctx, ticket).model_dump(), channel=ticket.channel, customer=customer, customer_name=name, order=order, rma=rma,
        opened_by=ticket.opened_by, opened_at=ticket.opened_at, answered_at=ticket.answered_at, in_time=ticket.in_time,
        escalated_at=ticket.escalated_at, closed_at=ticket.closed_at, resolution=ticket.resolution,
        messages=[TicketSaid.model_validate(one._asdict()) for one in said],
        evidence=[Evidence.model_validate(one) for one in ticket.evidence],
    )  # fmt: skip


class ListTickets(Paged):
    status: list[Annotated[TicketStatus, STATUS_WORDS]] = Field(
        default=[], max_length=3, description="Only where it stands so; omit for all that are not closed."
    )
    priority: list[HowUrgent] = Field(default=[], max_length=4, description="Only of these priorities.")
    assignee: ColleagueRef | None = Field(default=None, description="Only those of a colleague: `USR-1002` or a name.")
    mine: bool = Field(default=False, description="Only one's own.")
    unassigned: bool = Field(default=False, description="Only those that nobody looks after.")
    late: bool = Field(default=False, description="Only those whose answer is overdue.")
    customer: CustomerRef | None = Field(default=None, description="Only of this customer.")
    order: OrderRef | None = Field(default=None, description="Only about this order, such as `ORD-1042`.")
    opened_from: PeriodStart | None = Field(default=None, description="Opened at this instant or later, UTC.")
    opened_until: PeriodEnd | None = Field(default=None, description="Opened before this instant, UTC.")
    due_from: PeriodStart | None = Field(default=None, description="Answer due at this instant or later, UTC.")
    due_until: PeriodEnd | None = Field(
        default=None, description="Only those whose answer is due before this instant, UTC."
    )
    text: Search | None = Field(default=None, description="Words of the subject, or of the customer's name or e-mail.")
    count_by: Annotated[str, columns("status", "priority", "assignee")] | None = COUNT_BY
    sort: Annotated[TicketSort, SORT_WORDS] = Field(
        default=TicketSort.newest, description="Newest, oldest, or the next answer due first."
    )


class TicketSummary(Result):
    """A ticket, in one line."""

    reference: str = Field(description="The ticket's reference.")
    subject: Said = Field(description="What it is about.")
    status: TicketStatus = Field(description="Open, waiting for the customer, or closed.")
    priority: Priority = Field(description="Low, normal, high or urgent.")
    assignee: str | None = Field(description="Who looks after it.")
    due_at: datetime | None = Field(description="When the answer is due, UTC.")
    late: bool = Field(description="Whether it is overdue.")
    customer: str | None = Field(description="The customer's reference.")
    customer_name: Said | None = Field(description="What they are called.")
    order: str | None = Field(description="The order that it is about.")
    opened_at: datetime = Field(description="Since when, UTC.")


class _Row(NamedTuple):
    id: UUID
    place: Any
    reference: str
    subject: str
    status: str
    priority: str
    assignee: str | None
    due_at: datetime | None
    late: bool
    customer: str | None
    customer_name: str | None
    order: str | None
    opened_at: datetime


_LIST = """
select t.id, {by} as place, t.reference, t.subject, t.status, t.priority, t.assignee, t.due_at,
       coalesce(t.due_at < %(now)s, false) as late,
       c.reference as customer, c.name as customer_name, o.reference as order, t.opened_at
from (select * from tickets t where t.merchant_id = %(m)s{filters}
      order by {order} limit %(limit)s) t
left join customers c on c.merchant_id = %(m)s and c.id = t.customer_id
left join orders o on o.merchant_id = %(m)s and o.id = t.order_id
order by {order}
"""
_SAID = """(folded(t.subject) like all(%(words)s::text[]) or coalesce((
    select w.words_key like all(%(words)s::text[]) from customers w
    where w.merchant_id = %(m)s and w.id = t.customer_id), false))"""


@tool(
    route="GET /tickets",
    effect=Effect.read,
    permission="after_sales:read",
    raises=[],
    examples=["Which tickets are late?", "My open tickets", "How many complaints has nobody answered?"],
)
async def list_tickets(ctx: Context, args: ListTickets) -> Page[TicketSummary]:
    """List tickets, the newest first; those not closed, unless said otherwise."""
    conditions, params = await _asked(ctx, args)
    page = await sorted_page(
        ctx, args, _LIST, _SORTS[args.sort], conditions, params,
        as_=_Row, show=lambda row: TicketSummary.model_validate(row._asdict()),
    )  # fmt: skip
    ctx.discloses(len({row.customer for row in page.data if row.customer}))
    return page


async def _asked(ctx: Context, args: ListTickets) -> tuple[list[str], dict[str, Any]]:
    """The conditions of the list, and their parameters."""
    customer = await find_customer(ctx, args.customer) if args.customer else None
    order = await ctx.find(Order, args.order) if args.order else None
    person = await colleague(ctx, args.assignee) if args.assignee or args.mine else None
    asked: dict[str, Any] = {
        "t.status = any(%(status)s)": True,
        "t.priority = any(%(priority)s)": args.priority or None,
        "t.assignee = %(assignee)s": person,
        "t.assignee is null": args.unassigned or None,
        "t.due_at < %(now)s": args.late or None,
        "t.due_at >= %(due_from)s": args.due_from,
        "t.due_at < %(due_until)s": args.due_until,
        "t.customer_id = %(customer)s": customer,
        "t.order_id = %(order)s": order,
        "t.opened_at >= %(opened_from)s": args.opened_from,
        "t.opened_at < %(opened_until)s": args.opened_until,
        _SAID: args.text,
    }
    statuses = args.status or [TicketStatus.open, TicketStatus.waiting]
    params: dict[str, Any] = {
        **args.model_dump(), "m": ctx.merchant.id, "now": ctx.now(), "status": [one.value for one in statuses],
        "priority": [one.value for one in args.priority], "assignee": person and person.reference,
        "customer": customer and customer.id, "order": order and order.id, "words": containing(args.text or ""),
    }  # fmt: skip
    return [condition for condition, value in asked.items() if value is not None], params
