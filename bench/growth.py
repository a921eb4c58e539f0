"""What a shop's size costs: each list, search and report at the demo's 10,000 orders, and at a million; then 100,000 variants.

The grown shop is kept when a home is named (GROWTH_HOME), so that it is built once: building takes minutes, and goes on where it
stopped. GROWTH_ORDERS and GROWTH_PRODUCTS make a smaller one.
"""

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from bench.multiply import multiply_orders, multiply_products
from bench.shop import forget, free_port, running
from db import clock, embedded
from db.checks import CHECKS
from db.session import Database
from orchestrator.installation import read_credentials
from orchestrator.settings import Settings
from tools import registry
from tools.contract.actors import Caller, Door, Hand, Proof
from tools.contract.call import call
from tools.contract.declare import Effect
from tools.contract.shop import Shop

ORDERS, PRODUCTS, ROUNDS = 1_000_000, 32_000, 15  # products of three variants or so
# A server whose data may be lost at a power cut, for they can be made again.
QUICK = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_wal_size": "8GB",
    "shared_buffers": "512MB",
}
Asked = tuple[str, dict[str, Any]]
ROOMS = ("orders", "products", "inventory", "customers")
GIVEN = {
    "order": "ORD-1100", "customer": "CUS-1005", "sku": "MUG-BLUE", "product": "MUG-BLUE", "purchase_order": "PO-1001",
    "text": "blue mug",
}  # fmt: skip
NARROWED: tuple[Asked, ...] = (
    ("list_customers", {"text": "martin"}),
    ("list_customers", {"text": "nobody of that name"}),
    ("list_customers", {"city": "Lyon"}),
    ("list_customers", {"city": "Nowhere"}),
    ("list_customers", {"country": "JP"}),
    ("list_customers", {"sku": "MUG-BLUE"}),
    ("list_customers", {"sku": "MUG-BLUE", "sort": "spend"}),
    ("list_segments", {"members": False}),
    ("segment_customers", {"group": "champions"}),
    ("list_orders", {"text": "martin"}),
    ("list_orders", {"text": "mug"}),
    ("list_orders", {"text": "nothing of that name"}),
    ("list_orders", {"status": ["pending"]}),
    ("list_orders", {"open": True}),
    ("list_orders", {"on_hold": True}),
    ("list_orders", {"city": "Lyon"}),
    ("list_orders", {"city": "Nowhere"}),
    ("list_orders", {"country": "DE"}),
    ("list_orders", {"country": "JP"}),
    ("list_orders", {"country": "JP", "sort": "total"}),
    ("list_orders", {"country": "JP", "text": "mug"}),
    ("list_orders", {"channel": ["api"]}),
    ("list_orders", {"return_state": ["partly_returned"]}),
    ("list_orders", {"payment_state": ["partly_refunded"]}),
    ("list_orders", {"payment_state": ["authorized"]}),
    ("list_orders", {"paid_with": ["bank_transfer"]}),
    ("list_orders", {"sku": "MUG-BLUE"}),
    ("list_orders", {"category": "Candles"}),
    ("get_price_history", {"sku": "MUG-BLUE", "customer_group": "nobody"}),
    ("list_shipments", {"city": "Lyon"}),
    ("list_shipments", {"city": "Nowhere"}),
    ("list_shipments", {"country": "JP"}),
    ("list_payouts", {"limit": 5}),
    ("list_stock", {"text": "mug"}),
    ("list_stock", {"text": "oak board"}),
    ("list_stock", {"text": "nothing of that name"}),
    ("list_stock_movements", {"sku": "MUG-BLUE"}),
    ("sales_report", {"group_by": "product"}),
    ("sales_report", {"group_by": "city"}),
)
# Asked once the catalogue has grown, too.
SEARCHES = (
    "blue mug", "linnen napkin", "stonware plate", "candle", "tinulozo", "wezovusa plate", "mug-blue", "oak board",
)  # fmt: skip
OF_GOODS: tuple[Asked, ...] = (
    *(("search_products", {"text": text}) for text in SEARCHES),
    *(
        ("list_stock", {"text": text})
        for text in ("mug", "blue mug", "candle", "towel", "tinulozo", "nothing of that name")
    ),
    ("list_stock", {"text": "oak board", "sort": "scarce"}),
    ("list_stock", {"text": "hamper", "state": "out_of_stock"}),
    ("list_stock", {"sort": "scarce"}),
    ("list_stock", {"category": "Candles"}),
    ("list_products", {"sort": "cheapest"}),
    ("list_products", {"sort": "least_stock"}),
    ("list_products", {"stock": "out_of_stock"}),
    ("check_catalogue", {}),
    ("inventory_turnover", {}),
)


