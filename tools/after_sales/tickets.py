"""Tickets: opened, given to somebody, answered by mail, passed up, closed. The clock runs while the shop owes an answer."""

from pydantic import Field

from db.models.after_sales import MessageKind, Priority, Return, Ticket, TicketMessage, TicketStatus
from db.models.customers import Customer, CustomerStatus, Delivery, Direction, Interaction, InteractionChannel
from db.models.orders import Order
from tools.after_sales.desk import HowItCame, HowUrgent, TicketState, due, named, say, state_of
from tools.after_sales.fields import Line, ReturnRef
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, tool
from tools.contract.errors import Conflict
from tools.contract.fields import ColleagueRef, CustomerRef, OrderRef, Text, TicketRef
from tools.rules.colleagues import colleague
from tools.rules.lookup import find_customer

REPLY = "ticket_reply"  # what an answer is called among what the shop sent to a customer
_UP = {Priority.low: Priority.normal, Priority.normal: Priority.high}


class OrderOfSomebodyElse(Conflict):
    """The order or the return is not the customer's."""

    hint = "Leave the customer out: the order says who it is."


class TicketClosed(Conflict):
    """It is closed; what is new opens it again."""

    hint = "reply_to_ticket opens it again; a new matter is a new ticket (open_ticket)."


class NobodyToAnswer(Conflict):
    """Nobody knows where to write to."""

    hint = "Note what was said by other means: `kind` internal. An address is added with update_customer."


class OpenTicket(Input):
    subject: Line = Field(description="What it is about, in a few words.")
    text: Text | None = Field(default=None, description="What the customer said.")
    customer: CustomerRef | None = Field(default=None, description="Whose it is; omit where the order says it.")
    order: OrderRef | None = Field(default=None, description="The order that it is about, such as `ORD-1042`.")
    rma: ReturnRef | None = Field(default=None, description="The return that it is about, such as `RMA-17`.")
    priority: HowUrgent = Field(
        default=Priority.normal, description="Low, normal, high or urgent: how soon it is answered."
    )
    channel: HowItCame = Field(default=InteractionChannel.other, description="How it came in.")
    assignee: ColleagueRef | None = Field(
        default=None, description="Who looks after it: `USR-1002` or a colleague's name; omit for nobody yet."
    )


class AssignTicket(Input):
    ticket: TicketRef = Field(description="The ticket, such as `TCK-12`.")
    assignee: ColleagueRef | None = Field(
        default=None, description="Who looks after it from now on: `USR-1002` or a colleague's name; omit for oneself."
    )


class ReplyToTicket(Input):
    ticket: TicketRef = Field(description="The ticket, such as `TCK-12`.")
    text: Text = Field(description="What is written.")
    kind: MessageKind = Field(
        default=MessageKind.outgoing,
        description="Outgoing: a mail to the customer; incoming: what the customer said; internal: for colleagues alone.",
    )


class CloseTicket(Input):
    ticket: TicketRef = Field(description="The ticket, such as `TCK-12`.")
    resolution: Text | None = Field(default=None, description="How it ended.")


class EscalateTicket(Input):
    ticket: TicketRef = Field(description="The ticket, such as `TCK-12`.")
    priority: HowUrgent | None = Field(default=None, description="How urgent it is; omit for one step more.")
    assignee: ColleagueRef | None = Field(default=None, description="Who is to look after it: `USR-1001` or a name.")
    note: Text | None = Field(default=None, description="Why; for colleagues.")


