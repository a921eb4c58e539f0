"""What was noted about an order, and all that happened to it."""

from datetime import datetime
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.orders import NoteVisibility, Order, OrderNote
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.fields import OrderRef, Synonyms, Text, Untrusted, UntrustedText
from tools.contract.page import Page, Paged, paged, place
from tools.rules.told import named_order

VISIBILITY_WORDS = Synonyms(
    {
        "internal": ("private", "for us", "staff only", "team"),
        "customer": ("public", "visible to the customer", "shown to the customer", "for the customer"),
    }
)


class AddOrderNote(Input):
    order: OrderRef = Field(description="The order, such as `ORD-1042`.")
    text: Text = Field(description="What is to be remembered.")
    visibility: Annotated[NoteVisibility, VISIBILITY_WORDS] = Field(
        default=NoteVisibility.internal, description="Internal, or shown to the customer."
    )


class AddedNote(Result):
    """The note as it stands now."""

    order: str = Field(description="The order's number.")
    visibility: NoteVisibility = Field(description="Internal, or shown to the customer.")
    text: UntrustedText = Field(description="What was written.")
    author: str = Field(description="Who wrote it.")
    written_at: datetime = Field(description="When, UTC.")


@tool(
    route="POST /orders/{order}/notes",
    effect=Effect.write,
    permission="orders:write",
    raises=[],
    examples=[
        "Note on ORD-1042: gift wrap, no invoice in the parcel",
        "Leave a note on order 1042 that Ana called about it",
    ],
)
async def add_order_note(ctx: Context, args: AddOrderNote) -> AddedNote:
    """Write a note on an order, for colleagues or for the customer to see."""
    order = await ctx.find(Order, args.order)
    note = ctx.new(OrderNote, order_id=order.id, visibility=args.visibility, text=args.text, author=ctx.actor.name)
    ctx.event("noted", order, order_id=order.id, visibility=args.visibility)
    _tell(ctx, order, args)
    return AddedNote(
        order=order.reference,
        visibility=note.visibility,
        text=note.text,
        author=note.author,
        written_at=note.created_at,
    )


def _tell(ctx: Context, order: Order, args: AddOrderNote) -> None:
    readers = "for the customer to see" if args.visibility is NoteVisibility.customer else "for colleagues"
    ctx.tell(f"{named_order(order)} gets a note {readers}: “{words.quoted(args.text)}”")


class GetOrderTimeline(Paged):
    order: OrderRef = Field(description="The order, such as `ORD-1042`.")


class TimelineEntry(Result):
    """Something that happened."""

    happened_at: datetime = Field(description="When, UTC.")
    what: str = Field(description="What happened: `placed`, `captured`, `picked_up`, `released`.")
    subject: str = Field(description="To what: order, payment, shipment, return, reservation.")
    reference: str | None = Field(description="Which one.")
    actor: str = Field(description="Who or what did it: a person's or a key's reference, or a part of the system.")
    actor_name: str | None = Field(description="What they are called.")
    details: Annotated[dict[str, Any], Untrusted()] = Field(
        description="What else is known, such as the status before."
    )


class _Entry(NamedTuple):
    id: UUID
    created_at: datetime
    kind: str
    subject_kind: str
    reference: str | None
    actor: str
    actor_name: str | None
    data: dict[str, Any]


_TIMELINE = """
select e.id, e.created_at, e.kind, e.subject_kind, e.actor, e.data, coalesce(u.name, k.name) as actor_name,
       coalesce(o.reference, p.reference, f.reference, r.reference, s.reference, i.reference) as reference
from events e
left join orders o on o.merchant_id = e.merchant_id and o.id = e.subject_id
left join payments p on p.merchant_id = e.merchant_id and p.id = e.subject_id
left join fulfilments f on f.merchant_id = e.merchant_id and f.id = e.subject_id
left join returns r on r.merchant_id = e.merchant_id and r.id = e.subject_id
left join reservations s on s.merchant_id = e.merchant_id and s.id = e.subject_id
left join intents i on i.merchant_id = e.merchant_id and i.id = e.subject_id
left join memberships m on m.merchant_id = e.merchant_id and m.reference = e.actor
left join users u on u.id = m.user_id
left join api_keys k on k.merchant_id = e.merchant_id and k.reference = e.actor
where e.merchant_id = %(m)s and e.order_id = %(order)s
  and (%(at)s::timestamptz is null or (e.created_at, e.id) > (%(at)s, %(id)s::uuid))
order by e.created_at, e.id limit %(limit)s
"""


@tool(
    route="GET /orders/{order}/timeline",
    effect=Effect.read,
    permission="orders:read",
    raises=[],
    examples=["What happened to ORD-1042?", "Who cancelled order 1042, and when?"],
)
async def get_order_timeline(ctx: Context, args: GetOrderTimeline) -> Page[TimelineEntry]:
    """List what happened to an order, oldest first, and who or what did it.

    With the events of its payments, shipments, returns and reservations. How the order stands now: get_order.
    """
    order = await ctx.find(Order, args.order)
    at, id_ = place(args.after, datetime, UUID) or (None, None)
    params = {"m": ctx.merchant.id, "order": order.id, "at": at, "id": id_}
    return await paged(ctx, args, _TIMELINE, params, as_=_Entry, show=_shown, at=lambda row: (row.created_at, row.id))


def _shown(row: _Entry) -> TimelineEntry:
    return TimelineEntry(
        happened_at=row.created_at,
        what=row.kind,
        subject=row.subject_kind,
        reference=row.reference,
        actor=row.actor,
        actor_name=row.actor_name,
        details=row.data,
    )
