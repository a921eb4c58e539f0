"""Tickets: whom they are with, until when an answer is owed, what goes to the customer, and what a conversation leaves."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from db import clock
from db.models.after_sales import Ticket
from db.models.customers import Interaction
from tests.conftest import Do
from tests.factories import NewShop, make_customer
from tests.tools.returning import converse, delivered
from tests.tools.till import choose, writing
from tools.after_sales.hand_over import AlreadyHandedOver, hand_over
from tools.after_sales.ticket_listing import get_ticket, list_tickets
from tools.after_sales.tickets import (
    NobodyToAnswer,
    OrderOfSomebodyElse,
    TicketClosed,
    assign_ticket,
    close_ticket,
    escalate_ticket,
    open_ticket,
    reply_to_ticket,
)
from tools.contract.errors import Ambiguous, NotFound


async def set_back(mine: NewShop, reference: str, **by: float) -> None:
    """As if the ticket had been opened that long ago."""
    async with writing(mine) as sql:
        ticket = (
            await sql.session.scalars(
                select(Ticket).where(Ticket.merchant_id == mine.id, Ticket.reference == reference)
            )
        ).one()
        ticket.opened_at -= timedelta(**by)
        ticket.due_at = ticket.due_at and ticket.due_at - timedelta(**by)


async def test_the_clock_runs_while_the_shop_owes_an_answer(mine: NewShop, do: Do) -> None:
    order, ana = await delivered(mine)
    opened = await do(open_ticket, subject="Parcel was wet", text="It dripped!", order=order, priority="high")
    rma_less = await do(get_ticket, ticket=opened.reference)
    await set_back(mine, opened.reference, hours=9)

    late = await do(list_tickets, late=True, customer=ana.reference)
    told = await do(get_ticket, ticket=opened.reference)
    answered = await do(reply_to_ticket, ticket=opened.reference, text="We are sorry, a new one leaves today.")
    noted = await do(reply_to_ticket, ticket=opened.reference, text="The carrier pays.", kind="internal")
    again = await do(reply_to_ticket, ticket=opened.reference, text="Thanks! When?", kind="incoming")
    shown = await do(get_ticket, ticket=opened.reference)

    assert opened.due_at
    assert abs(opened.due_at - clock.now() - timedelta(hours=8)) < timedelta(minutes=5)
    assert (rma_less.customer, rma_less.order, rma_less.rma) == (ana.reference, order, None)
    assert [row.late for row in late.data] == [True]
    assert told.says.endswith("and is late.")
    assert (answered.status, answered.due_at, noted.status, again.status) == ("waiting", None, "waiting", "open")
    assert (shown.in_time, again.due_at is not None) == (False, True)
    assert [(said.kind, said.text, said.delivery) for said in shown.messages] == [
        ("incoming", "It dripped!", None),
        ("outgoing", "We are sorry, a new one leaves today.", "queued"),
        ("internal", "The carrier pays.", None),
        ("incoming", "Thanks! When?", None),
    ]
    async with mine.shop.database.transaction(mine.id) as sql:
        (mail,) = (await sql.session.scalars(select(Interaction).where(Interaction.merchant_id == mine.id))).all()
    assert (mail.customer_id, mail.subject) == (ana.id, f"Parcel was wet [{opened.reference}]")


async def test_what_is_closed_opens_again_when_the_customer_writes(mine: NewShop, do: Do) -> None:
    ticket = (
        await do(open_ticket, subject="Wrong invoice", customer=(await delivered(mine)).customer.reference)
    ).reference

    closed = await do(close_ticket, ticket=ticket, resolution="A new one was sent.")
    with pytest.raises(TicketClosed, match=f"{ticket} is closed since"):
        await do(close_ticket, ticket=ticket)
    with pytest.raises(TicketClosed):
        await do(assign_ticket, ticket=ticket)
    with pytest.raises(TicketClosed):
        await do(escalate_ticket, ticket=ticket)
    assert (await do(list_tickets)).data == []
    again = await do(reply_to_ticket, ticket=ticket, text="It is wrong again.", kind="incoming")

    assert (closed.status, closed.says) == ("closed", "Closed, normal, with nobody; no answer is owed.")
    assert (again.status, (await do(get_ticket, ticket=ticket)).resolution) == ("open", None)


async def test_a_ticket_goes_to_colleagues_by_their_names_and_up(mine: NewShop, do: Do) -> None:
    ticket = (await do(open_ticket, subject="Charged twice", assignee="support")).reference

    taken = await do(assign_ticket, ticket=ticket)
    up = await do(escalate_ticket, ticket=ticket, assignee="manager", note="He threatens with a lawyer.")
    more = await do(escalate_ticket, ticket=ticket)

    assert (taken.assignee, up.assignee) == ("USR-1001", "USR-1002")
    assert (up.priority, more.priority) == ("high", "urgent")
    assert up.due_at
    assert more.due_at
    assert more.due_at < up.due_at < clock.now() + timedelta(hours=9)
    assert [row.reference for row in (await do(list_tickets, assignee="USR-1002", priority=["urgent"])).data] == [
        ticket
    ]
    assert (await do(list_tickets, mine=True)).data == (await do(list_tickets, unassigned=True)).data == []
    with pytest.raises(NotFound, match="Nobody called Julia works here"):
        await do(assign_ticket, ticket=ticket, assignee="Julia")
    async with writing(mine) as sql:
        await sql.execute(
            "update users set name = 'Sam ' || name where id = any(%s)",
            ([mine.users["manager"], mine.users["viewer"]],),
        )
    with pytest.raises(Ambiguous, match=r"Sam fits Sam Manager \(USR-1002\) and Sam Viewer"):
        await do(assign_ticket, ticket=ticket, assignee="Sam")


async def test_nobody_is_answered_whose_address_is_not_known(mine: NewShop, do: Do) -> None:
    order, _ = await delivered(mine)
    async with writing(mine) as sql:
        other = make_customer(sql, "Paul Martin")
    ticket = (await do(open_ticket, subject="A call without a name")).reference

    with pytest.raises(NobodyToAnswer, match=f"{ticket} has no customer"):
        await do(reply_to_ticket, ticket=ticket, text="Hello")
    with pytest.raises(OrderOfSomebodyElse, match=f"{order} is not of {other.reference}"):
        await do(open_ticket, subject="Not mine", order=order, customer=other.reference)


async def test_a_shop_chooses_how_soon_it_answers(mine: NewShop, do: Do) -> None:
    await choose(mine, "after_sales.answer_hours", {"low": 48, "normal": 4, "high": 2, "urgent": 1})

    opened = await do(open_ticket, subject="Where is it?")

    assert opened.due_at
    assert opened.due_at < clock.now() + timedelta(hours=4, minutes=1)


async def test_a_conversation_is_handed_over_with_what_was_found_in_it(mine: NewShop, do: Do) -> None:
    mine_, theirs = await converse(mine, "owner"), await converse(mine, "support")

    over = await do(hand_over, conversation="this", assignee="support")
    shown = await do(get_ticket, ticket=over.reference)
    with pytest.raises(AlreadyHandedOver, match=f"{mine_} was handed over to USR-1003 as {over.reference}"):
        await do(hand_over, conversation=mine_)
    with pytest.raises(NotFound, match=f"There is no conversation {theirs}"):
        await do(hand_over, conversation=theirs)

    assert (over.conversation, over.evidence, over.priority) == (mine_, 1, "high")
    assert over.summary == "Asked in the conversation:\nWhere is the parcel of ORD-1001?"
    assert [(one.tool, one.arguments, one.references) for one in shown.evidence] == [
        ("get_order", {"order": "1001"}, ["ORD-1001"])
    ]
    assert [said.text for said in shown.messages] == [over.summary]
