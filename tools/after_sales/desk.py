"""The desk: who looks after tickets, until when an answer is owed, and how tickets are shown."""

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from db.models.after_sales import MessageKind, Priority, Ticket, TicketMessage, TicketStatus
from db.models.customers import InteractionChannel
from tools.after_sales.fields import Said
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Result
from tools.contract.fields import Synonyms
from tools.contract.shop_settings import ANSWER_HOURS, chosen

PRIORITY_WORDS = Synonyms(
    {
        "low": ("can wait", "unimportant", "p4"),
        "normal": ("usual", "medium", "p3"),
        "high": ("important", "soon", "p2"),
        "urgent": ("at once", "very angry", "furious", "immediately", "asap", "p1", "lawyer"),
    }
)
STATUS_WORDS = Synonyms(
    {
        "open": (
            "unanswered",
            "to answer",
            "not answered",
            "nobody answered",
            "no one answered",
            "no answer",
            "new",
            "undone",
            "unresolved",
        ),
        "waiting": ("waiting for the customer", "answered", "pending"),
        "closed": ("solved", "resolved", "done", "finished"),
    }
)
CHANNEL_WORDS = Synonyms(
    {
        "email": ("e-mail", "mail", "wrote"),
        "phone": ("call", "called", "rang", "on the phone"),
        "chat": ("live chat", "whatsapp", "messenger"),
        "store": ("in the shop", "in person", "at the counter"),
        "marketplace": ("amazon", "ebay", "etsy"),
        "post": ("letter", "by letter"),
        "other": ("otherwise",),
    }
)
HowUrgent = Annotated[Priority, PRIORITY_WORDS]
HowItCame = Annotated[InteractionChannel, CHANNEL_WORDS]


class TicketState(Result):
    """A ticket, and who owes what until when."""

    reference: str = Field(description="The ticket's reference, such as `TCK-12`.")
    subject: Said = Field(description="What it is about.")
    status: TicketStatus = Field(description="Open is what the shop owes an answer; waiting, what the customer does.")
    priority: Priority = Field(description="Low, normal, high or urgent.")
    assignee: str | None = Field(description="The colleague who looks after it; null for nobody.")
    due_at: datetime | None = Field(description="When the answer is due, UTC; null while none is owed.")
    says: str = Field(description="Where it stands, as a sentence.")
    version: int = Field(description="Grows with each change.")


async def due(ctx: Context, priority: Priority) -> datetime:
    """When an answer is owed that somebody asks for now."""
    return ctx.now() + timedelta(hours=(await chosen(ctx, ANSWER_HOURS))[priority])


def say(ctx: Context, ticket: Ticket, kind: MessageKind, text: str) -> TicketMessage:
    """Something more is said in a ticket."""
    return ctx.new(TicketMessage, ticket_id=ticket.id, kind=kind, text=text, actor=ctx.actor.reference)


def named(ticket: Ticket) -> str:
    """A ticket as people know it, for a sentence of a card."""
    return f"{ticket.reference} (“{words.quoted(ticket.subject)}”)"


def stands(
    ctx: Context, status: TicketStatus, priority: Priority, assignee: str | None, due_at: datetime | None
) -> str:
    """`Open, high, with USR-1002; the answer is due on 2 December 2026 at 14:05 CET.`"""
    who = f"with {assignee}" if assignee else "with nobody"
    begins = f"{str(status).capitalize()}, {priority}, {who}"
    if due_at is None:
        return f"{begins}; {'no answer is owed' if status is TicketStatus.closed else 'the customer is to answer'}."
    at = words.moment(due_at, ctx.merchant.zone)
    return f"{begins}; the answer {f'was due on {at}, and is late' if due_at < ctx.now() else f'is due on {at}'}."


def state_of(ctx: Context, ticket: Ticket) -> TicketState:
    return TicketState(
        reference=ticket.reference, subject=ticket.subject, status=ticket.status, priority=ticket.priority,
        assignee=ticket.assignee, due_at=ticket.due_at, version=ticket.version,
        says=stands(ctx, ticket.status, ticket.priority, ticket.assignee, ticket.due_at),
    )  # fmt: skip
