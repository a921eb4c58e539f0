"""What the demo shop's customers ask of its people, claim under warranty, and think of it all.

Drawn apart from everything else: the shop's orders are the same, whatever is said of them.
"""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from db.models.after_sales import (
    ClaimStatus,
    MessageKind,
    Priority,
    Remedy,
    Survey,
    Ticket,
    TicketMessage,
    TicketStatus,
    WarrantyClaim,
)
from db.models.customers import InteractionChannel
from db.models.orders import OrderStatus
from db.seed.demo_events import event
from db.seed.draft import ACTOR, Draft, Row

HOURS = {Priority.low: 72, Priority.normal: 24, Priority.high: 8, Priority.urgent: 2}
OWNER = "USR-1001"
STORIES = (
    ("Parcel was wet", "The box was soaked and the mugs smell of it.", Priority.normal),
    ("Gift note is missing", "I asked for a note, and there was none in the parcel.", Priority.low),
    ("Invoice has the wrong address", "Please send it again, to my company.", Priority.normal),
    ("Where is my parcel?", "It should have been here on Tuesday.", Priority.high),
    ("Charged twice", "My card shows the amount two times!", Priority.urgent),
    ("Refund has not come", "You got my return two weeks ago.", Priority.high),
    ("Question about care", "Can the tea towel go into the dryer?", Priority.low),
)
ANSWER = "Hello, thank you for writing. We have looked into it and are taking care of it today."
DEFECTS = (
    "The switch does not work any more.",
    "The glaze comes off.",
    "A seam has opened.",
    "It wobbles, and a leg is loose.",
)
COMMENTS = {
    5: ("Quick and beautifully packed.", "Just as in the picture, thank you!"),
    4: ("Good, but a lot of paper in the box.", "Nice towels."),
    3: ("Took longer than I was told.",),
    2: ("The carafe was broken when it came.", "Nobody answered for four days."),
    1: ("Broken twice in a row.",),
}
CHANNELS = (InteractionChannel.email, InteractionChannel.phone, InteractionChannel.chat)


def write_desk(draft: Draft) -> None:
    """Tickets in every state, some of them late; claims decided and not; marks of a few customers in a hundred."""
    rng = random.Random("desk")
    done = [row for row in draft.rows["orders"] if row["status"] is OrderStatus.completed and row["customer_id"]]
    for back, story in _tickets(rng):
        order = rng.choice([row for row in done[-600:] if row["completed_at"] < draft.now - back] or done)
        _ticket(draft, rng, order, max(draft.now - back, order["completed_at"]), story)
    _claims(draft, rng, done)
    for order in done:
        if rng.random() < 0.04:
            _survey(draft, rng, order, order["completed_at"] + timedelta(days=rng.uniform(1, 6)))


def _tickets(rng: random.Random) -> Iterator[tuple[timedelta, tuple[str, str, Priority]]]:
    """Since when, and what: three of the last hours, three that are late, the others of the last weeks."""
    for hours in (0.5, 1, 1.5, 30, 50, 80, *(rng.uniform(100, 1_400) for _ in range(24))):
        yield timedelta(hours=hours), rng.choice(STORIES)


def _ticket(draft: Draft, rng: random.Random, order: Row, at: datetime, story: tuple[str, str, Priority]) -> None:
    subject, text, priority = story
    due, age = at + timedelta(hours=HOURS[priority]), draft.now - at
    answered = at + timedelta(hours=HOURS[priority] * rng.uniform(0.1, 1.15)) if age > timedelta(hours=90) else None
    closed = answered + timedelta(hours=rng.uniform(2, 60)) if answered and rng.random() < 0.8 else None
    closed = closed if closed and closed <= draft.now else None
    status = TicketStatus.closed if closed else TicketStatus.waiting if answered else TicketStatus.open
    ticket = draft.add(
        Ticket, at, status=status, priority=priority, channel=rng.choice(CHANNELS), subject=subject,
        customer_id=order["customer_id"], order_id=order["id"], assignee=rng.choice((OWNER, OWNER, None)), evidence=[],
        opened_by=ACTOR, opened_at=at, due_at=None if answered else due, answered_at=answered,
        in_time=answered <= due if answered else None, closed_at=closed, resolution="Solved." if closed else None,
    )  # fmt: skip
    ticket["updated_at"] = closed or answered or at
    event(draft, order, "opened", at, subject=("ticket", ticket), priority=priority)
    said = [(MessageKind.incoming, text, at), *([(MessageKind.outgoing, ANSWER, answered)] if answered else [])]
    for kind, words, moment in said:
        draft.add(TicketMessage, moment, ticket_id=ticket["id"], kind=kind, text=words, actor=ACTOR)


def _claims(draft: Draft, rng: random.Random, done: Sequence[Row]) -> None:
    """Nine things that broke months after they came; the last three wait to be decided."""
    lines: dict[str, Row] = {}
    for line in draft.rows["order_lines"]:
        if line["variant_id"] and line["fulfilled"] > line["returned"]:
            lines.setdefault(line["order_id"], line)
    old = [row for row in done if row["id"] in lines and row["completed_at"] < draft.now - timedelta(days=120)]
    for number, order in enumerate(rng.sample(old, min(9, len(old)))):
        at = draft.now - timedelta(days=40 - 4.4 * number)
        decided = at + timedelta(days=2) if number < 6 else None
        covered = draft.day_of(order["completed_at"])
        claim = draft.add(
            WarrantyClaim, at, order_id=order["id"], order_line_id=lines[order["id"]]["id"], customer_id=order["customer_id"],
            status=ClaimStatus.filed, quantity=1, defect=rng.choice(DEFECTS), filed_at=at, decided_at=decided,
            covered_until=covered.replace(year=covered.year + 2, day=min(covered.day, 28)),
        )  # fmt: skip
        event(draft, order, "filed", at, subject=("warranty_claim", claim))
        if decided:
            accepted = number % 3 > 0
            claim.update(status=ClaimStatus.accepted if accepted else ClaimStatus.declined, updated_at=decided)
            claim.update(remedy=Remedy.repair if accepted else None, note=None if accepted else "It was dropped.")


def _survey(draft: Draft, rng: random.Random, order: Row, at: datetime) -> None:
    score = rng.choices((5, 4, 3, 2, 1), weights=(50, 28, 11, 7, 4))[0]
    if at > draft.now:
        return
    draft.add(
        Survey, at, customer_id=order["customer_id"], order_id=order["id"], score=score, channel=InteractionChannel.email,
        recommend=min(10, max(0, score * 2 + rng.randint(-1, 1))), actor=ACTOR, submitted_at=at,
        comment=rng.choice(COMMENTS[score]) if rng.random() < 0.4 else None,
    )  # fmt: skip
