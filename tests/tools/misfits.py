"""What breaks the shop's books: every check of `shopkeeper check`, asked of a shop that a test made."""

from db.checks import CHECKS
from tests.factories import NewShop

OF_FACTORIES = {"references_continue"}  # rows that tests arrange have numbers beyond the counters


async def misfits(mine: NewShop) -> dict[str, int]:
    """How many rows break a check, by its name; empty when all holds."""
    async with mine.shop.database.transaction(mine.id, read_only=True) as sql:
        found = {
            check.name: await sql.execute(check.sql, {"merchant": mine.id})
            for check in CHECKS
            if check.name not in OF_FACTORIES
        }
    return {name: rows for name, rows in found.items() if rows}
