"""What passed between customers and the shop: calls, letters, chats, and what the shop sent them."""

from datetime import datetime
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.customers import Delivery, Direction, Interaction, InteractionChannel
from db.models.orders import Order
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict
from tools.contract.fields import CustomerRef, Instant, OrderRef, PeriodEnd, PeriodStart, Synonyms, Text
from tools.contract.page import Page, Paged, paged, place
from tools.customers.addresses import CustomerErased, writable
from tools.customers.fields import Line, NotYet, Said, in_the_past
from tools.rules.lookup import find_customer

CHANNEL_WORDS = Synonyms(
    {
        "email": ("e-mail", "mail", "wrote"),
        "phone": ("call", "called", "rang", "telephone", "on the phone"),
        "chat": ("live chat", "whatsapp", "messenger"),
        "store": ("in the shop", "in person", "at the counter", "came by"),
        "marketplace": ("amazon", "ebay", "etsy"),
        "post": ("letter", "by letter"),
        "other": ("otherwise",),
    }
)
DIRECTION_WORDS = Synonyms(
    {
        "incoming": ("they called", "from the customer", "inbound"),
        "outgoing": ("we called", "to the customer", "outbound"),
    }
)


class OrderOfAnother(Conflict):
    """The order is another customer's."""

    hint = "Name the customer who placed it, or leave the order out."


class LogInteraction(Input):
    customer: CustomerRef = Field(description="The customer: `CUS-1001`, another shop's number, or the e-mail address.")
    channel: Annotated[InteractionChannel, CHANNEL_WORDS] = Field(
        default=InteractionChannel.other, description="How: e-mail, phone, chat, store, marketplace, post."
    )
    direction: Annotated[Direction, DIRECTION_WORDS] = Field(
        default=Direction.incoming, description="Incoming: from the customer; outgoing: from the shop."
    )
    subject: Line = Field(description="What it was about, in a few words.")
    summary: Text | None = Field(default=None, description="What was said, and what is to be done.")
    order: OrderRef | None = Field(default=None, description="The order that it was about, such as `ORD-1042`.")
    occurred_at: Instant | None = Field(default=None, description="When it was, UTC; unless said, now.")


class ListInteractions(Paged):
    customer: CustomerRef = Field(description="The customer: `CUS-1001`, another shop's number, or the e-mail address.")
    channel: Annotated[InteractionChannel, CHANNEL_WORDS] | None = Field(default=None, description="Only this way.")
    direction: Annotated[Direction, DIRECTION_WORDS] | None = Field(
        default=None, description="Only what came from the customer, or what went to them."
    )
    order: OrderRef | None = Field(default=None, description="Only what was about this order, such as `ORD-1042`.")
    occurred_from: PeriodStart | None = Field(default=None, description="Only from this instant on, UTC.")
    occurred_until: PeriodEnd | None = Field(default=None, description="Only before this instant, UTC.")


class InteractionLine(Result):
    """A call, a letter, a message."""

    occurred_at: datetime = Field(description="When it was, UTC.")
    channel: InteractionChannel = Field(description="How.")
    direction: Direction = Field(description="Incoming: from the customer; outgoing: from the shop.")
    subject: Said = Field(description="What it was about.")
    summary: Said = Field(description="What was said, or written.")
    order: str | None = Field(description="The order that it was about.")
    by: str = Field(description="Who noted or sent it.")
    template: str | None = Field(description="The template of a message that the shop sent; null for all else.")
    delivery: Delivery | None = Field(
        description="How far such a message is: queued, sent, withheld for want of consent, failed."
    )
    trouble: Said | None = Field(description="Why it could not be delivered.")


class _Row(NamedTuple):
    id: UUID
    occurred_at: datetime
    channel: str
    direction: str
    subject: str
    summary: str
    order: str | None
    by: str
    template: str | None
    delivery: str | None
    trouble: str | None


@tool(
    route="POST /customers/{customer}/interactions",
    effect=Effect.write,
    permission="customers:write",
    raises=[OrderOfAnother, NotYet, CustomerErased],
    examples=[
        "Log a call of CUS-1001: asked when her parcel arrives",
        "Note that ana@example.com came by the store and praised the mugs",
    ],
)
async def log_interaction(ctx: Context, args: LogInteraction) -> InteractionLine:
    """Note a call, a letter, a chat or a visit of a customer.

    A remark on an order is add_order_note; a message to the customer is notify_customer.
    """
    at = in_the_past(ctx, args.occurred_at)
    customer = await writable(ctx, args.customer)
    order = await ctx.find(Order, args.order) if args.order else None
    if order and order.customer_id != customer.id:
        raise OrderOfAnother(f"{order.reference} is not an order of {customer.reference}.")
    row = ctx.new(
        Interaction, customer_id=customer.id, order_id=order.id if order else None, channel=args.channel,
        direction=args.direction, subject=args.subject, summary=args.summary or "", actor=ctx.actor.reference, occurred_at=at,
        marketing=False,
    )  # fmt: skip
    about = f" about {order.reference}" if order else ""
    ctx.tell(f"Noted with {customer.name} ({customer.reference}){about}: “{words.quoted(args.subject)}”.")
    return InteractionLine(
        occurred_at=at, channel=row.channel, direction=row.direction, subject=row.subject, summary=row.summary,
        order=order.reference if order else None, by=row.actor, template=None, delivery=None, trouble=None,
    )  # fmt: skip


_LIST = """
select i.id, i.occurred_at, i.channel, i.direction, i.subject, i.summary, o.reference as order, i.actor as by, i.template,
       i.delivery, i.trouble
from interactions i left join orders o on o.merchant_id = %(m)s and o.id = i.order_id
where i.merchant_id = %(m)s and i.customer_id = %(c)s and {conditions}
order by i.occurred_at desc, i.id desc limit %(limit)s
"""


@tool(
    route="GET /customers/{customer}/interactions",
    effect=Effect.read,
    permission="customers:read",
    raises=[],
    examples=["What did CUS-1001 call about?", "Show all contact with ana@example.com"],
)
async def list_interactions(ctx: Context, args: ListInteractions) -> Page[InteractionLine]:
    """List what passed between a customer and the shop, the newest first."""
    customer = await find_customer(ctx, args.customer)
    order = await ctx.find(Order, args.order) if args.order else None
    asked: dict[str, Any] = {
        "i.channel = %(channel)s": args.channel and args.channel.value,
        "i.direction = %(direction)s": args.direction and args.direction.value,
        "i.order_id = %(order)s": order and order.id,
        "i.occurred_at >= %(occurred_from)s": args.occurred_from,
        "i.occurred_at < %(occurred_until)s": args.occurred_until,
    }
    conditions = [condition for condition, value in asked.items() if value is not None]
    params = {"m": ctx.merchant.id, "c": customer.id, **args.model_dump(mode="json"), "order": order and order.id}
    since = place(args.after, datetime, UUID)
    if since:
        conditions.append("(i.occurred_at, i.id) < (%(at)s, %(id)s)")
        params |= {"at": since[0], "id": since[1]}
    page = await paged(
        ctx,
        args,
        _LIST.format(conditions=" and ".join(conditions) or "true"),
        params,
        as_=_Row,
        show=lambda row: InteractionLine.model_validate(row._asdict()),
        at=lambda row: (row.occurred_at, row.id),
    )
    ctx.discloses(1)
    return page
