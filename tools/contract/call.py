"""The one path into a tool, whichever the door: validate, authorize, replay, run, pause where approval is needed, audit.

The effect, its events, jobs, audit row and idempotency record stand or fall together, in one transaction.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import psycopg.errors as pg

from tools.contract import errors
from tools.contract.access import authorize, log_disclosure, log_refusal
from tools.contract.actors import Caller, Hand, Proof
from tools.contract.asking import Unheard
from tools.contract.cards import beyond_the_card, card_of, mark_executed, pause, waiting
from tools.contract.context import Approved, Context
from tools.contract.declare import I, O, Result, Tool, validated
from tools.contract.idempotency import OWN_KEYS, Entered, canonical, committed, enter, lock_of, request_hash
from tools.contract.policy import asks_first, beyond_limits, beyond_the_day, needs_another
from tools.contract.room import room_for
from tools.contract.secret import without_secrets
from tools.contract.shop import Outcome, Shop


async def call(
    shop: Shop,
    tool: Tool[I, O],
    arguments: I | Mapping[str, Any],
    caller: Caller,
    *,
    key: str | None = None,
    preview: bool = False,
    approval: Approved | None = None,
    wait: bool = False,
) -> Outcome[O]:
    """Call a tool. A write needs a `key`; with `wait`, a twin of the same key is waited for instead of refused."""
    args = validated(tool, arguments, on_card=approval is not None or caller.hand is Hand.planner)
    asked = canonical(args, as_sent=True) if tool.writes else b""
    with errors.as_shop_errors():
        try:
            caller = await tool.caller_of(shop, args, caller, preview=preview)
            if not tool.writes:
                return await _read(shop, tool, args, caller)
            if preview:
                return await _preview(shop, tool, args, caller)
            if not key:
                raise errors.IdempotencyKeyMissing(f"{tool.name} writes, and came without an idempotency key.")
            if key.startswith(OWN_KEYS) and not approval and caller.proof is not Proof.system:
                raise errors.IdempotencyKeyReused(f"Keys that begin with {' or '.join(OWN_KEYS)} are the shop's own.")
            return await _write(shop, tool, args, asked, caller, key, approval, wait)
        except Unheard as unheard:  # no transaction is open any more: it begins again with the answers
            asked_for = await shop.having_asked(unheard)
            return await call(asked_for, tool, args, caller, key=key, preview=preview, approval=approval, wait=wait)
        except pg.UniqueViolation as twin:
            if twin.diag.table_name != "idempotency_records" or not key:
                raise
            # A twin paused at the same moment, and holds no lock by then: its answer is ours.
            return await _write(shop, tool, args, asked, caller, key, approval, wait)
        except errors.Forbidden as refused:
            await log_refusal(shop.database, caller, tool, refused)
            raise


@asynccontextmanager
async def opened(
    shop: Shop,
    tool: Tool[Any, Any],
    caller: Caller,
    *,
    key: str | None = None,
    wait: bool = False,
    preview: bool = False,
) -> AsyncGenerator[tuple[Context, Entered]]:
    """A transaction in which the caller may use the tool. Raises `Unauthenticated` or `Forbidden`."""
    lock = lock_of(caller.merchant, key) if key else None
    async with room_for(shop, tool, caller, lock=lock, wait=wait, preview=preview) as sql:
        entered = await enter(sql, caller, key, shop.clock())
        actor = entered.actor(caller)
        try:
            authorize(tool, actor, caller)
            ctx = Context(
                sql, entered.shop(caller.merchant), actor, shop.clock, key or "", shop.site.of(caller.merchant)
            )
            ctx.heard = shop.heard
            ctx.asker = caller.as_json(actor.reference)
            yield ctx, entered
        except errors.Forbidden as refused:
            refused.actor = actor.reference
            raise


async def _read(shop: Shop, tool: Tool[I, O], args: I, caller: Caller) -> Outcome[O]:
    async with opened(shop, tool, caller) as (ctx, _):
        result = await tool.run(ctx, args)
        await ctx.sql.commit()
    await log_disclosure(shop.database, ctx, caller, tool)
    return Outcome(result=result)


async def _preview(shop: Shop, tool: Tool[I, O], args: I, caller: Caller) -> Outcome[O]:
    async with opened(shop, tool, caller, preview=True) as (ctx, entered):
        await tool.run(ctx, args)
        await ctx.sql.flush()
        why = await _why_it_waits(ctx, entered, tool, caller)
    return Outcome(card=card_of(ctx, tool, args), why=why or "")


async def _write(
    shop: Shop, tool: Tool[I, O], args: I, asked: bytes, caller: Caller, key: str, approval: Approved | None, wait: bool
) -> Outcome[O]:
    async with opened(shop, tool, caller, key=key, wait=wait) as (ctx, entered):
        if not ctx.sql.locked:
            raise errors.IdempotencyInFlight(f"The idempotency key {key} is being worked on.", retry_after=1)
        if entered.request_hash is not None:
            return await _replay(ctx, tool, asked, entered)
        ctx.approval = approval
        result = await tool.run(ctx, args)
        await ctx.sql.flush()
        why = await _why_it_waits(ctx, entered, tool, caller, leaving=True)
        card = None if not why and await _committed(ctx, caller, tool, asked, result) else card_of(ctx, tool, args)
    if card is None:
        if shop.after_commit and ctx.jobs:
            await shop.after_commit(caller.merchant, ctx.jobs)
        if shop.outside and ctx.intents:
            await shop.outside(caller.merchant, ctx.intents)
            if tool.afterwards:
                async with opened(shop, tool, caller) as (seen, _):
                    result = await tool.afterwards(seen, result)
        return Outcome(result=result)
    async with shop.database.transaction(caller.merchant) as sql:
        pausing = Context(sql, ctx.merchant, ctx.actor, shop.clock, key)
        pausing.approval = approval
        why = why or await beyond_the_day(pausing, ctx.produced)
        reference = await pause(pausing, caller, tool, asked, card, why)
    return Outcome(card=card, approval=reference, why=why)


async def _committed(ctx: Context, caller: Caller, tool: Tool[Any, Any], asked: bytes, result: Result) -> bool:
    """Commit the call with what it leaves behind; False when it was more than the actor's day may come to."""
    await mark_executed(ctx)
    return await committed(ctx, caller, tool, asked, canonical(without_secrets(result)))


