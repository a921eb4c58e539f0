"""A call that a decider edits is a new request of theirs: found out anew, on a card of its own, under their own policy."""

from typing import Any

import pytest

from db.models.backoffice import ApprovalStatus, Role
from orchestrator.approvals import carry_out, not_carried_out
from tests.factories import NewShop, add_colleague, number
from tests.tools.probes import count, move_money, write_note
from tools.backoffice.approvals import ApprovalDetail, Decision, FourEyes, OwnRequest, decide_approval, get_approval
from tools.backoffice.merchant import update_merchant
from tools.contract import errors
from tools.contract.actors import Caller
from tools.contract.call import call
from tools.contract.shop import Outcome, Shop

PROBES = {tool.name: tool for tool in (move_money, write_note)}


async def asked(mine: NewShop, asker: Caller, amount: int, *, key: str | None = None) -> Outcome[Any]:
    return await call(mine.shop, move_money, {"amount": amount}, asker, key=key or f"ask-{number()}")


async def decide(mine: NewShop, decider: Caller, approval: str | None, decision: str, **more: Any) -> Decision:
    """The decision, carried out."""
    arguments = {"approval": approval, "decision": decision, **more}
    outcome = await call(mine.shop, decide_approval, arguments, decider, key=f"decide-{number()}")
    assert outcome.result is not None
    await carry_out(mine.shop, PROBES, mine.id, outcome.result.reference)
    return outcome.result


async def shown(mine: NewShop, approval: str | None) -> ApprovalDetail:
    outcome = await call(mine.shop, get_approval, {"approval": approval}, mine.caller("owner"))
    assert outcome.result is not None
    return outcome.result


async def replaced(mine: NewShop, approval: str | None) -> ApprovalDetail:
    """The approval that took the place of this one."""
    old = await shown(mine, approval)
    assert old.status is ApprovalStatus.superseded
    assert old.outcome is not None
    return await shown(mine, old.outcome["superseded_by"])


async def test_it_gets_a_card_of_its_own_which_is_the_editors(mine: NewShop) -> None:
    first = await asked(mine, mine.caller("manager"), 500_01)

    decision = await decide(mine, mine.caller("owner"), first.approval, "edit", arguments={"amount": 700_00})

    new = await replaced(mine, first.approval)
    assert decision.status is ApprovalStatus.edited
    assert (new.status, new.asker, new.hand, new.arguments) == ("pending", "USR-1001", "person", {"amount": 700_00})
    assert new.card is not None
    assert str(new.card.money) == "700.00 EUR"
    assert new.why == f"Owner changed what {first.approval} asked for."
    assert await count(mine, "conversations") == 0


async def test_whoever_asked_with_a_key_gets_the_edited_calls_answer(mine: NewShop) -> None:
    manager = mine.caller("manager")
    first = await asked(mine, manager, 500_01, key="k-1")
    await decide(mine, mine.caller("owner"), first.approval, "edit", arguments={"amount": 400_00})
    new = await replaced(mine, first.approval)
    waiting = await asked(mine, manager, 500_01, key="k-1")

    await decide(mine, mine.caller("owner"), new.reference, "approve")
    done = await asked(mine, manager, 500_01, key="k-1")

    assert waiting.approval == new.reference
    assert done.result is not None
    assert done.result.amount == 400_00
    audited = f"tool = 'move_money' and actor = 'USR-1001' and approval = '{new.reference}' and money = 40000"
    assert await count(mine, "audit_entries", audited) == 1


async def test_above_the_threshold_nobody_approves_what_they_edited_themselves(shop: Shop, mine: NewShop) -> None:
    """A asks for one thing, B makes another of it with the same amount: A has to agree, who is the second person then."""
    _, second = await add_colleague(mine, Role.owner)
    await call(shop, update_merchant, {"four_eyes_above": 100_00}, mine.caller("owner"), key="threshold")
    first = await asked(mine, mine.caller("owner"), 200_00)

    await decide(mine, second, first.approval, "edit", arguments={"amount": 200_00, "note": "another order"})
    new = await replaced(mine, first.approval)

    assert new.why.endswith("Above 100.00 EUR a second person has to agree.")
    with pytest.raises(FourEyes, match=f"{new.reference} is your own request"):
        await decide(mine, second, new.reference, "approve")
    await decide(mine, mine.caller("owner"), new.reference, "approve")
    assert (await shown(mine, new.reference)).status is ApprovalStatus.executed


