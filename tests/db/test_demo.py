"""The demo shop: believable, the same for everybody at the same moment, and true to its own ledgers."""

import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import psycopg
import pytest
from psycopg.rows import TupleRow
from sqlalchemy import Uuid

from db.checks import CHECKS, Check
from db.model import Base, new_id
from db.references import TABLES
from db.seed.demo import ZONE, invent, load
from db.seed.draft import Draft
from db.seed.mark import is_loaded
from tests.demo import MOMENTS, Demos, Loaded, of_moment

EVENING = "the evening of 29 February"
NOW = MOMENTS[EVENING].replace(tzinfo=ZONE)
TODAY = NOW.date()
Connection = psycopg.Connection[TupleRow]
pytestmark = of_moment(EVENING)

# For each check, a statement that breaks what it says, in one row of the demo shop.
FAULTS = {
    "stock_on_hand": "update stock_levels set on_hand = on_hand + 1 where {one}",
    "stock_of_its_product": "update stock_levels set product_id = (select max(p.id::text)::uuid from products p"
    " group by p.merchant_id having p.merchant_id = stock_levels.merchant_id) where {one}",
    "stock_reserved": "update stock_levels set on_hand = on_hand + 1, reserved = reserved + 1 where {one}",
    "stock_incoming": "update stock_levels set incoming = incoming + 1 where {one}",
    "stock_costs_of_receipts": "update purchase_order_lines set received = received + 1 where {one} and received > 0",
    "stock_costs_continue": "update stock_costs set average_before = average_before + 1 where {one} and number > 1",
    "open_orders_hold_their_stock": "delete from reservations where {one}",
    "untracked_hold_nothing": "update variants set tracked = false where (select count(*) from reservations r"
    " where r.variant_id = variants.id and r.status = 'active') = 1 and {one}",
    "bins_hold_what_was_moved": "update bin_stock set quantity = quantity + 1 where {one}",
    "bin_units": "update bins set units = units + 1 where coalesce(units < capacity, true) and {one}",
    "stock_in_bins": "update stock_levels set binned = binned + 1 where binned < on_hand and {one}",
    "bin_moves_are_pairs": "update bin_movements set quantity = quantity + 1 where quantity > 0 and {one}",
    "picked_units_are_there": "update stock_levels set binned = on_hand where exists (select from pick_tasks t"
    " where t.variant_id = stock_levels.variant_id and t.warehouse_id = stock_levels.warehouse_id"
    " and t.picked > t.gone) and {one}",
    "packed_units_were_picked": "update package_lines set quantity = quantity + 99 where exists (select from packages p"
    " where p.id = package_lines.package_id and p.status = 'sealed') and {one}",
    "order_amounts": "update orders set units = units + 1 where {one}",
    "order_line_totals": "update order_lines set total = total + tax where tax > 0 and {one}",
    "lines_fulfilled": "update fulfilment_lines set quantity = quantity + 1 where {one}",
    "parcels_arrived": "update fulfilments set status = 'in_transit' where status = 'delivered' and {one}",
    "manifests": "update manifests set parcels = parcels + 1 where {one}",
    "orders_left_or_not": "update orders set status = 'pending', completed_at = null, confirmed_at = null"
    " where status = 'completed' and units_fulfilled > 0 and {one}",
    "order_adjustments": "update orders set adjustments = adjustments + 1, total = total + 1 where {one}",
    "order_changes": "insert into order_changes"
    " (merchant_id, id, order_id, version, lines, total_before, total_after, actor, created_at)"
    " select merchant_id, gen_random_uuid(), id, 1, '[]', total, total + 1, 'USR-1', now() from orders where {one}",
    "order_bundles": "update order_bundles set unit_price = unit_price + 1 where {one}",
    "bundles_of_single_things": "update variants set bundle = true where not tracked and not bundle and {one}",
    "line_discounts": "update order_lines set discounts = discounts || discounts where discounts <> '[]' and {one}",
    "credit_entries": "update saved_methods set balance = balance + 1 where balance > 0 and {one}",
    "credit_balances": "update journal_entries set account = 'gift_cards' where {one}",
    "promotion_uses": "update promotions set used = used + 1 where {one}",
    "payment_amounts": "update payments set authorized = authorized + 1 where {one}",
    "payment_statuses": "update payments set status = 'captured' where status = 'partially_refunded' and {one}",
    "order_payments": "update orders set paid = paid + 1 where {one}",
    "payout_fees": "update payouts set fees = fees + 1 where {one}",
    "journals_balance": "update journal_entries set amount = amount + 1 where {one}",
    "ledger_has_every_payment": "delete from journal_entries where account = 'clearing' and {one}",
    "return_refunds": "update returns set refund = refund + 1 where {one}",
    "return_inspections": "update return_lines set accepted = accepted - 1 where accepted > 0 and {one}",
    "returned_stock": "update stock_movements set damaged = damaged + 1 where subject_kind = 'return' and {one}",
    "customer_figures": "update customer_figures set spend = spend + 1 where {one}",
    "loyalty_points": "update customer_figures set points = points + 1 where {one}",
    "merged_customers": "update customers set status = 'merged', merged_into_id = id where {one}",
    "customers_have_figures": "delete from customer_figures where {one}",
    "references_continue": "update counters set value = value - 1 where name = 'ORD' and {one}",
    "nothing_overdue": "update orders set expires_at = '2020-01-01' where status = 'pending'"
    " and payment_state = 'unpaid' and {one}",
    "payment_links": "insert into payment_links"
    " (merchant_id, id, reference, order_id, status, provider, amount, currency, expires_at, created_at, updated_at)"
    " select merchant_id, gen_random_uuid(), 'LNK-1', id, 'open', 'manual', total, currency, now(), now(), now()"
    " from orders where status = 'cancelled' and {one}",
    "jobs_done": "insert into jobs.procrastinate_jobs (queue_name, task_name, status, args)"
    " values ('default', 'expire_order', 'failed', jsonb_build_object('merchant', '{m}'))",
    "daily_totals": "insert into daily_totals (merchant_id, actor, since, money, stops) values ('{m}', 'KEY-1', now(), 1, 0)",
    "audit_chain": "insert into audit_unsealed (merchant_id, id, created_at) values ('{m}', gen_random_uuid(), now())",
}


