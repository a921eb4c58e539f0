"""Calls that wait for a person, decided once and by somebody who may; and the policy that makes them wait."""

import asyncio
import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from db import clock
from db.models.backoffice import ApprovalStatus, Role
from db.money import Money
from tests.conftest import Do
from tests.factories import NewShop, add_colleague, number
from tests.tools.probes import count, move_money
from tools.backoffice.approvals import (
    AboveYourLimit,
    AccessCannotBeEdited,
    AlreadyDecided,
    ApprovalExpired,
    Decision,
    FourEyes,
    decide_approval,
    get_approval,
    list_approvals,
)
from tools.backoffice.keys import create_api_key
from tools.backoffice.merchant import update_merchant
from tools.backoffice.people import update_user
from tools.backoffice.policy import DecisionsCannotWait, get_approval_policy, set_approval_policy
from tools.backoffice.taxes import set_tax_rate
from tools.contract.actors import Caller, Door, Hand
from tools.contract.call import call
from tools.contract.errors import Forbidden, Invalid, NotFound, StaleVersion
from tools.contract.shop import Shop

REASON = "The parcel was found"


async def wish(mine: NewShop, asker: Caller, amount: int = 0, **more: Any) -> str:
    """The reference of an approval: somebody asked to move money, and it waits."""
    outcome = await call(mine.shop, move_money, {"amount": amount, **more}, asker, key=f"wish-{number()}")
    assert outcome.approval is not None
    return outcome.approval


async def decide(mine: NewShop, decider: Caller, approval: str, decision: str = "approve", **more: Any) -> Decision:
    arguments = {"approval": approval, "decision": decision, **more}
    outcome = await call(mine.shop, decide_approval, arguments, decider, key=f"decide-{number()}")
    assert outcome.result is not None
    return outcome.result


# ---- reading -------------------------------------------------------------------------------------------------------------


async def test_what_waits_says_who_asked_what_it_would_do_and_why_it_waits(do: Do, mine: NewShop) -> None:
    approval = await wish(mine, mine.caller("manager", door=Door.cli), 500_01)

    shown = await do(get_approval, approval=approval.lower())

    assert (shown.reference, shown.status, shown.tool, shown.effect) == (approval, "pending", "move_money", "money")
    assert (shown.asker, shown.asker_name, shown.door, shown.hand) == ("USR-1002", "Manager", "cli", "person")
    assert shown.why == "It moves 500.01 EUR; Manager may move 500.00 EUR a call."
    assert shown.money == Money(amount=500_01, currency="EUR")
    assert shown.card is not None
    assert shown.card.arguments == shown.arguments == {"amount": 500_01}
    assert shown.expires_at - shown.asked_at == timedelta(days=3)
    assert (shown.edited, shown.decided_by, shown.outcome, shown.turn) == (False, None, None, None)


async def test_approvals_are_found_by_state_asker_and_operation_the_newest_first(do: Do, mine: NewShop) -> None:
    first = await wish(mine, mine.caller("manager"), 500_01)
    second = await wish(mine, mine.caller("support"), 50_01)
    third = await wish(mine, await mine.key(scopes=["payments:refund"]), 1)
    await decide(mine, do.caller, second, "reject", reason=REASON)

    async def found(**wanted: Any) -> list[str]:
        outcome = await call(mine.shop, list_approvals, wanted, do.caller)
        assert outcome.result is not None
        return [approval.reference for approval in outcome.result.data]

    assert await found() == [third, second, first]
    assert await found(status="pending") == [third, first]
    assert await found(status="rejected", asker="USR-1003") == [second]
    assert await found(tool="set_tax_rate") == []
    asked = [approval.asked_at for approval in (await do(list_approvals)).data]
    assert await found(asked_from=asked[1].isoformat()) == [third, second]
    assert await found(asked_until=asked[1].isoformat()) == [first]
    page = await do(list_approvals, limit=2)
    assert page.data[0].asker_name == "A program"
    assert await found(after=page.next) == [first]


@pytest.mark.parametrize("role", ["warehouse", "viewer"])
async def test_whoever_cannot_decide_does_not_see_what_waits(shop: Shop, mine: NewShop, role: str) -> None:
    with pytest.raises(Forbidden):
        await call(shop, list_approvals, {}, mine.caller(role))


