"""The demo shop: Fernway Home, homeware and clothing, a year of business up to this moment.

Deterministic: the same moment gives the same shop. Among its figures are troubles worth asking about: a bestseller that is
nearly gone while its supplier is late, a carafe that arrives broken, a carrier's parcels stuck on the way to Germany, a
tablecloth priced below its cost, a customer who sends nearly everything back, two orders on hold, stock that nobody buys.
"""

import gc
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from psycopg import sql

from db.figures import ADD_UP
from db.model import Base
from db.models.customers import Direction, Interaction, InteractionChannel, LoyaltyEntry, LoyaltyReason, Segment
from db.models.orders import NoteVisibility, OrderNote, OrderStatus
from db.references import TABLES
from db.seed.demo_bundles import bought_as_bundle, write_bundles
from db.seed.demo_carriers import hand_over, order_pickup, write_carriers
from db.seed.demo_catalogue import DAYS, write_catalogue
from db.seed.demo_credit import write_credit
from db.seed.demo_customers import write_customers
from db.seed.demo_demand import Demand
from db.seed.demo_desk import write_desk
from db.seed.demo_events import event
from db.seed.demo_money import pay
from db.seed.demo_orders import Register, Sale, sell
from db.seed.demo_parcels import dispatch, lose_one
from db.seed.demo_people import CALLS
from db.seed.demo_promotions import write_promotions
from db.seed.demo_returns import send_back, write_policies
from db.seed.demo_stock import Stock
from db.seed.demo_warehouse import Shelves
from db.seed.draft import ACTOR, BATCH, Connection, Draft, Row
from db.seed.mark import MARK
from db.statistics import refresh_statistics
from db.text import fold

NAME = "Fernway Home"
ZONE = ZoneInfo("Europe/Paris")

SEGMENTS = {
    "Regulars": "orders >= 5",
    "Gone quiet": "orders >= 3 and last_order before 120 days ago",
    "Newsletter": 'consent = "email"',
    "Trade": 'price_group = "trade"',
}


@dataclass(frozen=True)
class DemoSummary:
    """How much there is of what."""

    products: int
    variants: int
    customers: int
    orders: int
    rows: int


def load(
    connection: Connection, merchant: uuid.UUID, *, now: datetime, progress: Callable[[str], None] = lambda _: None
) -> DemoSummary:
    """Fill an empty merchant with the demo shop, in one transaction: all of it or nothing.

    The connection is app_rt's, in autocommit mode. The merchant and its profile exist; the profile becomes Fernway Home's.
    """
    progress(f"Inventing {NAME}")
    with connection.transaction():
        connection.execute(sql.SQL("set local app.merchant_id = {}").format(sql.Literal(str(merchant))))
        numbers = dict(
            connection.execute("select name, value from counters where merchant_id = %s", [merchant]).fetchall()
        )
        with _nothing_to_collect():
            draft = invent(merchant, now, numbers)
            draft.write(connection, progress)
        _finish(connection, draft)
    refresh_statistics(connection, [name for name in Base.metadata.tables if len(draft.rows.get(name, ())) < BATCH])
    return DemoSummary(
        *(len(draft.rows[table]) for table in ("products", "variants", "customers", "orders")),
        rows=sum(len(rows) for rows in draft.rows.values()),
    )


@contextmanager
def _nothing_to_collect() -> Generator[None]:
    """Rows are made and kept by the hundred thousand: looking among them for garbage would take a third of the time."""
    was_looked_for = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_looked_for:
            gc.enable()


