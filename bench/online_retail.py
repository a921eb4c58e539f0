"""A year of a real shop, brought in and asked: `python -m bench.online_retail FOLDER` (with the invoices and their golden figures).

Prints how fast the command took the file in, what it cost and held, and each golden figure beside ours; ends with 1 if one differs.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from bench.machine import cpu
from bench.shop import SHOPKEEPER, clear_away, postmaster_of
from db import clock, embedded
from db.checks import CHECKS
from db.money import Money
from db.session import Database, Patience
from importers.online_retail import SHOP
from tools.contract.actors import Caller, Door, Hand, Proof
from tools.contract.call import Shop, call
from tools.contract.declare import I, O, Tool
from tools.customers.listing import list_customers
from tools.orders.reports import sales_report
from tools.products.analytics import top_selling_products
from tools.products.detail import get_product

FILE, GOLDEN = "online_retail_2010_2011.csv.gz", "golden_aggregates.json"
ALL = {"placed_from": "2010-12-01T00:00:00Z", "placed_until": "2012-01-01T00:00:00Z"}
COUNTRIES = {
    "GB": "United Kingdom", "NL": "Netherlands", "IE": "EIRE", "DE": "Germany", "FR": "France", "AU": "Australia",
    "CH": "Switzerland", "ES": "Spain", "BE": "Belgium", "SE": "Sweden",
}  # fmt: skip


class Beside(NamedTuple):
    """A golden figure and ours."""

    name: str
    golden: Any
    ours: Any

    @property
    def agrees(self) -> bool:
        return self.golden == self.ours


@dataclass(frozen=True)
class Asker:
    """The owner of the imported shop, asking the operations."""

    shop: Shop
    caller: Caller

    async def __call__(self, tool: Tool[I, O], **arguments: Any) -> O:
        outcome = await call(self.shop, tool, arguments, self.caller, key=uuid.uuid4().hex)
        assert outcome.result is not None
        return outcome.result


def main() -> None:
    folder = Path(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="shopkeeper-bench-") as home:
        server = embedded.start(Path(home))
        try:
            print(_bring_in(Path(home), folder / FILE))
            found = asyncio.run(_compare(server.url("app_rt"), Path(home), json.loads((folder / GOLDEN).read_text())))
        finally:
            embedded.stop(server)
            clear_away(Path(home))
    for figure in found:
        print(
            f"{'equal' if figure.agrees else 'DIFFERS':8} {figure.name:42} golden {figure.golden!s:>14}  ours {figure.ours!s:>14}"
        )
    sys.exit(any(not figure.agrees for figure in found))


def _bring_in(home: Path, file: Path) -> str:
    """Run the command; what it said, its rate, its cost and the most memory that it held."""
    postmaster = postmaster_of(home)
    environment = os.environ | {"SHOPKEEPER_HOME": str(home)}
    subprocess.run([SHOPKEEPER, "migrate"], env=environment, check=True, stderr=subprocess.DEVNULL)
    before, began = cpu(os.getpid(), postmaster), time.perf_counter()
    process = subprocess.Popen(
        [SHOPKEEPER, "import", "online-retail", str(file), "--json"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    said = process.stdout.read() if process.stdout else ""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    took = time.perf_counter() - began
    database = (cpu(os.getpid(), postmaster) - before).database / 1000
    report = json.loads(said)
    lines = sum(report["lines"].values())
    client = used.ru_utime + used.ru_stime
    return (
        f"{lines:,} lines in {took:.0f} s: {lines / took:,.0f} a second, with at most {used.ru_maxrss / 1024:.0f} MB.\n"
        f"CPU: {client:.0f} s here and {database:.0f} s in the database, {1e6 * (client + database) / lines:.0f} µs a line.\n"
        f"{report}"
    )


async def _compare(url: str, home: Path, golden: Mapping[str, Any]) -> list[Beside]:
    kept = dict(line.split("=", 1) for line in (home / f"credentials-{SHOP.slug}").read_text().splitlines())
    merchant = uuid.UUID(kept["MERCHANT"])
    database = Database(url, size=2, patience=Patience(60_000, 3_000, 60_000))
    await database.open()
    try:
        asker = Asker(Shop(database), Caller(merchant, Door.cli, Hand.person, Proof.user, kept["USER"]))
        return [*_counted(url, merchant, golden), *[figure async for figure in _asked(asker, golden)]]
    finally:
        await database.close()


# What no operation counts, or only up to ten thousand.
_COUNTS = {
    "invoices": "select count(*) from orders where merchant_id = %(merchant)s",
    "cancel_invoices": "select count(*) from orders where merchant_id = %(merchant)s and status = 'cancelled'",
    "customers": "select count(*) from customers where merchant_id = %(merchant)s",
    "skus": "select count(*) from variants where merchant_id = %(merchant)s",
    "rows": """
        select (select count(*) from order_lines where merchant_id = %(merchant)s)
             + (select count(*) from order_adjustments where merchant_id = %(merchant)s)
    """,
    "zero_or_negative_price_rows": """
        select (select count(*) from order_lines where merchant_id = %(merchant)s and unit_price = 0)
             + (select count(*) from order_adjustments where merchant_id = %(merchant)s and unit_price <= 0)
    """,
    "repeat_customer_share": """
        select round(1.0 * count(*) filter (where orders > 1) / count(*), 6)::float8 from customer_figures
        where merchant_id = %(merchant)s and orders > 0
    """,
}


def _counted(url: str, merchant: uuid.UUID, golden: Mapping[str, Any]) -> Iterator[Beside]:
    with psycopg.connect(url, autocommit=True) as connection, connection.transaction():
        connection.execute(f"set local app.merchant_id = '{merchant}'".encode())
        for name, query in _COUNTS.items():
            found = connection.execute(query.encode(), {"merchant": merchant}).fetchone()
            yield Beside(name, golden[name], found and found[0])
        told = {"merchant": merchant, "now": clock.now()}
        broken = [check.name for check in CHECKS if connection.execute(check.sql.encode(), told).fetchone()]
        yield Beside("checks that are broken", [], broken)


def _major(money: Money) -> float:
    return money.amount / 100


async def _asked(ask: Asker, golden: Mapping[str, Any]) -> AsyncIterator[Beside]:
    """What operations answer."""
    whole = await ask(sales_report, **ALL)
    yield Beside("net_amount", golden["net_amount"], _major(whole.totals.net))
    yield Beside("cancelled_net_amount", golden["cancelled_net_amount"], -_major(whole.totals.refunds))
    billed = whole.totals.gross.amount - whole.totals.discounts.amount
    yield Beside("aov_non_cancelled", golden["aov_non_cancelled"], round(billed / 100 / whole.totals.orders, 4))
    months = await ask(sales_report, **ALL, group_by="month")
    ours = {group.group[:7]: _major(group.net) for group in months.groups}
    for month, amount in golden["net_amount_by_month"].items():
        yield Beside(f"net_amount_by_month {month}", amount, ours[month])
    countries = await ask(sales_report, **ALL, group_by="country", limit=100)
    ours = {COUNTRIES.get(group.group): _major(group.net) for group in countries.groups}
    for country, amount in golden["top10_country_by_net"].items():
        yield Beside(f"top10_country_by_net {country}", amount, ours.get(country))
    sellers = await ask(top_selling_products, **ALL, by="revenue", limit=len(golden["top20_sku_by_net"]))
    for row, (sku, amount) in zip(sellers.data, golden["top20_sku_by_net"].items(), strict=True):
        product = await ask(get_product, product=row.product)
        yield Beside(f"top20_sku_by_net {row.rank}", (sku, amount), (product.variants[0].sku, _major(row.revenue)))
    buyers = await ask(list_customers, sort="spend", limit=len(golden["top10_customers_by_net"]))
    for row, (number, amount) in zip(buyers.data, golden["top10_customers_by_net"].items(), strict=True):
        yield Beside(
            f"top10_customers_by_net {number}",
            (number, amount),
            (row.name.removeprefix("Customer "), _major(row.spend)),
        )


if __name__ == "__main__":
    main()