@pytest.mark.parametrize(
    ("scopes", "withheld"),
    [
        (["approvals:read"], ["customers:read", "payments:refund"]),
        (["approvals:read", "payments:read"], ["customers:read"]),
        (["approvals:read", "customers:read"], ["payments:refund"]),
        (["approvals:read", "customers:read", "payments:read"], []),
    ],
)
async def test_a_card_is_shown_to_those_who_may_read_what_is_in_it(
    shop: Shop, mine: NewShop, scopes: list[str], withheld: list[str]
) -> None:
    approval = await wish(mine, mine.caller("manager"), 500_01)
    reader = await mine.key(scopes=scopes)

    outcome = await call(shop, get_approval, {"approval": approval}, reader)

    assert outcome.result is not None
    assert outcome.result.withheld == withheld
    assert (outcome.result.card is None) is (outcome.result.arguments is None) is bool(withheld)
    assert (outcome.result.what == move_money.summary) is bool(withheld)
    assert outcome.result.why == "It moves 500.01 EUR; Manager may move 500.00 EUR a call."


async def test_whoever_asked_sees_their_own_card(shop: Shop, mine: NewShop) -> None:
    asker = await mine.key(scopes=["payments:refund", "approvals:read"])
    approval = await wish(mine, asker, 1)

    outcome = await call(shop, get_approval, {"approval": approval}, asker)

    assert outcome.result is not None
    assert outcome.result.card is not None


async def test_an_unknown_approval_is_not_found(do: Do, mine: NewShop) -> None:
    approval = await wish(mine, mine.caller("manager"), 500_01)

    with pytest.raises(NotFound) as refused:
        await do(get_approval, approval="APR-99")
    with pytest.raises(NotFound):
        await decide(mine, do.caller, "APR-99")

    assert refused.value.details["nearest"] == [approval]


# ---- deciding ------------------------------------------------------------------------------------------------------------


async def test_a_decision_is_stored_with_its_event_and_a_job_to_carry_it_out(do: Do, mine: NewShop) -> None:
    approval = await wish(mine, mine.caller("manager"), 500_01)

    decision = await decide(mine, do.caller, approval, reason="She is a regular")

    assert (decision.status, decision.decided_by, decision.reason) == ("approved", "USR-1001", "She is a regular")
    shown = await do(get_approval, approval=approval)
    assert (shown.status, shown.decided_by, shown.decided_at) == ("approved", "USR-1001", decision.decided_at)
    assert await count(mine, "events", "kind = 'approved' and subject_kind = 'approval' and actor = 'USR-1001'") == 1
    assert await count(mine, "conversations") == 0, "carrying it out comes afterwards"
    assert await _jobs_to_carry_out(mine) == [approval]


async def _jobs_to_carry_out(mine: NewShop) -> list[str]:
    async with mine.shop.database.transaction(mine.id, read_only=True) as sql:
        query = """
            select args ->> 'approval' from jobs.procrastinate_jobs
            where task_name = 'carry_out_approval' and args ->> 'merchant' = %s
        """
        cursor = await sql.connection.execute(query, (str(mine.id),))
        return [row[0] for row in await cursor.fetchall()]


@pytest.mark.parametrize(
    "incomplete",
    [{"decision": "reject"}, {"decision": "edit"}, {"decision": "approve", "arguments": {"amount": 1}}],
)
async def test_a_rejection_has_a_reason_and_an_edit_has_arguments(mine: NewShop, do: Do, incomplete: Any) -> None:
    approval = await wish(mine, mine.caller("manager"), 500_01)

    with pytest.raises(Invalid):
        await decide(mine, do.caller, approval, **incomplete)


async def test_the_first_decision_stands_and_later_ones_are_told_it(do: Do, mine: NewShop) -> None:
    approval = await wish(mine, mine.caller("manager"), 500_01)
    await decide(mine, do.caller, approval, "reject", reason=REASON)

    for again in ({"decision": "approve"}, {"decision": "reject", "reason": "The same again"}):
        with pytest.raises(AlreadyDecided, match=f"{approval} is rejected by USR-1001") as refused:
            await decide(mine, do.caller, approval, **again)
        assert refused.value.details["current_state"] == "rejected"
        assert refused.value.details["reason"] == REASON


async def test_of_twenty_deciders_at_once_one_decides(do: Do, mine: NewShop) -> None:
    approval = await wish(mine, mine.caller("manager"), 500_01)
    others = [(await add_colleague(mine, Role.owner))[1] for _ in range(4)]
    deciders = [do.caller, *others] * 4
    wishes = [{"decision": "approve"}, {"decision": "reject", "reason": REASON}] * 10

    answers = await asyncio.gather(
        *(decide(mine, decider, approval, **choice) for decider, choice in zip(deciders, wishes, strict=True)),
        return_exceptions=True,
    )

    winners = [answer for answer in answers if isinstance(answer, Decision)]
    losers = [answer for answer in answers if isinstance(answer, AlreadyDecided)]
    assert (len(winners), len(losers)) == (1, 19)
    assert {loser.details["decided_by"] for loser in losers} == {winners[0].decided_by}
    assert {loser.details["current_state"] for loser in losers} == {winners[0].status.value}
    assert await count(mine, "audit_entries", "tool = 'decide_approval'") == 1