@dataclass(frozen=True)
class Invented:
    """What was invented for a merchant: the contents of each table, told apart by a digest, and all ids."""

    contents: dict[str, str]
    ids: set[str]


@contextmanager
def inventions() -> Generator[list[Invented]]:
    """What is invented meanwhile."""
    seen: list[Invented] = []

    def noting(merchant: uuid.UUID, now: datetime, numbers: dict[str, int]) -> Draft:
        draft = invent(merchant, now, numbers)
        seen.append(Invented(_contents(draft.rows), {row["id"] for rows in draft.rows.values() for row in rows}))
        return draft

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("db.seed.demo.invent", noting)
        yield seen


def new_merchant(owner_url: str) -> uuid.UUID:
    merchant = new_id()
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute("insert into merchants (id, slug, created_at) values (%s, %s, now())", [merchant, merchant.hex])
        owner.execute(
            "insert into merchant_profiles (merchant_id, id, name, currency, currencies, zone, country, prices_include_tax,"
            " rounding, version, created_at, updated_at)"
            " values (%s, %s, 'New', 'USD', '{USD}', 'UTC', 'US', false, 'half_up', 1, now(), now())",
            [merchant, new_id()],
        )
    return merchant


@pytest.fixture(scope="module")
async def watched(demos: Demos) -> tuple[Loaded, Invented]:
    """The shop, and what was invented while it was loaded."""
    demos.forget(EVENING)
    with inventions() as invented:
        return await demos.at(EVENING), invented[0]


