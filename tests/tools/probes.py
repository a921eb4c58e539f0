"""Tools of the smallest kind, for tests of the path that every call takes."""

from datetime import timedelta
from typing import NamedTuple

from pydantic import Field

from db.models.conversations import Conversation
from db.money import Money
from tests.factories import NewShop
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict
from tools.contract.fields import MinorUnits


class NoSuchLuck(Conflict):
    """A rule of the probe."""


class MoveMoney(Input):
    """What the probe does."""

    amount: MinorUnits = Field(default=0, description="Minor units that leave the shop.")
    currency: str = Field(default="EUR", description="Their currency.")
    stops: int = Field(default=0, description="Things to stop.")
    note: str | None = Field(default=None, description="A word that may be written once.")
    fail: bool = Field(default=False, description="Whether to refuse after everything was written.")


class Moved(Result):
    """What the probe did."""

    reference: str = Field(description="What was written.")
    amount: int = Field(description="Minor units that left the shop.")


async def _move(ctx: Context, args: MoveMoney) -> Moved:
    once = {"source": "probe", "external_reference": args.note} if args.note else {}
    row = await ctx.add(Conversation, owner=ctx.actor.reference, title=f"Moved {args.amount}", **once)
    await ctx.db.flush()
    ctx.event("probed", row, amount=args.amount)
    ctx.moves_money(Money(amount=args.amount, currency=args.currency))
    ctx.stops(args.stops)
    ctx.enqueue("expire_order", at=ctx.now() + timedelta(days=30), order="ORD-1")
    if args.fail:
        raise NoSuchLuck("The probe was told to fail.")
    ctx.tell(f"{args.amount} cents leave the shop.")
    return Moved(reference=row.reference, amount=args.amount)


@tool(route="POST /probes", effect=Effect.money, permission="payments:refund", raises=[NoSuchLuck], examples=[])
async def move_money(ctx: Context, args: MoveMoney) -> Moved:
    """Write a row, an event and a job, and say that money moved."""
    return await _move(ctx, args)


@tool(route="POST /notes", effect=Effect.write, permission="orders:write", raises=[], examples=[])
async def write_note(ctx: Context, args: MoveMoney) -> Moved:
    """Write a row, and nothing weighty."""
    return await _move(ctx, args)


@tool(route="POST /findings", effect=Effect.record, permission="orders:write", raises=[], examples=[])
async def record_finding(ctx: Context, args: MoveMoney) -> Moved:
    """Write down what was found out."""
    return await _move(ctx, args)


@tool(route="GET /probes", effect=Effect.read, permission="orders:read", raises=[], examples=[])
async def read_and_write(ctx: Context, args: MoveMoney) -> Moved:
    """A reader that would write."""
    return await _move(ctx, args)


class ReadPeople(Input):
    """Whose data are read."""

    people: int = Field(description="How many people.")


class People(Result):
    """How many were read."""

    people: int = Field(description="How many people.")


@tool(route="GET /people", effect=Effect.read, permission="customers:read", raises=[], examples=[])
async def read_people(ctx: Context, args: ReadPeople) -> People:
    """Read personal data of some people."""
    ctx.discloses(args.people)
    return People(people=args.people)


class Entry(NamedTuple):
    """An audit entry, or a line of the access log."""

    actor: str
    tool: str


class Counted(NamedTuple):
    rows: int


async def entries(mine: NewShop, table: str = "audit_entries") -> list[Entry]:
    """The shop's audit, or its access log, oldest first."""
    async with mine.shop.database.transaction(mine.id, read_only=True) as sql:
        query = f"select actor, tool from {table} where merchant_id = %s order by id"
        return await sql.rows(query, (mine.id,), as_=Entry)


async def count(mine: NewShop, table: str, where: str = "true") -> int:
    """How many rows of the shop a table has."""
    async with mine.shop.database.transaction(mine.id, read_only=True) as sql:
        query = f"select count(*) as rows from {table} where merchant_id = %s and {where}"
        return (await sql.rows(query, (mine.id,), as_=Counted))[0].rows


async def jobs(mine: NewShop) -> int:
    """How many jobs wait on the shop's outbox."""
    async with mine.shop.database.transaction(mine.id, read_only=True) as sql:
        query = "select count(*) as rows from jobs.procrastinate_jobs where args ->> 'merchant' = %s"
        return (await sql.rows(query, (str(mine.id),), as_=Counted))[0].rows