async def test_after_three_days_it_is_too_late(shop: Shop, mine: NewShop, do: Do) -> None:
    approval = await wish(mine, mine.caller("manager"), 500_01)
    later = dataclasses.replace(shop, clock=lambda: clock.now() + timedelta(days=3, minutes=1))

    with pytest.raises(ApprovalExpired, match=f"{approval} could be decided until"):
        await call(later, decide_approval, {"approval": approval, "decision": "approve"}, do.caller, key="k-1")
    shown = await call(later, get_approval, {"approval": approval}, do.caller)
    waiting = await call(later, list_approvals, {"status": "pending"}, do.caller)
    expired = await call(later, list_approvals, {"status": "expired"}, do.caller)

    assert shown.result is not None
    assert shown.result.status is ApprovalStatus.expired
    assert [len(found.result.data) for found in (waiting, expired) if found.result] == [0, 1]


# ---- who may decide ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hand", [Hand.model, Hand.planner])
async def test_no_model_decides(mine: NewShop, hand: Hand) -> None:
    approval = await wish(mine, mine.caller("manager"), 500_01)

    with pytest.raises(Forbidden, match="for people only"):
        await decide(mine, mine.caller("owner", hand=hand), approval)


async def test_it_takes_the_permission_of_what_waits(shop: Shop, mine: NewShop, do: Do) -> None:
    """Support may decide, but sets no taxes."""
    planner = mine.caller("owner", hand=Hand.planner)
    outcome = await call(shop, set_tax_rate, {"country": "DE", "rate": 19}, planner, key="k-1")
    assert outcome.approval is not None

    for decision in ({"decision": "approve"}, {"decision": "reject", "reason": REASON}):
        with pytest.raises(Forbidden, match="set_tax_rate needs the permission settings:write, which Support lacks"):
            await decide(mine, mine.caller("support"), outcome.approval, **decision)
    assert await decide(mine, mine.caller("manager"), outcome.approval)


async def test_nobody_approves_above_their_own_limit_and_everybody_may_reject(mine: NewShop) -> None:
    approval = await wish(mine, mine.caller("manager"), 500_01)

    with pytest.raises(AboveYourLimit, match=r"It moves 500\.01 EUR; Manager may move 500\.00 EUR a call\."):
        await decide(mine, mine.caller("manager"), approval)
    assert await decide(mine, mine.caller("support"), approval, "reject", reason=REASON)


async def test_nobody_with_a_limit_approves_money_of_another_currency(mine: NewShop, do: Do) -> None:
    approval = await wish(mine, mine.caller("support"), 1, currency="USD")

    with pytest.raises(AboveYourLimit, match=r"It moves 0\.01 USD, and Manager's limit is in EUR"):
        await decide(mine, mine.caller("manager"), approval)
    assert await decide(mine, do.caller, approval)


async def test_what_is_approved_counts_in_the_deciders_day(mine: NewShop) -> None:
    """2,000.00 a day: 4 x 450.00 is within it, the fifth is not, and neither is a call of the manager's own."""
    manager = mine.caller("manager")
    wishes = [await wish(mine, mine.caller("support"), 450_00) for _ in range(5)]

    for approval in wishes[:4]:
        await decide(mine, manager, approval)

    with pytest.raises(AboveYourLimit, match=r"after 1,800\.00 EUR today; Manager may move 2,000\.00 EUR a day"):
        await decide(mine, manager, wishes[4])
    assert await wish(mine, manager, 200_01)


async def test_parallel_decisions_stay_within_the_deciders_day(mine: NewShop) -> None:
    wishes = [await wish(mine, mine.caller("support"), 450_00) for _ in range(8)]

    answers = await asyncio.gather(
        *(decide(mine, mine.caller("manager"), approval) for approval in wishes), return_exceptions=True
    )

    assert sum(isinstance(answer, Decision) for answer in answers) == 4
    assert sum(isinstance(answer, AboveYourLimit) for answer in answers) == 4


async def test_nobody_gets_around_their_day_by_approving_their_own_requests(mine: NewShop, shop: Shop) -> None:
    support = mine.caller("support")
    for _ in range(4):
        assert (await call(shop, move_money, {"amount": 50_00}, support, key=f"day-{number()}")).result
    fifth = await wish(mine, support, 50_00)

    with pytest.raises(AboveYourLimit, match=r"after 200\.00 EUR today"):
        await decide(mine, support, fifth)


async def test_stops_count_for_the_decider_too(mine: NewShop) -> None:
    approval = await wish(mine, mine.caller("support"), stops=21)

    with pytest.raises(AboveYourLimit, match="It cancels or blocks 21 after 0 today; Manager may do so 20 times a day"):
        await decide(mine, mine.caller("manager"), approval)
    assert await decide(mine, mine.caller("owner"), approval)


