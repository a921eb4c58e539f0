"""Who may call what; and the access log: refusals for want of a permission, and personal data read in bulk, each in a transaction
of its own.
"""

from typing import Any

from db.model import new_id
from db.session import Database
from tools.contract.actors import Actor, Caller, Proof
from tools.contract.context import Context
from tools.contract.declare import Tool
from tools.contract.errors import Forbidden

BULK = 20  # people in one answer, above which a read is noted

_LOG = """
insert into access_log (merchant_id, id, kind, actor, door, tool, detail, created_at)
values (%(merchant)s, %(id)s, %(kind)s, %(actor)s, %(door)s, %(tool)s, jsonb_build_object(%(what)s::text, %(value)s::text), now())
"""


def authorize(tool: Tool[Any, Any], actor: Actor, caller: Caller) -> None:
    """Raise `Forbidden` unless the actor may use the tool, by that hand."""
    if tool.permission not in actor.permissions:
        raise Forbidden(
            f"{tool.name} needs the permission {tool.permission}, which {actor.name} lacks.",
            hint="Ask an owner of the shop for a role or a key that has it.",
            permission=tool.permission,
        )
    if not tool.for_people or caller.proof is Proof.system:
        return
    if caller.hand.is_model:
        raise Forbidden(f"{tool.name} is for people only.", hint="Do it in the console, or on the command line.")
    if tool.for_visitors or actor.is_member:
        return
    if not (tool.keys_by_name and tool.permission in actor.named):
        named = f", or with a key whose scopes name {tool.permission}" if tool.keys_by_name else ""
        raise Forbidden(
            f"{tool.name} is for people only, and {actor.name} ({actor.reference}) is none.",
            hint=f"Sign in as a person of the shop: in the console, or on the command line without SHOPKEEPER_URL{named}.",
        )


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