@tool(
    route="POST /tickets",
    effect=Effect.write,
    permission="after_sales:write",
    raises=[OrderOfSomebodyElse],
    examples=[
        "Open a ticket for Ana Torres: her parcel arrived wet",
        "Complaint about order 1042, the gift note was missing",
        "New urgent case of CUS-301, she was charged twice",
    ],
)
async def open_ticket(ctx: Context, args: OpenTicket) -> TicketState:
    """Note something that a person has to look after.

    It says until when an answer is due: how soon depends on the priority, by the shop's settings. What only has to be remembered
    is log_interaction.
    """
    order = await ctx.find(Order, args.order) if args.order else None
    row = await ctx.find(Return, args.rma) if args.rma else None
    customer = await find_customer(ctx, args.customer) if args.customer else None
    whose = (order and order.customer_id, row and row.customer_id, customer and customer.id)
    owners = {one for one in whose if one}
    if len(owners) > 1:
        raise OrderOfSomebodyElse(f"{args.order or args.rma} is not of {args.customer or args.order}.")
    if owners and customer is None:
        customer = await ctx.db.get_one(Customer, (ctx.merchant.id, next(iter(owners))))
    assignee = (await colleague(ctx, args.assignee)) if args.assignee else None

    ticket = await ctx.add(
        Ticket, status=TicketStatus.open, priority=args.priority, channel=args.channel, subject=args.subject,
        customer_id=next(iter(owners), None), order_id=order.id if order else row.order_id if row else None,
        return_id=row.id if row else None, assignee=assignee.reference if assignee else None, opened_by=ctx.actor.reference,
        opened_at=ctx.now(), due_at=await due(ctx, args.priority), evidence=[],
    )  # fmt: skip
    await ctx.db.flush()
    if args.text:
        say(ctx, ticket, MessageKind.incoming, args.text)
    ctx.event("opened", ticket, order_id=ticket.order_id, priority=args.priority)
    _tell_opened(ctx, ticket, args.order or args.rma, customer, assignee.name if assignee else None)
    return state_of(ctx, ticket)


def _tell_opened(ctx: Context, ticket: Ticket, about: str | None, customer: Customer | None, who: str | None) -> None:
    whose = f" for {customer.name} ({customer.reference})" if customer else ""
    what = f" about {about}" if about else ""
    ctx.tell(f"A ticket is opened{whose}{what}: “{words.quoted(ticket.subject)}”, priority {ticket.priority}.")
    if ticket.due_at:
        answers = f"{who} answers" if who else "Somebody answers"
        ctx.tell(f"{answers} until {words.moment(ticket.due_at, ctx.merchant.zone)}.")


@tool(
    route="POST /tickets/{ticket}/assign",
    effect=Effect.write,
    permission="after_sales:write",
    raises=[TicketClosed],
    examples=["TCK-12 goes to Julia", "I take TCK-1015"],
)
async def assign_ticket(ctx: Context, args: AssignTicket) -> TicketState:
    """Give a ticket to a colleague, or take it oneself. Its time goes on."""
    ticket = await _open(ctx, args.ticket)
    person = await colleague(ctx, args.assignee)

    before = ticket.assignee
    ctx.edit(ticket, None, assignee=person.reference)
    ctx.event("assigned", ticket, order_id=ticket.order_id, assignee=person.reference, before=before)
    ctx.tell(f"{person.name} looks after {named(ticket)} from now on{f', instead of {before}' if before else ''}.")
    return state_of(ctx, ticket)


@tool(
    route="POST /tickets/{ticket}/replies",
    effect=Effect.outside,
    permission="after_sales:write",
    raises=[NobodyToAnswer],
    examples=[
        "Reply to TCK-12: a new parcel leaves tomorrow",
        "Note in TCK-1015 for colleagues that the carrier was called",
        "He wrote again in TCK-1020: the lamp still does not work",
    ],
)
async def reply_to_ticket(ctx: Context, args: ReplyToTicket) -> TicketState:
    """Answer a ticket by mail to the customer, or note in it what was said.

    An answer stops the clock; what the customer says starts it, and opens the ticket where it was closed. A note for colleagues
    changes neither. Without a mail server the mail stays in the outbox.
    """
    ticket = await ctx.find(Ticket, args.ticket, for_update=True)
    match args.kind:
        case MessageKind.outgoing:
            await _answer(ctx, ticket, args.text)
        case MessageKind.incoming:
            say(ctx, ticket, args.kind, args.text)
            ctx.tell(f"Noted in {named(ticket)}, from the customer: “{words.quoted(args.text)}”")
            await _owed(ctx, ticket)
        case MessageKind.internal:
            ctx.edit(ticket, None)
            say(ctx, ticket, args.kind, args.text)
            ctx.tell(f"Noted in {named(ticket)} for colleagues: “{words.quoted(args.text)}”")
    return state_of(ctx, ticket)


