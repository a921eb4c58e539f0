"""The shop's books, checked: what always holds between the tables, in every shop, one transaction each."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from db import clock
from db.checks import CHECKS
from db.session import Database


async def broken_rules(url: str, progress: Callable[[str], None]) -> list[dict[str, Any]]:
    """Every check in every shop: merchant, name, sentence and the rows that break it; `url` is the runtime role's."""
    database = Database(url, size=2)
    await database.open()
    try:
        async with database.connection() as connection:
            shops = await (await connection.execute("select id, slug from merchants order by created_at")).fetchall()
        found: list[dict[str, Any]] = []
        for merchant, slug in shops:
            progress(f"Checking the books of {slug}")
            async with database.transaction(merchant, read_only=True) as sql:
                for check in CHECKS:
                    cursor = await sql.connection.execute(
                        check.sql.encode(), {"merchant": merchant, "now": clock.now()}
                    )
                    rows = _named([column.name for column in cursor.description or ()], await cursor.fetchall())
                    told = {"merchant": slug, "name": check.name, "sentence": check.sentence, "rows": rows}
                    found.append(told)
        return found
    finally:
        await database.close()


def _named(columns: list[str], rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """Rows as plain JSON; where two columns share a name, the later is told apart by a number."""
    names = [
        f"{name}_{columns[:at].count(name) + 1}" if name in columns[:at] else name for at, name in enumerate(columns)
    ]
    return [orjson.loads(orjson.dumps(dict(zip(names, row, strict=True)), default=str)) for row in rows]
