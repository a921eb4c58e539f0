"""What the database itself says of a shop and of a transaction: the oracle for what tools say they changed."""

from collections import Counter
from typing import Any, NamedTuple

from db.model import Base
from tests.factories import NewShop
from tools.contract.context import Context

# Written by the last statement of a call, after the tool.
LEFT_BY_THE_CALL = {"events"}
# The numbers of references; guesses; and what an earlier transaction of the connection wrote, whose counts are not told yet.
NOT_ROWS_OF_A_TOOL = {"counters", "daily_totals", "idempotency_records", "guesses"}
TABLES = sorted(
    table.name for table in Base.metadata.tables.values() if "merchant_id" in table.c and table.name != "sessions"
)


class Count(NamedTuple):
    name: str
    rows: int
    digest: int


class Touched(NamedTuple):
    relname: str
    inserted: int
    updated: int
    deleted: int


class Row(NamedTuple):
    id: Any


async def tables_of(mine: NewShop) -> dict[str, tuple[int, int]]:
    """How many rows each table has for the shop, and a checksum of them."""
    query = " union all ".join(
        f"select '{name}' as name, count(*) as rows, coalesce(sum(hashtext(t::text))::bigint, 0) as digest from {name} t"
        " where merchant_id = %(m)s"
        for name in TABLES
        if name != "access_log"
    )
    # One that may write keeps its plan: eighty tables' takes long. To the planner the few shops of a test are most of a table.
    async with mine.shop.database.transaction(mine.id) as sql:
        await sql.execute("set local enable_seqscan = off; set local max_parallel_workers_per_gather = 0")
        counted = await sql.rows(query, {"m": mine.id}, as_=Count)
    return {count.name: (count.rows, count.digest) for count in counted}


def tool_says(ctx: Context) -> Counter[tuple[str, str]]:
    """The rows that the tool's change set names, inserted or updated, but for the references it took."""
    rows = {(change.table, str(change.id)) for change in ctx.changes.rows if change.kind != "delete"}
    return Counter((table, id_) for table, id_ in rows if table not in LEFT_BY_THE_CALL)


async def database_says(ctx: Context) -> Counter[tuple[str, str]]:
    """The rows that this transaction wrote: those whose xmin is its own, in the tables that it touched."""
    touched = await ctx.sql.rows(
        "select relname, n_tup_ins as inserted, n_tup_upd as updated, n_tup_del as deleted from pg_stat_xact_user_tables"
        " where schemaname = 'public' and n_tup_ins + n_tup_upd + n_tup_del > 0",
        as_=Touched,
    )
    found: Counter[tuple[str, str]] = Counter()
    for table in touched:
        if table.relname in NOT_ROWS_OF_A_TOOL:
            continue
        where = "" if table.relname in ("users", "merchants", "sessions") else "merchant_id = %(m)s and"
        query = f"select id from {table.relname} where {where} xmin = pg_current_xact_id()::xid"
        rows = await ctx.sql.rows(query, {"m": ctx.merchant.id}, as_=Row)
        found.update((table.relname, str(row.id)) for row in rows)
    return found