@pytest.fixture(scope="module")
def demo(watched: tuple[Loaded, Invented]) -> Loaded:
    return watched[0]


@pytest.fixture
def inside(demo: Loaded, runtime_url: str) -> Generator[Connection]:
    """The runtime's connection, inside the demo shop."""
    with psycopg.connect(runtime_url, autocommit=True) as connection:
        connection.execute(f"begin; set local app.merchant_id = '{demo.merchant}'".encode())
        yield connection
        connection.execute("rollback")


def one(connection: Connection, query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


# ---- what there is -------------------------------------------------------------------------------------------------------


def test_the_shop_is_as_large_as_promised(demo: Loaded, inside: Connection):
    assert 110 <= demo.summary.products <= 130
    assert 380 <= demo.summary.variants <= 420
    assert demo.summary.customers == 2_000
    assert 10_010 <= demo.summary.orders <= 10_100  # a year's, and today's
    assert one(inside, "select count(*) from warehouses") == 3
    assert one(inside, "select count(distinct ship_country) from orders") >= 10
    assert one(inside, "select array_agg(distinct channel::text order by channel::text) from orders") == [
        "email",
        "marketplace",
        "phone",
        "store",
        "web",
    ]
    assert any("orders" in line for line in demo.told)


def test_the_year_grows_and_has_its_seasons(inside: Connection):
    months = dict(
        inside.execute("select to_char(placed_at, 'YYYY-MM'), count(*) from orders group by 1").fetchall(),
    )

    assert months["2027-12"] > 1.3 * months["2028-01"]
    assert months["2027-08"] < 0.9 * months["2027-06"]
    assert months["2027-10"] > 1.2 * months["2027-03"]


def test_the_last_week_and_today_have_sales_and_nothing_lies_in_the_future(inside: Connection):
    week = f"placed_at >= timestamptz '{TODAY - timedelta(days=7)} 00:00 Europe/Paris'"

    assert (
        one(inside, f"select count(distinct (placed_at at time zone 'Europe/Paris')::date) from orders where {week}")
        == 8
    )
    for table, column in (("orders", "placed_at"), ("events", "created_at"), ("payment_transactions", "occurred_at")):
        assert one(inside, f"select max({column}) from {table}") <= NOW


def test_orders_are_in_every_state_that_a_shop_has_in_the_evening(inside: Connection):
    states = inside.execute(
        "select distinct status::text, payment_state::text, fulfilment_state::text from orders"
    ).fetchall()

    assert {
        ("pending", "unpaid", "unfulfilled"),
        ("confirmed", "paid", "unfulfilled"),
        ("confirmed", "paid", "fulfilled"),
        ("completed", "paid", "fulfilled"),
        ("completed", "partly_refunded", "fulfilled"),
        ("cancelled", "refunded", "unfulfilled"),
        ("expired", "unpaid", "unfulfilled"),
    } <= set(states)


def test_every_order_has_its_history(inside: Connection):
    without = (
        "select count(*) from orders o where not exists (select from events e where e.order_id = o.id and e.kind = {})"
    )

    assert one(inside, without.format("'placed'")) == 0
    assert one(inside, without.format("'completed'") + " and o.status = 'completed'") == 0
    assert one(inside, without.format("'cancelled'") + " and o.status = 'cancelled'") == 0
    assert one(inside, without.format("'shipped'") + " and o.units_fulfilled > 0") == 0


def test_no_shelf_was_ever_below_empty(inside: Connection):
    lowest = """
        select min(units) from (select sum(quantity) over (partition by warehouse_id, variant_id order by occurred_at, id) as units
                                from stock_movements) as history
    """

    assert one(inside, lowest) == 0


# ---- troubles worth asking about -----------------------------------------------------------------------------------------


def test_the_bestseller_is_nearly_gone_and_its_supplier_is_late(inside: Connection):
    level = "select sum({}) from stock_levels s join variants v on v.id = s.variant_id where v.sku = 'MUG-BLUE'"
    best = "select sku from order_lines group by sku order by sum(quantity) desc limit 3"

    assert "MUG-BLUE" in [sku for (sku,) in inside.execute(best)]
    assert 0 <= one(inside, level.format("on_hand - reserved - damaged")) <= 5
    assert one(inside, level.format("incoming")) == 240
    assert one(inside, f"select count(*) from purchase_orders where status = 'sent' and expected_on < '{TODAY}'") >= 1


def test_some_stock_is_low_and_some_is_dead(inside: Connection):
    low = "select count(*) from stock_levels where on_hand - reserved - damaged <= reorder_point"
    dead = """
        select count(*) from stock_levels s
        where s.on_hand > 10 and not exists (select from order_lines l where l.variant_id = s.variant_id)
    """

    assert 15 <= one(inside, low) <= 90
    assert one(inside, dead) >= 6


def test_one_carafe_comes_back_broken_more_than_anything_else(inside: Connection):
    broken = f"""
        select v.sku from returns r
        join return_lines l on l.return_id = r.id join variants v on v.id = l.variant_id
        where r.reason = 'arrived_broken' and r.requested_at >= date '{TODAY - timedelta(days=45)}'
        group by v.sku order by count(*) desc limit 1
    """

    assert one(inside, broken) == "CARAFE-GLASS-1.2L"


def test_one_carrier_is_stuck_one_price_is_below_cost_and_two_orders_are_held(inside: Connection):
    late = f"select array_agg(distinct carrier) from fulfilments where status = 'delayed' and promised_at < '{TODAY}'"
    below = """
        select array_agg(v.sku) from prices p join variants v on v.id = p.variant_id
        where p.valid_until is null and p.amount < v.cost
    """
    held = "select count(*) from order_holds h join orders o on o.id = h.order_id where released_at is null"

    assert one(inside, late) == ["Rapidex"]
    assert one(inside, below) == ["CLOTH-LINEN-140X200-SAGE"]
    assert one(inside, held) == 2


def test_one_customer_sends_back_more_than_anybody(inside: Connection):
    most = """
        select c.note from returns r join customers c on c.id = r.customer_id
        group by c.id, c.note order by count(*) desc limit 1
    """

    assert one(inside, most) == "Sends nearly everything back."


def test_a_search_finds_products_by_halves_and_with_typing_errors(inside: Connection):
    def found(asked: str) -> list[str]:
        rows = inside.execute(
            "select p.title from search_products(%s, 3) s join products p on p.id = s.product_id order by s.score desc",
            [asked],
        )
        return [title for (title,) in rows]

    assert found("stoneware mug")[0] == "Stoneware mug"
    assert found("carrafe")[0] == "Glass carafe"
    assert found("MUG-BLUE")[0] == "Stoneware mug"
    assert found("merino jumpr")[0] == "Merino jumper"
    assert found("tabelcloth") == ["Linen tablecloth"]
    assert found("zzzz") == []
    assert found("") == []


# ---- what always holds ---------------------------------------------------------------------------------------------------


def breaking(connection: Connection, demo: Loaded, check: Check) -> list[Any]:
    """The rows that break it, in the demo's own moment."""
    return connection.execute(check.sql.encode(), {"merchant": demo.merchant, "now": NOW}).fetchall()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_the_demo_shop_holds(demo: Loaded, inside: Connection, check: Check):
    assert breaking(inside, demo, check) == []


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_check_finds_what_breaks_it(demo: Loaded, owner_url: str, check: Check):
    fault = FAULTS[check.name]
    source = fault.partition(" from " if " select merchant_id" in fault else " ")[2]
    table = source.removeprefix("into ").removeprefix("from ").split()[0]
    condition = fault.partition(" where ")[2].replace("and {one}", "").replace("{one}", "true")
    row = f"id = (select id from {table} where merchant_id = '{demo.merchant}' and {condition} order by id limit 1)"

    with psycopg.connect(owner_url) as owner:
        one = f"merchant_id = '{demo.merchant}' and {row}"
        broken = owner.execute(fault.format(one=one, m=demo.merchant).encode()).rowcount
        found = breaking(owner, demo, check)
        owner.rollback()

    assert broken == 1
    assert len(found) == 1


def test_the_planner_knows_the_figures_that_were_added_up_as_well_as_the_rows_that_were_invented(
    demo: Loaded, inside: Connection
):
    unread = """
        select count(*) from pg_stat_all_tables where schemaname = 'public' and last_analyze is null
        and relname in ('customer_figures', 'orders', 'order_lines', 'customers', 'tracking_events')
    """

    assert one(inside, unread) == 0


def test_the_next_references_continue_where_the_demo_ends(demo: Loaded, inside: Connection):
    counters = dict(inside.execute("select name, value from counters").fetchall())

    assert counters["ORD"] == 1_000 + demo.summary.orders
    assert counters["CUS"] == 3_000
    for table, kind in TABLES.items():
        assert one(inside, f"select count(*) from {table}") <= counters.get(kind.value, 1000) - 1000


def test_the_profile_becomes_the_shops(inside: Connection):
    profile = inside.execute(
        "select name, currency, currencies, zone, prices_include_tax from merchant_profiles"
    ).fetchone()

    assert profile == ("Fernway Home", "EUR", ["EUR"], "Europe/Paris", True)


# ---- the same for everybody ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def interrupted(owner_url: str, runtime_url: str) -> tuple[uuid.UUID, Invented]:
    """A merchant whose load was interrupted half way, and what was invented for it."""
    merchant = new_merchant(owner_url)

    def interrupt(line: str) -> None:
        if "rows of fulfilments" in line:
            raise KeyboardInterrupt

    with (
        psycopg.connect(runtime_url, autocommit=True) as connection,
        inventions() as invented,
        pytest.raises(KeyboardInterrupt),
    ):
        load(connection, merchant, now=NOW, progress=interrupt)
    return merchant, invented[0]


def test_the_same_moment_gives_the_same_shop_to_each_merchant_under_ids_of_its_own(
    watched: tuple[Loaded, Invented], interrupted: tuple[uuid.UUID, Invented]
):
    (ours, invented), (_, theirs) = watched, interrupted

    assert invented.contents == theirs.contents
    assert len(theirs.ids) == ours.summary.rows
    assert invented.ids.isdisjoint(theirs.ids)


def test_a_merchant_is_loaded_or_not(demo: Loaded, owner_url: str, runtime_url: str):
    empty = new_merchant(owner_url)

    with psycopg.connect(runtime_url, autocommit=True) as connection:
        assert is_loaded(connection, demo.merchant)
        assert not is_loaded(connection, empty)


def test_an_interrupted_load_leaves_nothing(owner_url: str, runtime_url: str, interrupted: tuple[uuid.UUID, Invented]):
    merchant, _ = interrupted

    with psycopg.connect(runtime_url, autocommit=True) as connection:
        assert not is_loaded(connection, merchant)
    with psycopg.connect(owner_url) as owner:
        for table in Base.metadata.tables.values():
            if "merchant_id" in table.columns and table.name != "merchant_profiles":
                assert one(owner, f"select count(*) from {table.name} where merchant_id = '{merchant}'") == 0


def _contents(tables: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    """All values but identifiers, as a digest for each table."""
    told = {
        table.name: [
            column.name for column in table.columns if not isinstance(column.type, Uuid) and not column.computed
        ]
        for table in Base.metadata.sorted_tables
    }
    return {
        table: sha256(repr([[row[name] for name in told[table]] for row in rows]).encode()).hexdigest()
        for table, rows in tables.items()
    }
