"""A conversation that a person takes over: with what was asked, and what was found."""

from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field
from sqlalchemy import select

from db.models.after_sales import MessageKind, Priority, Ticket, TicketStatus
from db.models.conversations import Conversation
from db.models.customers import InteractionChannel
from db.models.orders import Order
from db.references import Kind
from tools.after_sales.desk import HowUrgent, TicketState, due, say, state_of
from tools.after_sales.fields import Said
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, tool
from tools.contract.errors import Conflict
from tools.contract.fields import ColleagueRef, CustomerRef, OrderRef, Ref, Text, Written
from tools.rules.colleagues import colleague
from tools.rules.lookup import find_customer

ConversationRef = Annotated[Written, Ref(Kind.conversation)]
THIS = "this"
LATEST = 12  # messages that are handed over
MOST_EVIDENCE = 30


class AlreadyHandedOver(Conflict):
    """A person looks after it already."""

    hint = "What is new is noted in the ticket with reply_to_ticket, `kind` internal."


class HandOver(Input):
    conversation: ConversationRef = Field(
        default=THIS, description="The conversation, such as `CNV-7`; `this` is the one that is going on."
    )
    summary: Text | None = Field(default=None, description="What it is about, what was tried, what is left to do.")
    assignee: ColleagueRef | None = Field(
        default=None, description="Who takes over: `USR-1002` or a name; omit for anybody."
    )
    customer: CustomerRef | None = Field(default=None, description="Whom it is about.")
    order: OrderRef | None = Field(default=None, description="The order that it is about, such as `ORD-1042`.")
    priority: HowUrgent = Field(default=Priority.high, description="How soon somebody takes over.")


class HandedOver(TicketState):
    """The ticket with which a person takes over."""

    conversation: str = Field(description="The conversation's reference.")
    evidence: int = Field(description="Look-ups and changes of the conversation that go along.")
    summary: Said = Field(description="What the colleague reads first.")


class _Message(NamedTuple):
    role: str
    text: str
    data: dict[str, Any]


class _Found(NamedTuple):
    id: UUID
    reference: str


_LAST = """
select role, text, data from messages where merchant_id = %(m)s and conversation_id = %(c)s order by id desc limit %(latest)s
"""
_GOING_ON = """
select c.id, c.reference from turns t join conversations c on c.merchant_id = %(m)s and c.id = t.conversation_id
where t.merchant_id = %(m)s and c.owner = %(owner)s and t.status in ('running', 'waiting') order by t.id desc limit 1
"""


@tool(
    route="POST /conversations/{conversation}/hand-over",
    effect=Effect.write,
    permission="after_sales:write",
    raises=[AlreadyHandedOver],
    examples=[
        "Pass this to a colleague",
        "I would rather talk to a person",
        "Julia should take over this conversation",
    ],
)
async def hand_over(ctx: Context, args: HandOver) -> HandedOver:
    """Pass a conversation to a person, as a ticket with its summary and evidence.

    The evidence is what was looked up and changed in it. Only one's own conversations can be passed on.
    """
    conversation = await _conversation(ctx, args.conversation)
    await _refuse_twice(ctx, conversation)
    order = await ctx.find(Order, args.order) if args.order else None
    customer = await find_customer(ctx, args.customer) if args.customer else None
    person = await colleague(ctx, args.assignee) if args.assignee else None
    messages = await ctx.sql.rows(_LAST, {"m": ctx.merchant.id, "c": conversation.id, "latest": LATEST}, as_=_Message)
    summary = args.summary or _summary(conversation, messages)

    evidence = _evidence(messages)
    ticket = await ctx.add(
        Ticket, status=TicketStatus.open, priority=args.priority, channel=InteractionChannel.chat,
        subject=words.quoted(conversation.title or summary), customer_id=customer.id if customer else order and order.customer_id,
        order_id=order.id if order else None, conversation_id=conversation.id, assignee=person.reference if person else None,
        evidence=evidence, opened_by=ctx.actor.reference, opened_at=ctx.now(), due_at=await due(ctx, args.priority),
    )  # fmt: skip
    await ctx.db.flush()
    say(ctx, ticket, MessageKind.internal, summary)
    ctx.event("opened", ticket, order_id=ticket.order_id, conversation=conversation.reference)
    who = person.name if person else "Whoever is free"
    ctx.tell(f"{who} takes {conversation.reference} over, as a ticket of priority {args.priority}.")
    ctx.tell(
        f"They read: “{words.quoted(summary)}”, and {words.count(len(evidence), 'look-up or change', 'look-ups and changes')}."
    )
    return HandedOver(
        **state_of(ctx, ticket).model_dump(),
        conversation=conversation.reference,
        evidence=len(evidence),
        summary=summary,
    )


async def _conversation(ctx: Context, written: str) -> Conversation:
    """One's own conversation: the one that was named, or the one that is going on. Raises `NotFound`."""
    name = written
    if written.casefold() == THIS:
        going_on = {"m": ctx.merchant.id, "owner": ctx.actor.reference}
        found = await ctx.sql.row(_GOING_ON, going_on, as_=_Found)
        name = found.reference if found else written
        ctx.means(Kind.conversation, written, name)
    conversation = await ctx.find(Conversation, name)
    if conversation.owner != ctx.actor.reference:
        raise await ctx.not_found(Kind.conversation, written)
    return conversation


async def _refuse_twice(ctx: Context, conversation: Conversation) -> None:
    """Raise while somebody looks after it. Two at once meet at the conversation's row."""
    await ctx.find(Conversation, conversation.reference, for_update=True)
    query = select(Ticket).where(
        Ticket.merchant_id == ctx.merchant.id,
        Ticket.conversation_id == conversation.id,
        Ticket.status != TicketStatus.closed,
    )
    if ticket := (await ctx.db.scalars(query.limit(1))).first():
        who = ticket.assignee or "whoever is free"
        raise AlreadyHandedOver(f"{conversation.reference} was handed over to {who} as {ticket.reference}.")


def _summary(conversation: Conversation, messages: list[_Message]) -> str:
    """What was asked last, where nobody sums it up."""
    asked = [words.quoted(one.text) for one in reversed(messages) if one.role == "person"]
    return (
        "\n".join(["Asked in the conversation:", *asked[-3:]])
        if asked
        else conversation.title or "A person was asked for."
    )


def _evidence(messages: list[_Message]) -> list[dict[str, Any]]:
    """What was called, with what, what came of it, and of which rows it spoke; oldest first."""
    made: list[dict[str, Any]] = [one for message in reversed(messages) for one in message.data.get("tools", [])]
    kept = ("tool", "arguments", "outcome", "references")
    return [{name: one[name] for name in kept} for one in made[-MOST_EVIDENCE:]]