async def test_what_a_model_asked_for_a_person_that_person_may_approve(mine: NewShop) -> None:
    approval = await wish(mine, mine.caller("support", hand=Hand.model, door=Door.chat), 49_00)

    assert (await decide(mine, mine.caller("support"), approval)).decided_by == "USR-1003"


# ---- four eyes -----------------------------------------------------------------------------------------------------------


async def test_above_the_threshold_somebody_else_decides(do: Do, mine: NewShop) -> None:
    _, second = await add_colleague(mine, Role.owner)
    await do(update_merchant, four_eyes_above=100_00)
    large, abroad = await wish(mine, do.caller, 100_01), await wish(mine, do.caller, 1, currency="USD")
    small = await wish(mine, mine.caller("owner", hand=Hand.model), 100_00)

    for approval in (large, abroad):
        with pytest.raises(FourEyes, match=f"{approval} is your own request"):
            await decide(mine, do.caller, approval)
        assert await decide(mine, second, approval)
    assert await decide(mine, do.caller, small)


async def test_a_key_is_its_makers_hand(do: Do, mine: NewShop) -> None:
    _, second = await add_colleague(mine, Role.owner)
    await do(update_merchant, four_eyes_above=100_00)
    limits = {"limit_per_call": 900_00, "limit_per_day": 900_00}
    made = await do(create_api_key, name="Till", scopes=["*", "approvals:decide"], **limits)
    key = Caller.of_key(str(made.key), door=Door.rest)
    by_the_key, by_its_maker = await wish(mine, key, 100_01), await wish(mine, do.caller, 100_01)

    with pytest.raises(FourEyes):
        await decide(mine, do.caller, by_the_key)
    with pytest.raises(FourEyes):
        await decide(mine, key, by_its_maker)
    assert await decide(mine, second, by_the_key)


async def test_who_gets_access_is_approved_as_it_was_asked(do: Do, mine: NewShop) -> None:
    """Else whoever decides could give a role that nobody asked for."""
    _, second = await add_colleague(mine, Role.owner)
    await do(set_approval_policy, always=["update_user"], version=0)
    wanted: dict[str, Any] = {"user": "USR-1005", "role": "support", "version": 1}
    outcome = await do.outcome(update_user, **wanted)
    assert outcome.approval is not None

    with pytest.raises(AccessCannotBeEdited):
        await decide(mine, second, outcome.approval, "edit", arguments=wanted | {"role": "owner"})
    assert await decide(mine, second, outcome.approval)


# ---- the policy ----------------------------------------------------------------------------------------------------------


async def test_a_shop_begins_with_the_default_policy(do: Do) -> None:
    policy = await do(get_approval_policy)

    limits = {role: (limit.per_call, limit.per_day, limit.stops_per_day) for role, limit in policy.roles.items()}
    assert limits == {
        Role.owner: (None, None, 50), Role.manager: (500_00, 2_000_00, 20), Role.support: (50_00, 200_00, 5),
        Role.warehouse: (0, 0, 0), Role.viewer: (0, 0, 0),
    }  # fmt: skip
    assert (policy.currency, policy.own, policy.always, policy.version) == ("EUR", [], [], 0)
    assert [role for role, rights in policy.rights.items() if "prices:write" in rights] == ["manager", "owner"]


async def test_a_policy_replaces_the_one_before(do: Do) -> None:
    limits = {"per_call": 1_000_00, "per_day": 4_000_00, "stops_per_day": 30}

    first = await do(set_approval_policy, roles={"manager": limits}, always=["cancel_order"], version=0)
    second = await do(set_approval_policy, version=1)

    assert (first.roles[Role.manager].per_call, first.own, first.always, first.version) == (
        1_000_00, [Role.manager], ["cancel_order"], 1,
    )  # fmt: skip
    assert (second.roles[Role.manager].per_call, second.own, second.always, second.version) == (500_00, [], [], 2)
    assert await do(get_approval_policy) == second


async def test_a_stale_policy_is_refused(do: Do) -> None:
    await do(set_approval_policy, always=["cancel_order"], version=0)

    with pytest.raises(StaleVersion):
        await do(set_approval_policy, always=[], version=0)


async def test_decisions_themselves_cannot_wait(do: Do) -> None:
    with pytest.raises(DecisionsCannotWait):
        await do(set_approval_policy, always=["cancel_order", "decide_approval"], version=0)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.owner])
async def test_only_owners_set_the_policy(shop: Shop, mine: NewShop, role: Role) -> None:
    with pytest.raises(Forbidden):
        await call(shop, set_approval_policy, {"always": [], "version": 0}, mine.caller(role), key="k-1")
