"""The one path into a tool, whichever the door: validate, authorize, replay, run, pause where approval is needed, audit.

The effect, its events, jobs, audit row and idempotency record stand or fall together, in one transaction.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import psycopg.errors as pg
from pydantic import ValidationError

from db.session import Transaction
from tools.contract import errors
from tools.contract.access import log_disclosure, log_refusal
from tools.contract.actors import Actor, Caller, Proof
from tools.contract.cards import beyond_the_card, card_of, mark_executed, pause, waiting
from tools.contract.context import Approved, Context
from tools.contract.declare import Effect, I, O, Tool
from tools.contract.idempotency import LEAVE, OWN_KEYS, Entered, canonical, enter, leaving, lock_of, request_hash
from tools.contract.policy import asks_first, beyond_limits, needs_another
from tools.contract.secret import without_secrets
from tools.contract.shop import Outcome, Shop

PREVIEW_LOCK_TIMEOUT = 2_000  # milliseconds


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
    args = validated(tool, arguments)
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
            return await _write(shop, tool, args, caller, key, approval, wait)
        except pg.UniqueViolation as twin:
            if twin.diag.table_name != "idempotency_records" or not key:
                raise
            # A twin paused at the same moment, and holds no lock by then: its answer is ours.
            return await _write(shop, tool, args, caller, key, approval, wait)
        except errors.Forbidden as refused:
            await log_refusal(shop.database, caller, tool, refused)
            raise


def validated(tool: Tool[I, O], arguments: I | Mapping[str, Any]) -> I:
    """The arguments as the tool's input. Raises `Invalid`, naming each field, or `VersionRequired`."""
    try:
        args = arguments if isinstance(arguments, tool.input) else tool.input.model_validate(arguments)
    except ValidationError as invalid:
        raise errors.Invalid.of(invalid, tool.name) from None
    if tool.version_required and getattr(args, "version", None) is None:
        raise errors.VersionRequired(f"{tool.name} needs the version that you read.")
    return args


@asynccontextmanager
async def opened(
    shop: Shop,
    tool: Tool[Any, Any],
    caller: Caller,
    *,
    key: str | None = None,
    wait: bool = False,
    timeout: int | None = None,
) -> AsyncGenerator[tuple[Context, Entered]]:
    """A transaction in which the caller may use the tool. Raises `Unauthenticated` or `Forbidden`."""
    database = shop.database if tool.writes else shop.replica or shop.database
    lock = lock_of(caller.merchant, key) if key else None
    opening = database.transaction(
        caller.merchant, read_only=not tool.writes, lock_timeout=timeout, lock=lock, wait=wait
    )
    async with opening as sql:
        entered = await enter(sql, caller, key, shop.clock())
        actor = entered.actor(caller)
        try:
            _authorize(tool, actor, caller)
            yield Context(sql, entered.shop(caller.merchant), actor, shop.clock, key or "", shop.site), entered
        except errors.Forbidden as refused:
            refused.actor = actor.reference
            raise


def _authorize(tool: Tool[Any, Any], actor: Actor, caller: Caller) -> None:
    if tool.permission not in actor.permissions:
        raise errors.Forbidden(
            f"{tool.name} needs the permission {tool.permission}, which {actor.name} lacks.",
            hint="Ask an owner of the shop for a role or a key that has it.",
            permission=tool.permission,
        )
    if tool.for_people and caller.hand.is_model:
        raise errors.Forbidden(f"{tool.name} is for people only.", hint="Do it in the console, or on the command line.")


async def _read(shop: Shop, tool: Tool[I, O], args: I, caller: Caller) -> Outcome[O]:
    async with opened(shop, tool, caller) as (ctx, _):
        result = await tool.run(ctx, args)
        await ctx.sql.commit()
    await log_disclosure(shop.database, ctx, caller, tool)
    return Outcome(result=result)


async def _preview(shop: Shop, tool: Tool[I, O], args: I, caller: Caller) -> Outcome[O]:
    async with opened(shop, tool, caller, timeout=PREVIEW_LOCK_TIMEOUT) as (ctx, entered):
        await tool.run(ctx, args)
        await ctx.sql.flush()
        why = await _why_it_waits(ctx, entered, tool, caller)
    return Outcome(card=card_of(ctx, tool, args), why=why or "")


async def _write(
    shop: Shop, tool: Tool[I, O], args: I, caller: Caller, key: str, approval: Approved | None, wait: bool
) -> Outcome[O]:
    asked = canonical(args, as_sent=True)
    async with opened(shop, tool, caller, key=key, wait=wait) as (ctx, entered):
        if not ctx.sql.locked:
            raise errors.IdempotencyInFlight(f"The idempotency key {key} is being worked on.", retry_after=1)
        if entered.request_hash is not None:
            return await _replay(ctx.sql, tool, asked, entered)
        ctx.approval = approval
        result = await tool.run(ctx, args)
        await ctx.sql.flush()
        why = await _why_it_waits(ctx, entered, tool, caller)
        card = card_of(ctx, tool, args) if why else None
        if card is None:
            await mark_executed(ctx)
            await ctx.sql.commit(LEAVE, leaving(ctx, caller, tool, asked, canonical(without_secrets(result))))
    if card is None:
        if shop.after_commit and ctx.jobs:
            await shop.after_commit(caller.merchant, ctx.jobs)
        return Outcome(result=result)
    async with shop.database.transaction(caller.merchant) as sql:
        pausing = Context(sql, ctx.merchant, ctx.actor, shop.clock, key)
        pausing.approval = approval
        reference = await pause(pausing, caller, tool, asked, card, why or "")
    return Outcome(card=card, approval=reference, why=why or "")


async def _why_it_waits(ctx: Context, entered: Entered, tool: Tool[Any, Any], caller: Caller) -> str | None:
    """Why a person has to decide first; None when the run may be committed."""
    if ctx.approval is not None:
        return await beyond_the_card(ctx, ctx.approval)
    swayed = caller.tainted and caller.hand.is_model and tool.room == "backoffice" and tool.effect is not Effect.record
    first = asks_first(tool, caller.hand, entered.rules, swayed=swayed)
    return first or await beyond_limits(ctx, ctx.produced) or needs_another(ctx.merchant, ctx.produced)


async def _replay(sql: Transaction, tool: Tool[I, O], asked: bytes, entered: Entered) -> Outcome[O]:
    """The first answer to this key: its result, the approval that it waits for, or why that will not come."""
    if entered.request_hash != request_hash(tool.name, asked):
        raise errors.IdempotencyKeyReused(f"This idempotency key was used for another request ({tool.name}).")
    if entered.response is not None:
        return Outcome(result=tool.output.model_validate(entered.response), replayed=True)
    card, why = await waiting(sql, entered.approval or "")
    return Outcome(card=card, approval=entered.approval, why=why, replayed=True)
