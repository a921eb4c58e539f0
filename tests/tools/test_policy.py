"""Which calls wait for a person, who may decide on them, and that what is done is what was approved."""

import asyncio
from datetime import datetime
from typing import Any, NamedTuple

import pytest

from db.models.backoffice import Role
from tests.factories import NewShop, add_colleague, number
from tests.oracle import tables_of
from tests.tools.probes import count, entries, move_money, record_finding, write_note
from tools.backoffice.approvals import FourEyes, decide_approval, get_approval
from tools.backoffice.merchant import ThresholdIsForPeople, update_merchant
from tools.backoffice.policy import SecretCannotWait, UnknownOperation, set_approval_policy
from tools.backoffice.taxes import set_tax_rate
from tools.contract import errors
from tools.contract.actors import Caller, Door, Hand, Proof
from tools.contract.call import call
from tools.contract.cards import NotCarriedOut, Rejected
from tools.contract.context import Approved
from tools.contract.declare import Tool
from tools.contract.shop import Outcome, Shop

PROBES: dict[str, Tool[Any, Any]] = {
    tool.name: tool for tool in (move_money, write_note, set_tax_rate, update_merchant)
}


class Waiting(NamedTuple):
    """An approval, as whoever carries it out reads it."""

    tool: str
    arguments: dict[str, Any]
    asked_by: dict[str, str]
    decided_by: str | None
    digest: str


async def move(shop: Shop, caller: Caller, amount: int, *, key: str | None = None, **more: Any) -> Outcome[Any]:
    return await call(shop, move_money, {"amount": amount, **more}, caller, key=key or f"move-{number()}")


async def decide(mine: NewShop, role: str, approval: str, decision: str = "approve", **more: Any) -> None:
    arguments = {"approval": approval, "decision": decision, **more}
    await call(mine.shop, decide_approval, arguments, mine.caller(role), key=f"decide-{number()}")


async def kept(mine: NewShop, approval: str) -> Waiting:
    async with mine.shop.database.transaction(mine.id, read_only=True) as sql:
        query = "select tool, arguments, asked_by, decided_by, digest from approvals where merchant_id = %s and reference = %s"
        row = await sql.row(query, (mine.id, approval), as_=Waiting)
    assert row is not None
    return row


async def carry_out(mine: NewShop, approval: str) -> Outcome[Any]:
    """What follows a decision: the call with the stored arguments, as the asker, approved by the decider."""
    row = await kept(mine, approval)
    asker = Caller.from_json(mine.id, row.asked_by)
    approved = Approved(approval, row.decided_by or "", row.digest)
    return await call(mine.shop, PROBES[row.tool], row.arguments, asker, key=approval, approval=approved)


def waits(outcome: Outcome[Any]) -> str:
    assert outcome.result is None, "it was done without asking"
    assert outcome.approval is not None
    return outcome.approval


# ---- limits --------------------------------------------------------------------------------------------------------------


async def test_an_owner_moves_any_amount(shop: Shop, mine: NewShop) -> None:
    assert (await move(shop, mine.caller("owner"), 1_000_000_00)).result


@pytest.mark.parametrize(("role", "limit", "shown"), [("manager", 500_00, "500.00"), ("support", 50_00, "50.00")])
async def test_a_role_moves_up_to_its_limit_and_waits_above(
    shop: Shop, mine: NewShop, role: str, limit: int, shown: str
) -> None:
    within = await move(shop, mine.caller(role), limit)
    above = await move(shop, mine.caller(role), limit + 1)

    assert within.result
    assert waits(above)
    assert above.why == f"It moves {shown[:-1]}1 EUR; {role.title()} may move {shown} EUR a call."


async def test_money_of_another_currency_waits_unless_there_is_no_limit(shop: Shop, mine: NewShop) -> None:
    manager = await move(shop, mine.caller("manager"), 1, currency="USD")

    assert waits(manager)
    assert manager.why == "It moves 0.01 USD, and Manager's limit is in EUR."
    assert (await move(shop, mine.caller("owner"), 1, currency="USD")).result


async def test_cancellations_and_blocks_have_a_limit_of_their_own(shop: Shop, mine: NewShop) -> None:
    assert (await move(shop, mine.caller("support"), 0, stops=5)).result

    sixth = await move(shop, mine.caller("support"), 0, stops=1)

    assert waits(sixth)
    assert sixth.why == "It cancels or blocks 1 after 5 today; Support may do so 5 times a day."