async def test_an_editor_may_ask_for_more_than_they_may_approve(mine: NewShop) -> None:
    first = await asked(mine, mine.caller("support"), 80_00)

    await decide(mine, mine.caller("manager"), first.approval, "edit", arguments={"amount": 900_00})

    new = await replaced(mine, first.approval)
    assert new.why.endswith("It moves 900.00 EUR; Manager may move 500.00 EUR a call.")
    await decide(mine, mine.caller("owner"), new.reference, "approve")
    assert await count(mine, "conversations") == 1


async def test_arguments_that_the_operation_does_not_take_are_told_at_once(mine: NewShop) -> None:
    first = await asked(mine, mine.caller("support"), 80_00)

    with pytest.raises(errors.Invalid, match="amount"):
        await decide(mine, mine.caller("manager"), first.approval, "edit", arguments={"amount": "a little"})

    assert (await shown(mine, first.approval)).status is ApprovalStatus.pending


async def test_an_edit_that_the_shop_refuses_ends_in_a_failure_that_says_why(mine: NewShop) -> None:
    first = await asked(mine, mine.caller("support"), 80_00)

    await decide(mine, mine.caller("manager"), first.approval, "edit", arguments={"amount": 10_00, "fail": True})

    ended = await shown(mine, first.approval)
    assert ended.status is ApprovalStatus.failed
    assert ended.outcome is not None
    assert ended.outcome["code"] == "NoSuchLuck"


async def test_an_edit_that_nobody_carried_out_is_picked_up(shop: Shop, mine: NewShop) -> None:
    first = await asked(mine, mine.caller("support"), 80_00)
    arguments = {"approval": first.approval, "decision": "edit", "arguments": {"amount": 60_00}}
    await call(shop, decide_approval, arguments, mine.caller("manager"), key="decide")
    async with shop.database.transaction(mine.id) as sql:
        await sql.commit(
            "update approvals set decided_at = decided_at - interval '1 minute' where merchant_id = %s", (mine.id,)
        )

    left = await not_carried_out(shop, mine.id)

    assert left == [first.approval]


# ---- keys ----------------------------------------------------------------------------------------------------------------


async def test_a_key_decides_only_with_a_scope_that_names_it(mine: NewShop) -> None:
    first = await asked(mine, mine.caller("manager"), 500_01)
    for scopes in (["*"], ["approvals:*", "payments:*"], ["*:decide", "payments:*"]):
        everything = await mine.key(scopes=scopes, per_call=900_00, per_day=900_00)
        with pytest.raises(errors.Forbidden, match="decide_approval is for people only") as refused:
            await decide(mine, everything, first.approval, "approve")
        assert "whose scopes name approvals:decide" in refused.value.advice

    named = await mine.key(scopes=["*", "approvals:decide"], per_call=900_00, per_day=900_00)
    assert (await decide(mine, named, first.approval, "approve")).status is ApprovalStatus.approved


@pytest.mark.parametrize("decision", [{"decision": "approve"}, {"decision": "edit", "arguments": {"amount": 1}}])
async def test_a_key_never_decides_what_was_asked_through_it(mine: NewShop, decision: dict[str, Any]) -> None:
    key = await mine.key(scopes=["*", "approvals:decide"], per_call=50_00, per_day=900_00)
    own = await asked(mine, key, 50_01)

    with pytest.raises(OwnRequest, match="was asked through A program"):
        await decide(mine, key, own.approval, **decision)
    assert (await shown(mine, own.approval)).status is ApprovalStatus.pending


async def test_an_edit_by_a_key_is_the_keys_request(mine: NewShop) -> None:
    key = await mine.key(scopes=["*", "approvals:decide"], per_call=900_00, per_day=900_00)
    first = await asked(mine, mine.caller("manager"), 500_01)

    await decide(mine, key, first.approval, "edit", arguments={"amount": 400_00})

    new = await replaced(mine, first.approval)
    assert (new.asker.partition("-")[0], new.hand) == ("KEY", "program")
    with pytest.raises(OwnRequest):
        await decide(mine, key, new.reference, "approve")