async def _answer(ctx: Context, ticket: Ticket, text: str) -> None:
    """A mail to the customer. Raises `NobodyToAnswer`."""
    customer = await ctx.db.get(Customer, (ctx.merchant.id, ticket.customer_id)) if ticket.customer_id else None
    if customer is None or customer.email is None or customer.status is CustomerStatus.erased:
        raise NobodyToAnswer(f"{ticket.reference} has no customer whose e-mail address is known.")
    sent = ctx.new(
        Interaction, customer_id=customer.id, order_id=ticket.order_id, channel=InteractionChannel.email,
        direction=Direction.outgoing, subject=f"{ticket.subject} [{ticket.reference}]", summary=text,
        actor=ctx.actor.reference, occurred_at=ctx.now(), template=REPLY, marketing=False, delivery=Delivery.queued,
    )  # fmt: skip
    await ctx.db.flush()
    message: TicketMessage = say(ctx, ticket, MessageKind.outgoing, text)
    message.interaction_id = sent.id
    ctx.enqueue("mail_customer", interaction=str(sent.id))
    in_time = ticket.in_time if ticket.answered_at else ticket.due_at is None or ctx.now() <= ticket.due_at
    ctx.edit(
        ticket, None, answered_at=ticket.answered_at or ctx.now(), in_time=in_time, due_at=None, closed_at=None,
        resolution=None,
    )  # fmt: skip
    if ticket.status is not TicketStatus.waiting:
        ctx.move(ticket, TicketStatus.waiting, order_id=ticket.order_id)
    ctx.tell(f"{customer.name} ({customer.reference}) gets an e-mail at {customer.email} about {named(ticket)}.")
    ctx.tell(f"It says: “{words.quoted(text)}”")


async def _owed(ctx: Context, ticket: Ticket) -> None:
    """The customer said something: an answer is owed, unless one was already."""
    if ticket.status is TicketStatus.open:
        ctx.edit(ticket, None)
        return
    ctx.edit(ticket, None, due_at=await due(ctx, ticket.priority), closed_at=None, resolution=None)
    ctx.move(ticket, TicketStatus.open, order_id=ticket.order_id)
    if ticket.due_at:
        ctx.tell(f"An answer is due until {words.moment(ticket.due_at, ctx.merchant.zone)}.")


@tool(
    route="POST /tickets/{ticket}/close",
    effect=Effect.write,
    permission="after_sales:write",
    raises=[TicketClosed],
    examples=["TCK-12 is solved, close it", "Close ticket 1015: the second parcel arrived"],
)
async def close_ticket(ctx: Context, args: CloseTicket) -> TicketState:
    """Close a ticket, with how it ended.

    What the customer writes later opens it again.
    """
    ticket = await _open(ctx, args.ticket)

    ctx.edit(ticket, None, closed_at=ctx.now(), due_at=None, resolution=args.resolution)
    ctx.move(ticket, TicketStatus.closed, order_id=ticket.order_id)
    how = f": “{words.quoted(args.resolution)}”" if args.resolution else ""
    ctx.tell(f"{named(ticket)} is closed{how}.")
    return state_of(ctx, ticket)


@tool(
    route="POST /tickets/{ticket}/escalate",
    effect=Effect.write,
    permission="after_sales:write",
    raises=[TicketClosed],
    examples=["Escalate TCK-12, he threatens with a lawyer", "TCK-1015 is urgent now, give it to the boss"],
)
async def escalate_ticket(ctx: Context, args: EscalateTicket) -> TicketState:
    """Make a ticket more urgent, and pass it on to whoever is named.

    The answer is due sooner.
    """
    ticket = await _open(ctx, args.ticket)
    person = await colleague(ctx, args.assignee) if args.assignee else None
    priority = args.priority or _UP.get(ticket.priority, Priority.urgent)
    sooner = await due(ctx, priority)

    ctx.edit(
        ticket, None, priority=priority, escalated_at=ctx.now(), due_at=min(ticket.due_at, sooner) if ticket.due_at else None,
        assignee=person.reference if person else ticket.assignee,
    )  # fmt: skip
    ctx.event("escalated", ticket, order_id=ticket.order_id, priority=priority, assignee=ticket.assignee)
    if args.note:
        say(ctx, ticket, MessageKind.internal, args.note)
    goes = f" and goes to {person.name}" if person else ""
    ctx.tell(f"{named(ticket)} becomes {priority}{goes}.")
    if ticket.due_at:
        ctx.tell(f"An answer is due until {words.moment(ticket.due_at, ctx.merchant.zone)}.")
    return state_of(ctx, ticket)


async def _open(ctx: Context, written: str) -> Ticket:
    """A ticket that is not closed, locked. Raises `TicketClosed`."""
    ticket = await ctx.find(Ticket, written, for_update=True)
    if ticket.status is TicketStatus.closed:
        raise TicketClosed(
            f"{ticket.reference} is closed since {words.moment(ticket.closed_at or ctx.now(), ctx.merchant.zone)}."
        )
    return ticket
