"""Carrying out what was decided, after the decision's commit: the one way, whichever the door that asked.

The call goes through `call.py` with the stored arguments, the approval as its key and the asker as its actor, so that two
processes at once do it once. An edited call goes there too, as the editor's: what it would do is found out anew, and a card of
its own takes the old one's place. The turn that waited is then told by the caller of this.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from db.models.backoffice import ApprovalStatus
from tools.contract.actors import Caller, Hand, Proof
from tools.contract.call import Outcome, Shop, call
from tools.contract.context import Approved
from tools.contract.declare import Tool
from tools.contract.errors import ShopError
from tools.contract.plain import as_jsonb
from tools.contract.secret import without_secrets

Tools = Mapping[str, Tool[Any, Any]]
CARRY_OUT = "carry_out_approval"  # the job that a decision leaves behind
_UNTOLD = timedelta(seconds=15)  # after which a decision that nobody carried out is picked up


class Decided(NamedTuple):
    status: str
    tool: str
    arguments: dict[str, Any]
    asked_by: dict[str, str]
    decided_by: str | None
    editor: UUID | None
    digest: str
    turn_id: UUID | None


class Reference(NamedTuple):
    reference: str


_DECIDED = """
select a.status, a.tool, a.arguments, a.asked_by, a.decided_by, m.user_id as editor, a.digest, a.turn_id
from approvals a left join memberships m on m.merchant_id = a.merchant_id and m.reference = a.decided_by
where a.merchant_id = %(merchant)s and a.reference = %(reference)s
"""
_FAILED = """
update approvals set status = 'failed', outcome = %(outcome)s
where merchant_id = %(merchant)s and reference = %(reference)s and status in ('approved', 'edited')
"""
_EXECUTED = """
update approvals set outcome = %(outcome)s
where merchant_id = %(merchant)s and reference = %(reference)s and status in ('executed', 'superseded')
  and outcome is null
"""
_UNDONE = """
select reference from approvals
where merchant_id = %(merchant)s and status in ('approved', 'edited') and decided_at < %(before)s
order by id limit 100
"""


async def carry_out(shop: Shop, tools: Tools, merchant: UUID, reference: str) -> UUID | None:
    """Do what was approved, and keep what came of it; returns the turn that waits for it, if one does.

    Repeating it does nothing. Raises a retryable `ShopError` when something is in the way for a moment.
    """
    async with shop.database.transaction(merchant, read_only=True) as sql:
        decided = await sql.row(_DECIDED, {"merchant": merchant, "reference": reference}, as_=Decided)
    if decided is None or decided.status == ApprovalStatus.pending:
        return None
    if decided.status in (ApprovalStatus.approved, ApprovalStatus.edited):
        await _do(shop, tools[decided.tool], merchant, reference, decided)
    return decided.turn_id


async def not_carried_out(shop: Shop, merchant: UUID) -> list[str]:
    """Approved and edited calls that whoever heard of the decision did not get to."""
    async with shop.database.transaction(merchant, read_only=True) as sql:
        found = await sql.rows(_UNDONE, {"merchant": merchant, "before": shop.clock() - _UNTOLD}, as_=Reference)
    return [row.reference for row in found]


async def _do(shop: Shop, tool: Tool[Any, Any], merchant: UUID, reference: str, decided: Decided) -> None:
    asker = replace(_asker(merchant, decided), turn=decided.turn_id, request_id=reference)
    approval = Approved(reference, decided.decided_by or "", decided.digest)
    try:
        outcome = await call(shop, tool, decided.arguments, asker, key=reference, approval=approval, wait=True)
    except ShopError as refused:
        if refused.retryable:
            raise
        await _keep(shop, merchant, reference, _FAILED, refused.problem())
        return
    await _keep(shop, merchant, reference, _EXECUTED, _told(outcome))


def _asker(merchant: UUID, decided: Decided) -> Caller:
    """Whose call it is: what a decider has edited is theirs."""
    asker = Caller.from_json(merchant, decided.asked_by)
    if decided.status != ApprovalStatus.edited:
        return asker
    if decided.editor:
        return Caller(merchant, asker.door, Hand.person, Proof.user, str(decided.editor))
    return Caller(merchant, asker.door, Hand.program, Proof.key, decided.decided_by or "")


def _told(outcome: Outcome[Any]) -> dict[str, Any]:
    """The result without secrets; or the new card, when what it would change was no longer what had been approved."""
    if outcome.result is None:
        return {"superseded_by": outcome.approval}
    return without_secrets(outcome.result).model_dump(mode="json")


async def _keep(shop: Shop, merchant: UUID, reference: str, statement: str, outcome: dict[str, Any]) -> None:
    async with shop.database.transaction(merchant) as sql:
        await sql.commit(statement, {"merchant": merchant, "reference": reference, "outcome": as_jsonb(outcome)})