async def test_a_key_moves_nothing_unless_a_limit_is_written_on_it(shop: Shop, mine: NewShop) -> None:
    plain = await mine.key(scopes=["payments:*"])
    limited = await mine.key(scopes=["payments:*"], per_call=10_00, per_day=15_00)

    assert waits(await move(shop, plain, 1))
    assert (await move(shop, plain, 0)).result
    assert (await move(shop, limited, 10_00)).result
    assert waits(await move(shop, limited, 10_00)), "20.00 is above the day's 15.00"


async def test_the_shop_has_its_own_limits_and_its_own_list(shop: Shop, mine: NewShop) -> None:
    limits = {"per_call": 7_00, "per_day": None, "stops_per_day": None}
    policy = {"roles": {"manager": limits}, "always": ["write_note"], "version": 0}
    await call(shop, set_approval_policy, policy, mine.caller("owner"), key="policy")

    assert (await move(shop, mine.caller("manager"), 7_00, stops=100)).result
    assert waits(await move(shop, mine.caller("manager"), 7_01))
    note = await call(shop, write_note, {}, mine.caller("owner"), key="note")
    assert waits(note)
    assert note.why == "The shop's policy has this confirmed each time."


# ---- models --------------------------------------------------------------------------------------------------------------


async def test_a_model_asks_before_what_is_weighty_and_no_more(shop: Shop, mine: NewShop) -> None:
    model = mine.caller("owner", hand=Hand.model)

    assert waits(await move(shop, model, 0))
    assert (await call(shop, write_note, {}, model, key="note")).result
    assert (await call(shop, record_finding, {}, model, key="finding")).result


async def test_the_planner_shows_every_change_but_what_it_only_found_out(shop: Shop, mine: NewShop) -> None:
    planner = mine.caller("owner", hand=Hand.planner)

    assert waits(await call(shop, write_note, {}, planner, key="note"))
    assert waits(await move(shop, planner, 0))
    assert (await call(shop, record_finding, {}, planner, key="finding")).result


async def test_a_program_that_may_do_it_is_not_asked(shop: Shop, mine: NewShop) -> None:
    assert (await move(shop, mine.caller("owner", hand=Hand.program), 1_000_00)).result


# ---- the pause -----------------------------------------------------------------------------------------------------------


async def test_what_waits_leaves_the_approval_and_the_record_of_its_key_alone(shop: Shop, mine: NewShop) -> None:
    outcome = await move(shop, mine.caller("manager"), 500_01, key="k-1")

    assert await count(mine, "conversations") == 0
    assert await count(mine, "events") == 0
    assert await entries(mine) == []
    assert await count(mine, "approvals", "status = 'pending'") == 1
    assert await count(mine, "idempotency_records", f"key = 'k-1' and approval = '{outcome.approval}'") == 1


async def test_the_same_key_gets_the_same_card_until_it_is_executed_and_its_result_afterwards(
    shop: Shop, mine: NewShop
) -> None:
    manager = mine.caller("manager")
    first = await move(shop, manager, 500_01, key="k-1")
    waiting = await move(shop, manager, 500_01, key="k-1")
    approval = waits(first)
    await decide(mine, "owner", approval)
    still_waiting = await move(shop, manager, 500_01, key="k-1")

    done = await carry_out(mine, approval)
    afterwards = await move(shop, manager, 500_01, key="k-1")

    assert waiting.card == first.card
    assert [waits(waiting), waits(still_waiting)] == [approval, approval]
    assert done.result is not None
    assert afterwards.result == done.result
    assert await count(mine, "conversations") == 1


async def test_what_is_carried_out_is_the_askers_deed_on_the_deciders_approval(shop: Shop, mine: NewShop) -> None:
    approval = waits(await move(shop, mine.caller("manager"), 500_01))
    await decide(mine, "owner", approval)

    await carry_out(mine, approval)

    audited = f"tool = 'move_money' and actor = 'USR-1002' and approval = '{approval}' and approved_by = 'USR-1001'"
    assert await count(mine, "audit_entries", audited) == 1
    assert await count(mine, "approvals", "status = 'executed'") == 1


async def test_twenty_callers_with_one_key_make_one_card(shop: Shop, mine: NewShop) -> None:
    async def again() -> str:
        try:
            return waits(await move(shop, mine.caller("manager"), 500_01, key="k-1"))
        except errors.IdempotencyInFlight:
            return "in flight"

    answers = set(await asyncio.gather(*(again() for _ in range(20)))) - {"in flight"}

    assert len(answers) == 1
    assert await count(mine, "approvals") == 1


