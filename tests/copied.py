"""A shop that was made once, told as rows, and copies of it under ids of their own: every test needs one."""

import re
import uuid
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import inspect

from db import clock
from db.model import new_id
from db.session import Transaction

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Pattern:
    """All rows that a transaction has made, and the statement that makes them anew."""

    statement: str
    rows: str
    ids: list[str]
    slug: str
    made_at: str


async def pattern_of(sql: Transaction, slug: str) -> Pattern:
    """What a transaction is about to write that makes a merchant of this slug; it is written here."""
    tables = defaultdict[str, list[dict[str, Any]]](list)
    made = list(sql.session.sync_session.new)
    await sql.flush()
    for row in made:
        state = inspect(row)
        names = [str(column.key) for column in state.mapper.column_attrs if column.key not in state.unloaded]
        tables[str(state.mapper.local_table)].append({name: getattr(row, name) for name in names})
    own_strings = orjson.OPT_NON_STR_KEYS  # SQLAlchemy's names are of a kind of their own
    rows = orjson.dumps(tables, default=str, option=own_strings).decode()
    made_at = orjson.dumps(tables["merchants"][0]["created_at"]).decode()
    return Pattern(_statement(tables), rows, sorted(set(UUID.findall(rows))), slug, made_at)


def _statement(tables: Mapping[str, list[dict[str, Any]]]) -> str:
    """One for all tables: what refers to what is looked at when it ends."""
    parts: list[str] = []
    for table, rows in tables.items():
        names = ", ".join(f'"{name}"' for name in rows[0])
        made = f"jsonb_populate_recordset(null::{table}, %(rows)s::jsonb -> '{table}')"
        parts.append(f"insert into {table} ({names}) select {names} from {made}")
    *others, last = parts
    return f"with {', '.join(f'made_{number} as ({part})' for number, part in enumerate(others))} {last}"


async def copy(sql: Transaction, pattern: Pattern, slug: str) -> dict[uuid.UUID, uuid.UUID]:
    """Make the rows for the transaction's merchant, now; returns the new ids by the old ones, in the same order."""
    merchant, *others = pattern.ids  # the first that was drawn
    words = {merchant: str(sql.merchant)} | {one: str(new_id()) for one in others}
    ids = {uuid.UUID(old): uuid.UUID(new) for old, new in words.items()}
    words |= {pattern.slug: slug, pattern.made_at: orjson.dumps(clock.now()).decode()}
    rows = re.sub("|".join(map(re.escape, words)), lambda found: words[found[0]], pattern.rows)
    await sql.execute(pattern.statement, {"rows": rows})
    return ids
