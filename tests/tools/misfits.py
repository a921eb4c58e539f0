"""What breaks the shop's books: the checks of `shopkeeper check`, asked of a shop that a test made."""

from typing import Any

from db.checks import CHECKS
from tests.factories import NewShop

OF_FACTORIES = {"references_continue"}  # rows that tests arrange have numbers beyond the counters
OF_CUSTOMERS = ("loyalty_points", "merged_customers", "customer_figures")


async def misfits(mine: NewShop, *names: str) -> dict[str, list[Any]]:
    """The rows that break a check, by its name; empty when all holds. Of the named checks, or of all."""
    wanted = [check for check in CHECKS if (check.name in names if names else check.name not in OF_FACTORIES)]
    assert {check.name for check in wanted} >= set(names)
    found: dict[str, list[Any]] = {}
    async with mine.shop.database.transaction(mine.id, read_only=True) as sql:
        for check in wanted:
            told = {"merchant": mine.id, "now": mine.shop.clock()}
            found[check.name] = await (await sql.connection.execute(check.sql.encode(), told)).fetchall()
    return {name: rows for name, rows in found.items() if rows}