@_nothing_to_collect()
def invent(merchant: uuid.UUID, now: datetime, numbers: dict[str, int]) -> Draft:
    """All rows of the demo shop. `numbers` are the last ones given out for each kind of reference."""
    draft = Draft(merchant, now, ZONE, numbers)
    catalogue = write_catalogue(draft)
    for place in catalogue.warehouses:
        place.update(source=MARK, external_reference=place["code"])
    buyers = write_customers(draft)
    write_policies(draft, catalogue)
    demand = Demand(draft, catalogue.skus)
    stock = Stock(draft, catalogue, demand)
    stock.open()
    offers, carriers = write_promotions(draft, catalogue), write_carriers(draft)
    register = Register(draft, catalogue, buyers, stock, demand, offers, carriers)
    shelves = Shelves(draft, catalogue, stock)
    paid: list[tuple[Sale, Row]] = []
    for sale in sell(register):
        event(draft, sale.row, "placed", sale.at, channel=sale.channel)
        dispatch(register, sale)
        payment = pay(draft, sale)
        send_back(register, sale, payment)
        paid.append((sale, payment))
        _remember(draft, sale)
        shelves.remember(sale)
    write_credit(draft, paid)
    lose_one(draft)
    hand_over(draft, carriers["colivia"], catalogue.warehouses[0])
    order_pickup(draft, carriers["rapidex"], catalogue.warehouses[0])
    write_desk(draft)
    stock.count()
    shelves.fill()
    stock.write_levels()
    alone = write_bundles(draft, catalogue, draft.at(draft.today - timedelta(days=DAYS + 30), 9 * 3600))
    for sale, _ in paid:
        for line in sale.lines:
            bought_as_bundle(draft, alone, line, sale.at)
    for name, written in SEGMENTS.items():
        draft.add(Segment, draft.at(draft.today - timedelta(days=DAYS)), name=name, name_key=fold(name), filter=written)
    return draft


def _remember(draft: Draft, sale: Sale) -> None:
    """Points, notes and calls around an order."""
    rng, order, customer = draft.random, sale.row, sale.buyer.customer
    if sale.buyer.club and order["status"] is OrderStatus.completed and order["total"] >= 100:
        at = order["completed_at"]
        draft.add(
            LoyaltyEntry, at, customer_id=customer["id"], points=order["total"] // 100, reason=LoyaltyReason.purchase,
            order_id=order["id"], actor=ACTOR, occurred_at=at,
        )  # fmt: skip
    if rng.random() < 0.015:
        at = min(sale.at + timedelta(hours=2), draft.now)
        draft.add(
            OrderNote, at, order_id=order["id"], visibility=NoteVisibility.internal, text="Gift: no prices in the parcel.",
            author=ACTOR,
        )  # fmt: skip
    if rng.random() < 0.02:
        at = min(sale.at + timedelta(hours=rng.uniform(3, 90)), draft.now)
        draft.add(
            Interaction, at, customer_id=customer["id"], order_id=order["id"], subject=rng.choice(CALLS), actor=ACTOR,
            channel=rng.choice((InteractionChannel.phone, InteractionChannel.email, InteractionChannel.chat)),
            direction=Direction.incoming, summary="Answered, nothing left to do.", occurred_at=at,
        )  # fmt: skip


def _finish(connection: Connection, draft: Draft) -> None:
    """The next references continue, the profile is the shop's, and the figures that are kept are added up."""
    opened = draft.at(draft.today - timedelta(days=DAYS))
    kinds = sorted({kind.value for table, kind in TABLES.items() if draft.rows.get(table)})
    connection.execute(
        """
        insert into counters as c (merchant_id, id, name, value, created_at)
        select %(merchant)s, new.id, new.name, new.value, %(at)s
        from unnest(%(ids)s::uuid[], %(names)s::text[], %(values)s::bigint[]) as new (id, name, value)
        on conflict (merchant_id, name) do update set value = excluded.value
        """,
        {
            "merchant": draft.merchant, "at": opened, "ids": [draft.id(opened) for _ in kinds], "names": kinds,
            "values": [draft.numbers[kind] for kind in kinds],
        },
    )  # fmt: skip
    connection.execute(
        """
        update merchant_profiles
        set name = %(name)s, currency = 'EUR', currencies = '{EUR}', zone = %(zone)s, country = 'FR',
            prices_include_tax = true, version = version + 1
        where merchant_id = %(merchant)s
        """,
        {"name": NAME, "zone": ZONE.key, "merchant": draft.merchant},
    )
    connection.execute(ADD_UP, {"merchant": draft.merchant})