async def _why_it_waits(
    ctx: Context, entered: Entered, tool: Tool[Any, Any], caller: Caller, *, leaving: bool = False
) -> str | None:
    """Why a person has to decide first; None when the run may be committed, if the day of who answers for it has room."""
    if ctx.approval is not None:
        return await beyond_the_card(ctx, ctx.approval)
    did = ctx.produced
    why = asks_first(tool, caller, entered.rules, did) or await beyond_limits(ctx, did, leaving=leaving)
    why = why or needs_another(ctx.merchant, did)
    return f"{caller.remark} {why}" if why and caller.remark else why


async def _replay(ctx: Context, tool: Tool[I, O], asked: bytes, entered: Entered) -> Outcome[O]:
    """The first answer to this key: its result, the approval that it waits for, or why that will not come."""
    if entered.used_by != ctx.actor.reference:
        raise errors.IdempotencyKeyReused("This idempotency key was used by somebody else.")
    if entered.request_hash != request_hash(tool.name, asked):
        raise errors.IdempotencyKeyReused(f"This idempotency key was used for another request ({tool.name}).")
    if entered.response is not None:
        return Outcome(result=tool.output.model_validate(entered.response), replayed=True)
    card, why = await waiting(ctx.sql, entered.approval or "")
    return Outcome(card=card, approval=entered.approval, why=why, replayed=True)
