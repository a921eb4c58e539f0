"""The access log: refusals for want of a permission, and personal data read in bulk; each in a transaction of its own."""

from typing import Any

from db.model import new_id
from db.session import Database
from tools.contract.actors import Caller
from tools.contract.context import Context
from tools.contract.declare import Tool
from tools.contract.errors import Forbidden

BULK = 20  # people in one answer, above which a read is noted

_LOG = """
insert into access_log (merchant_id, id, kind, actor, door, tool, detail, created_at)
values (%(merchant)s, %(id)s, %(kind)s, %(actor)s, %(door)s, %(tool)s, jsonb_build_object(%(what)s::text, %(value)s::text), now())
"""


async def log_disclosure(database: Database, ctx: Context, caller: Caller, tool: Tool[Any, Any]) -> None:
    if ctx.produced.people > BULK:
        await _log(database, caller, tool, "disclosure", ctx.actor.reference, ("people", str(ctx.produced.people)))


async def log_refusal(database: Database, caller: Caller, tool: Tool[Any, Any], refused: Forbidden) -> None:
    lacking = str(refused.details.get("permission", tool.permission))
    await _log(database, caller, tool, "refusal", refused.actor, ("permission", lacking))


async def _log(
    database: Database, caller: Caller, tool: Tool[Any, Any], kind: str, actor: str, detail: tuple[str, str]
) -> None:
    async with database.transaction(caller.merchant) as sql:
        await sql.commit(
            _LOG,
            {
                "merchant": caller.merchant,
                "id": new_id(),
                "kind": kind,
                "actor": actor,
                "door": caller.door,
                "tool": tool.name,
                "what": detail[0],
                "value": detail[1],
            },
        )