def asked() -> list[Asked]:
    """Every reading operation of the four rooms, lists in each of their orders; and lists that are narrowed."""
    all_: list[Asked] = []
    for name, tool in registry.tools().items():
        if tool.room in ROOMS and tool.effect is Effect.read and not name.startswith("export_"):
            fields = tool.input.model_fields
            needed = {field: GIVEN[field] for field, what in fields.items() if what.is_required()}
            first = fields["sort"].default if "sort" in fields else None
            others = [sort for sort in type(first) if sort is not first] if isinstance(first, StrEnum) else []
            all_ += [(name, needed), *((name, needed | {"sort": sort.value}) for sort in others)]
    return [*all_, *NARROWED]


def measure() -> str:
    orders, products = int(os.environ.get("GROWTH_ORDERS", ORDERS)), int(os.environ.get("GROWTH_PRODUCTS", PRODUCTS))
    with ExitStack() as stack:
        kept = os.environ.get("GROWTH_HOME")
        home = Path(kept or stack.enter_context(tempfile.TemporaryDirectory(prefix="shopkeeper-bench-")))
        server = embedded.start(home, settings=QUICK)
        stack.callback(lambda: embedded.stop(server) if kept else forget(server, home))
        with running("start", home, free_port()):
            pass
        return _measured(home, server, orders, products)


def _measured(home: Path, server: embedded.Server, orders: int, products: int) -> str:
    credentials = read_credentials(Settings.model_validate({"SHOPKEEPER_HOME": home}))
    caller = Caller(credentials.merchant, Door.rest, Hand.person, Proof.user, str(credentials.user))
    admin, runtime = server.url("postgres"), server.url("app_rt")
    small = home / "growth-small.json"  # measured before the shop grew
    if not small.exists():
        small.write_text(json.dumps(asyncio.run(_timed(runtime, caller, asked()))))
    before: Mapping[str, list[float]] = json.loads(small.read_text())
    grown = multiply_orders(admin, credentials.merchant, orders)
    after = asyncio.run(_timed(runtime, caller, asked()))
    shelves = multiply_products(admin, credentials.merchant, products)
    of_goods = asyncio.run(_timed(runtime, caller, OF_GOODS))
    broken = _broken(server, credentials.merchant)
    return "\n".join(
        [
            f"## Growth\n\nThe demo's year (10,000 orders), and the same shop with {grown:,} orders: medians of {ROUNDS} calls in",
            "one process, and their ratio. The last year is the same in both.\n",
            "| operation | ms at 10,000 | ms grown | ratio |",
            "|---|---|---|---|",
            *(_row(name, before[name], after[name]) for name in after if name in before),
            f"\nWith {shelves:,} products, ms:\n",
            "| operation | median | p95 |",
            "|---|---|---|",
            *(
                f"| {name} | {median(took):.1f} | {sorted(took)[int(len(took) * 0.95)]:.1f} |"
                for name, took in of_goods.items()
            ),
            f"\nChecks of the grown shop that fail: {', '.join(broken) or 'none'}.",
        ]
    )


def _row(name: str, before: list[float], after: list[float]) -> str:
    return f"| {name} | {median(before):.1f} | {median(after):.1f} | {median(after) / median(before):.2f} |"


async def _timed(url: str, caller: Caller, asked: "list[Asked] | tuple[Asked, ...]") -> dict[str, list[float]]:
    """How long each call took, in milliseconds, once it was made three times."""
    database = Database(url, size=2)
    await database.open()
    shop, took = Shop(database), dict[str, list[float]]()
    for name, arguments in asked:
        label = f"{name} {json.dumps(arguments)}" if arguments else name
        for number in range(ROUNDS + 3):
            began = time.perf_counter()
            await call(shop, registry.tool(name), arguments, caller)
            if number >= 3:
                took.setdefault(label, []).append((time.perf_counter() - began) * 1000)
        print(f"  {label}: {median(took[label]):.1f} ms", flush=True)
    await database.close()
    return took


def _broken(server: embedded.Server, merchant: Any) -> list[str]:
    """The checks that find something."""
    with psycopg.connect(server.url("app_owner"), autocommit=True) as owner:
        told = {"merchant": merchant, "now": clock.now()}
        return [check.name for check in CHECKS if owner.execute(check.sql.encode(), told).fetchone()]
