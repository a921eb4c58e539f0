"""Many decide about the same cards at once, while they lapse and are carried out: one outcome each, and by somebody who may."""

import asyncio
import contextlib
import random
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from db.models.backoffice import ApprovalStatus
from orchestrator import approvals
from tests.factories import NewShop, make_customer
from tools import registry
from tools.backoffice.approvals import decide_approval
from tools.contract.actors import Hand
from tools.contract.call import Shop, call
from tools.contract.errors import Conflict, Forbidden, IdempotencyInFlight
from tools.payments.credit import issue_store_credit

CARDS = 12
AMOUNT, OTHERWISE, MUCH = 6_000, 4_000, 60_000  # above support's limit, within it, above a manager's
LAPSE = (
    "update approvals set expires_at = now() where merchant_id = %(m)s and reference = %(card)s and status = 'pending'"
)
OUTCOMES = """
select a.reference, a.status, a.decided_by, a.expires_at <= now() as lapsed, a.amount,
       (select count(*) from approvals n where n.merchant_id = a.merchant_id and n.reference = a.outcome ->> 'superseded_by'
        and n.amount = %(otherwise)s and n.status = 'pending') as follows,
       (select coalesce(sum(e.amount), 0) from credit_entries e
        join saved_methods s on s.merchant_id = e.merchant_id and s.id = e.saved_method_id
        join customers u on u.merchant_id = s.merchant_id and u.id = s.customer_id
        where u.merchant_id = a.merchant_id and u.reference = a.card -> 'arguments' ->> 'customer')::bigint as given
from approvals a where a.merchant_id = %(m)s and a.reference = any(%(cards)s)
"""


class Outcome(NamedTuple):
    reference: str
    status: str
    decided_by: str | None
    lapsed: bool
    amount: int
    follows: int
    given: int


async def test_each_card_has_one_outcome_whoever_decides_at_once(
    shop: Shop, mine: NewShop, chance: random.Random
) -> None:
    cards = [await card(shop, mine, MUCH if number % 3 == 0 else AMOUNT) for number in range(CARDS)]
    taken: list[tuple[str, str]] = []  # decisions that were accepted: the card, and by whom

    def decides(card: str, role: str, decision: str, **more: Any) -> Callable[[], Awaitable[None]]:
        async def decide() -> None:
            arguments = {"approval": card, "decision": decision, **more}
            with contextlib.suppress(Conflict, Forbidden):  # it was too late, or is beyond them
                await call(shop, decide_approval, arguments, mine.caller(role), key=uuid.uuid4().hex)
                taken.append((card, role))

        return decide

    def lapses(card: str) -> Callable[[], Awaitable[None]]:
        async def lapse() -> None:
            async with shop.database.transaction(mine.id) as sql:
                await sql.commit(LAPSE, {"m": mine.id, "card": card})

        return lapse

    def carries_out(card: str) -> Callable[[], Awaitable[None]]:
        async def carry_out() -> None:
            with contextlib.suppress(IdempotencyInFlight):  # somebody else was first, and it is tried again
                await approvals.carry_out(shop, registry.tools(), mine.id, card)

        return carry_out

    deeds = [
        deed
        for number, one in enumerate(cards)
        for deed in (
            *(decides(one, role, "approve") for role in ("owner", "manager", "support", "warehouse", "viewer")),
            decides(one, "manager", "reject", reason="too much"),
            decides(one, "owner", "edit", arguments={**await arguments_of(shop, mine, one), "amount": OTHERWISE}),
            *([lapses(one)] if number % 4 == 0 else []),
            *([carries_out(one)] * 3),
        )
    ]
    chance.shuffle(deeds)

    await asyncio.gather(*(deed() for deed in deeds))
    for one in cards:
        await approvals.carry_out(shop, registry.tools(), mine.id, one)

    found = await outcomes(shop, mine, cards)
    assert len(taken) == len({one for one, _ in taken})
    assert {role for _, role in taken} <= {"owner", "manager"}
    for one in found:
        assert one.given == (one.amount if one.status == ApprovalStatus.executed else 0), one
        assert one.follows == (one.status == ApprovalStatus.superseded), one
        assert (one.decided_by is None) == (one.lapsed and one.status == ApprovalStatus.pending), one
        assert one.reference in [decided for decided, _ in taken] or one.lapsed
    approved = {(one.reference, one.amount) for one in found if one.status == ApprovalStatus.executed}
    assert not [card for card, amount in approved if amount == MUCH and (card, "manager") in taken]
    assert len({one.status for one in found}) >= 3  # the race was one


async def card(shop: Shop, mine: NewShop, amount: int) -> str:
    """A call of the owner's model, which waits: store credit for a customer of its own."""
    async with shop.database.transaction(mine.id) as sql:
        customer = make_customer(sql)
        await sql.commit()
    arguments = {"customer": customer.reference, "amount": amount}
    waiting = await call(
        shop, issue_store_credit, arguments, mine.caller("owner", hand=Hand.model), key=uuid.uuid4().hex
    )
    assert waiting.approval is not None
    return waiting.approval


async def arguments_of(shop: Shop, mine: NewShop, reference: str) -> dict[str, Any]:
    shown = await call(shop, registry.tool("get_approval"), {"approval": reference}, mine.caller("owner"))
    assert shown.result is not None
    return shown.result.arguments


async def outcomes(shop: Shop, mine: NewShop, cards: list[str]) -> list[Outcome]:
    async with shop.database.transaction(mine.id) as sql:
        return await sql.rows(OUTCOMES, {"m": mine.id, "cards": cards, "otherwise": OTHERWISE}, as_=Outcome)
