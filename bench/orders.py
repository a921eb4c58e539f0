"""Orders over HTTP: placing one of three lines, placing and paying one, reading one, listing them; at 1, 8 and 32 clients."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from uuid import UUID

import psycopg

from bench.client import Connection, Load, Request, load
from bench.machine import Cpu, cpu
from bench.shop import BenchShop, bench_shop

CLIENTS = (1, 8, 32)
ROUNDS = 3
SECONDS = 5.0
PLENTY = 10_000_000


@dataclass(frozen=True)
class Stock:
    """What there is to buy, who buys, and which orders there are to read."""

    skus: list[str]
    customers: list[str]
    orders: list[str]


@dataclass
class Cell:
    """The rounds of one operation at one number of clients."""

    loads: list[Load] = field(default_factory=list[Load])
    costs: list[Cpu] = field(default_factory=list[Cpu])
    statements: list[float] = field(default_factory=list[float])

    def row(self, name: str, clients: int) -> str:
        per_second = [load.per_second() for load in self.loads]
        counts = [len(load.took) for load in self.loads]
        app = median(cost.app / count for cost, count in zip(self.costs, counts, strict=True))
        database = median(cost.database / count for cost, count in zip(self.costs, counts, strict=True))
        p50, p95 = (median(load.percentile(share) for load in self.loads) for share in (0.5, 0.95))
        failed = sum(count for load in self.loads for status, count in load.statuses.items() if status >= 400)
        columns = [
            name,
            f"{clients}",
            f"**{median(per_second):.0f}** ({min(per_second):.0f}-{max(per_second):.0f})",
            f"{p50:.1f}",
            f"{p95:.1f}",
            f"{app:.2f}",
            f"{database:.2f}",
            f"{app + database:.2f}",
            f"{median(self.statements):.1f}",
            f"{failed}",
        ]
        return f"| {' | '.join(columns)} |"


async def measure() -> str:
    with bench_shop() as shop:
        stock = stock_up(shop.owner_url, shop.credentials.merchant)
        operations = {
            "create_order, 3 lines": _place(stock), "create_order, 3 lines, paid": _place(stock, payment={}),
            "get_order": _get(stock), "list_orders, 20": _list(),
        }  # fmt: skip
        cells = {(name, clients): Cell() for name in operations for clients in CLIENTS}
        for _ in range(ROUNDS):
            for (name, clients), cell in cells.items():
                await _round(shop, clients, operations[name], cell)
    return "\n".join(
        [
            "## Orders over HTTP",
            "",
            "| operation | clients | per second | p50 ms | p95 ms | app CPU ms | database CPU ms | sum | statements* | failed |",
            "|---|---|---|---|---|---|---|---|---|---|",
            *(cell.row(name, clients) for (name, clients), cell in cells.items()),
            "",
            "\\* as pg_stat_statements counts them, which misses some COMMITs; a test counts exactly.",
        ]
    )


async def _round(shop: BenchShop, clients: int, request: Request, cell: Cell) -> None:
    key = shop.credentials.key
    await load(shop.port, key, clients, 0.5, request)
    before, sent = cpu(shop.app, shop.postmaster), statements(shop)
    done = await load(shop.port, key, clients, SECONDS, request)
    cell.loads.append(done)
    cell.costs.append(cpu(shop.app, shop.postmaster) - before)
    cell.statements.append((statements(shop) - sent) / len(done.took))


def _place(stock: Stock, **more: object) -> Request:
    chance = random.Random(1)

    async def request(connection: Connection) -> int:
        lines = [{"sku": sku, "quantity": 1} for sku in chance.sample(stock.skus, 3)]
        order = {"customer": chance.choice(stock.customers), "lines": lines} | more
        return (await connection.ask("POST", "/orders", order))[0]

    return request


def _get(stock: Stock) -> Request:
    return _read(lambda chance: f"/orders/{chance.choice(stock.orders)}")


def _list() -> Request:
    return _read(lambda chance: f"/orders?limit=20&status={chance.choice(['pending', 'confirmed', 'completed'])}")


def _read(path: Callable[[random.Random], str]) -> Request:
    chance = random.Random(2)

    async def request(connection: Connection) -> int:
        return (await connection.ask("GET", path(chance)))[0]

    return request


def stock_up(owner_url: str, merchant: UUID) -> Stock:
    """Plenty of 300 variants and of money to move, so that nothing is refused; and the names of customers and orders."""
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute("update stock_levels set on_hand = on_hand + %s where merchant_id = %s", (PLENTY, merchant))
        owner.execute(
            "update api_keys set limit_per_call = %(most)s, limit_per_day = %(most)s where merchant_id = %(m)s",
            {"most": PLENTY * 1_000, "m": merchant},
        )

        def names(query: str) -> list[str]:
            return [row[0] for row in owner.execute(query.encode(), {"m": merchant})]

        return Stock(
            names(
                "select distinct v.sku from variants v join prices p on p.merchant_id = v.merchant_id and p.variant_id = v.id"
                " join products o on o.merchant_id = v.merchant_id and o.id = v.product_id"
                " where v.merchant_id = %(m)s and v.sellable and v.archived_at is null and v.tracked and o.status = 'active'"
                " and p.currency = 'EUR' and p.valid_until is null limit 300"
            ),
            names("select reference from customers where merchant_id = %(m)s and status = 'active' limit 1000"),
            names("select reference from orders where merchant_id = %(m)s order by placed_at desc limit 2000"),
        )


def statements(shop: BenchShop) -> int:
    """How many statements the runtime role has sent."""
    with psycopg.connect(shop.admin_url, autocommit=True) as admin:
        row = admin.execute(
            "select coalesce(sum(s.calls), 0)::bigint from pg_stat_statements s"
            " join pg_roles r on r.oid = s.userid where r.rolname = 'app_rt'"
        ).fetchone()
    return row[0] if row else 0