async def test_carrying_out_twice_does_it_once(shop: Shop, mine: NewShop) -> None:
    approval = waits(await move(shop, mine.caller("manager"), 500_01))
    await decide(mine, "owner", approval)

    first, second = await carry_out(mine, approval), await carry_out(mine, approval)

    assert second.replayed
    assert second.result == first.result
    assert await count(mine, "conversations") == 1


async def test_what_was_rejected_stays_undone_and_says_why(shop: Shop, mine: NewShop) -> None:
    approval = waits(await move(shop, mine.caller("manager"), 500_01, key="k-1"))
    await decide(mine, "owner", approval, "reject", reason="She was refunded yesterday")

    with pytest.raises(Rejected, match="She was refunded yesterday"):
        await move(shop, mine.caller("manager"), 500_01, key="k-1")
    with pytest.raises(NotCarriedOut):
        await carry_out(mine, approval)
    assert await count(mine, "conversations") == 0


async def test_nothing_is_carried_out_before_it_was_approved(shop: Shop, mine: NewShop) -> None:
    approval = waits(await move(shop, mine.caller("manager"), 500_01))
    undecided = Approved(approval, "USR-1001", (await kept(mine, approval)).digest)

    with pytest.raises(NotCarriedOut):
        await call(shop, move_money, {"amount": 500_01}, mine.caller("manager"), key=approval, approval=undecided)


async def test_when_it_would_change_something_else_by_now_a_new_card_is_made(shop: Shop, mine: NewShop) -> None:
    """The rate that the new one would close was replaced between the card and its execution."""
    planner, new_rate = mine.caller("owner", hand=Hand.planner), {"country": "FR", "rate": 21}
    asked = await call(shop, set_tax_rate, new_rate, planner, key="k-1")
    approval = waits(asked)
    await decide(mine, "owner", approval)
    meanwhile = {
        "country": "FR",
        "rate": 19,
        "valid_from": "2020-01-01T00:00:00Z",
        "valid_until": "2026-01-01T00:00:00Z",
    }
    await call(shop, set_tax_rate, meanwhile, mine.caller("owner"), key="meanwhile")

    again = await carry_out(mine, approval)

    assert waits(again) != approval
    assert again.why == "What it would change is no longer what was approved."
    assert await count(mine, "approvals", f"reference = '{approval}' and status = 'superseded'") == 1
    same_key = await call(shop, set_tax_rate, new_rate, planner, key="k-1")
    assert same_key.approval == again.approval
    assert await count(mine, "tax_rates") == 1


async def test_an_open_argument_is_settled_on_the_card(shop: Shop, mine: NewShop) -> None:
    """A rate "from now on" begins when it was asked, not when somebody got round to deciding."""
    outcome = await call(
        shop, set_tax_rate, {"country": "FR", "rate": 21}, mine.caller("owner", hand=Hand.planner), key="k-1"
    )
    approval = waits(outcome)
    assert outcome.card is not None
    begins = outcome.card.arguments["valid_from"]
    await decide(mine, "owner", approval)

    done = await carry_out(mine, approval)

    assert done.result is not None
    assert done.result.valid_from == datetime.fromisoformat(begins)


# ---- four eyes -----------------------------------------------------------------------------------------------------------


async def test_above_the_threshold_even_an_owner_waits_for_somebody_else(shop: Shop, mine: NewShop) -> None:
    await add_colleague(mine, Role.owner)
    owner = mine.caller("owner")
    await call(shop, update_merchant, {"four_eyes_above": 100_00}, owner, key="threshold")

    assert (await move(shop, owner, 100_00)).result
    above, abroad = await move(shop, owner, 100_01), await move(shop, owner, 1, currency="USD")

    assert waits(above)
    assert waits(abroad)
    assert above.why == "Above 100.00 EUR a second person has to agree."


async def test_reading_what_waits_changes_nothing(shop: Shop, mine: NewShop) -> None:
    approval = waits(await move(shop, mine.caller("manager"), 500_01))
    before = await tables_of(mine)

    shown = await call(shop, get_approval, {"approval": approval}, mine.caller("support"))

    assert shown.result is not None
    assert await tables_of(mine) == before


async def test_with_four_eyes_a_second_person_agrees_to_a_laxer_threshold(shop: Shop, mine: NewShop) -> None:
    """Else whoever wants to move more alone would first raise it, or unset it."""
    _, second = await add_colleague(mine, Role.owner)
    owner = mine.caller("owner")
    await call(shop, update_merchant, {"four_eyes_above": 100_00}, owner, key="threshold")

    lower = await call(shop, update_merchant, {"four_eyes_above": 50_00}, owner, key="lower")
    higher = await call(shop, update_merchant, {"four_eyes_above": 60_00}, owner, key="higher")
    none = await call(shop, update_merchant, {"four_eyes_above": None}, owner, key="none")

    assert lower.result is not None
    assert higher.why == (
        "With four eyes set, a second person has to agree that the threshold becomes 60.00 EUR instead of 50.00 EUR."
    )
    assert none.why.endswith("that no threshold is left instead of 50.00 EUR.")
    with pytest.raises(FourEyes):
        await decide(mine, "owner", waits(none))
    decision = {"approval": waits(none), "decision": "approve"}
    await call(shop, decide_approval, decision, second, key="decide")
    assert (await carry_out(mine, waits(none))).result is not None
    assert await count(mine, "merchant_profiles", "four_eyes_above is null") == 1


@pytest.mark.parametrize(
    ("laxer", "because"),
    [
        ({"always": []}, "cancel_order no longer waits each time"),
        ({"always": ["cancel_order"], "roles": {"support": {"per_call": 50_01, "per_day": 200_00, "stops_per_day": 5}}},
         "support may move or stop more"),
        ({"always": ["cancel_order"], "roles": {"viewer": {"per_call": None, "per_day": 0, "stops_per_day": 0}}},
         "viewer may move or stop more"),
    ],
)  # fmt: skip
async def test_with_four_eyes_a_second_person_agrees_to_a_laxer_policy(
    shop: Shop, mine: NewShop, laxer: dict[str, Any], because: str
) -> None:
    await add_colleague(mine, Role.owner)
    owner = mine.caller("owner")
    await call(shop, set_approval_policy, {"always": ["cancel_order"], "version": 0}, owner, key="policy")
    await call(shop, update_merchant, {"four_eyes_above": 100_00}, owner, key="threshold")

    stricter = {"always": ["cancel_order", "write_note"], "version": 1}
    assert (await call(shop, set_approval_policy, stricter, owner, key="stricter")).result is not None
    outcome = await call(shop, set_approval_policy, laxer | {"version": 2}, owner, key="laxer")

    assert waits(outcome)
    assert because in outcome.why or "no longer waits" in outcome.why
    with pytest.raises(FourEyes):
        await decide(mine, "owner", waits(outcome))


async def test_without_four_eyes_an_owner_sets_the_policy_alone(shop: Shop, mine: NewShop) -> None:
    owner = mine.caller("owner")
    await call(shop, set_approval_policy, {"always": ["cancel_order"], "version": 0}, owner, key="policy")

    assert (await call(shop, set_approval_policy, {"version": 1}, owner, key="laxer")).result is not None


async def test_no_program_sets_or_unsets_the_threshold(shop: Shop, mine: NewShop) -> None:
    await add_colleague(mine, Role.owner)
    program = await mine.key(scopes=["*"])

    with pytest.raises(ThresholdIsForPeople):
        await call(shop, update_merchant, {"four_eyes_above": 100_00}, program, key="threshold")
    assert (await call(shop, update_merchant, {"name": "Fernway"}, program, key="name")).result is not None


# ---- what always waits ---------------------------------------------------------------------------------------------------


async def test_the_shops_own_jobs_wait_for_nobody(shop: Shop, mine: NewShop) -> None:
    """Else an order that nobody paid would hold its stock until somebody found its card."""
    always = {"always": ["move_money"], "version": 0}
    await call(shop, set_approval_policy, always, mine.caller("owner"), key="policy")
    system = Caller(mine.id, Door.worker, Hand.program, Proof.system, "worker")

    assert (await call(shop, move_money, {}, system, key="job:1")).result is not None
    assert waits(await move(shop, mine.caller("owner"), 0))


async def test_only_what_can_wait_is_made_to(shop: Shop, mine: NewShop) -> None:
    async def always(name: str) -> None:
        await call(
            shop, set_approval_policy, {"always": [name], "version": 0}, mine.caller("owner"), key=f"k-{number()}"
        )

    with pytest.raises(UnknownOperation, match="There is no operation cancel_ordr") as unknown:
        await always("cancel_ordr")
    with pytest.raises(SecretCannotWait, match="create_api_key answers with a secret"):
        await always("create_api_key")
    assert "cancel_order" in unknown.value.advice
