"""What people wait for reads no more rows in a shop of ten times the size: counted by EXPLAIN, whatever the clock says."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any, NamedTuple

import psycopg
import pytest

from db import clock
from db.figures import ADD_UP
from db.models.products import Variant
from tests.conftest import Do
from tests.factories import NewShop, make_variant, new_shop
from tools import registry
from tools.contract.call import Shop, opened, validated
from tools.contract.declare import Tool

SMALL, LARGE = 1_000, 10_000
pytestmark = pytest.mark.xdist_group("growth")  # one history for all
# Ten orders a day, back from now; a customer of the trade in Lyon has four of them; every other one is of a mug, and every third
# day has a carafe.
GROW = """
insert into customers (merchant_id, id, reference, status, name, name_key, email, email_key, customer_group, created_at,
                       updated_at)
select %(merchant)s, gen_random_uuid(), 'CUS-' || n, 'active', 'Buyer ' || n, 'buyer ' || n, n || '@example.com',
       n || '@example.com', 'Trade', now() - n * interval '9 hours', now() from generate_series(1, %(orders)s / 4) n;
insert into addresses (merchant_id, id, reference, customer_id, name, line1, city, postcode, country, created_at, updated_at)
select merchant_id, gen_random_uuid(), replace(reference, 'CUS', 'ADR'), id, name, '1 Rue', 'Lyon', '69001', 'FR', now(), now()
from customers where merchant_id = %(merchant)s;
insert into orders (merchant_id, id, reference, customer_id, status, channel, placed_at, currency, prices_include_tax, subtotal,
                    total, units, customer_name, ship_city, ship_country, created_at, updated_at)
select %(merchant)s, gen_random_uuid(), 'ORD-' || n, c.id, 'confirmed', 'web', now() - n * interval '144 minutes', 'EUR', true,
       1000 + n, 1000 + n, 1, c.name, 'Lyon', 'FR', now(), now()
from generate_series(1, %(orders)s) n
join customers c on c.merchant_id = %(merchant)s and c.reference = 'CUS-' || (n - 1) / 4 + 1;
insert into order_lines (merchant_id, id, order_id, position, variant_id, product_id, sku, title, quantity, unit_price, subtotal,
                         tax_rate, total, created_at)
select %(merchant)s, gen_random_uuid(), o.id, 1, %(variant)s, %(product)s, 'SKU', case when o.n %% 2 = 0 then 'Blue mug'
       when o.n = 31 then 'Glass carafe' else 'Latte bowl' end, 1, o.total, o.total, 0, o.total, now()
from (select *, split_part(reference, '-', 2)::int as n from orders where merchant_id = %(merchant)s) o;
insert into suppliers (merchant_id, id, reference, name, currency, created_at, updated_at)
values (%(merchant)s, gen_random_uuid(), 'SUP-1', 'Atelier Brun', 'EUR', now(), now());
insert into purchase_orders (merchant_id, id, reference, status, supplier_id, warehouse_id, currency, ordered_at, expected_on,
                             created_at, updated_at)
select %(merchant)s, gen_random_uuid(), 'PO-' || n, case when n <= 15 then 'sent' else 'received' end, s.id, w.id, 'EUR',
       now() - n * interval '1 day', now() - n * interval '1 day', now(), now()
from generate_series(1, %(orders)s / 5) n, suppliers s, warehouses w
where s.merchant_id = %(merchant)s and w.merchant_id = %(merchant)s;
insert into purchase_order_lines (merchant_id, id, purchase_order_id, variant_id, quantity, unit_cost, created_at)
select %(merchant)s, gen_random_uuid(), o.id, %(variant)s, 1, 400, now() from purchase_orders o where o.merchant_id = %(merchant)s;
insert into promotions (merchant_id, id, reference, status, name, code, code_key, automatic, kind, percent, applies_to, starts_at,
                        ends_at, created_at, updated_at)
select %(merchant)s, gen_random_uuid(), 'PRO-' || n, case when n %% 100 = 0 then 'active' else 'ended' end, 'Offer ' || n,
       'CODE' || n, 'code' || n, false, 'percentage', 10, 'everything', now() - interval '1 year',
       case when n > 500 then now() - interval '1 day' end, now(), now()
from generate_series(1, %(orders)s) n;
insert into bins (merchant_id, id, warehouse_id, code, code_key, kind, walk, units, created_at)
select %(merchant)s, gen_random_uuid(), w.id, 'A-' || n, 'a-' || n, 'picking', n, 0, now()
from generate_series(1, %(orders)s / 5) n, warehouses w where w.merchant_id = %(merchant)s;
insert into pick_lists (merchant_id, id, reference, warehouse_id, status, picker, started_at, finished_at, created_at, updated_at)
select %(merchant)s, gen_random_uuid(), 'PCK-' || n, w.id, case when n <= 9 then 'open' else 'picked' end,
       case when n > 9 then 'USR-1' end, case when n > 9 then now() end, case when n > 9 then now() - n * interval '1 hour' end,
       now(), now()
from generate_series(1, %(orders)s / 5) n, warehouses w where w.merchant_id = %(merchant)s;
insert into pick_tasks (merchant_id, id, pick_list_id, position, status, warehouse_id, order_id, order_line_id, variant_id,
                        quantity, created_at)
select %(merchant)s, gen_random_uuid(), p.id, 1, case when p.status = 'open' then 'open' else 'dropped' end, p.warehouse_id,
       o.id, l.id, %(variant)s, 1, now()
from pick_lists p
join orders o on o.merchant_id = %(merchant)s and o.reference = 'ORD-' || split_part(p.reference, '-', 2)
join order_lines l on l.merchant_id = %(merchant)s and l.order_id = o.id
where p.merchant_id = %(merchant)s;
insert into interactions (merchant_id, id, customer_id, channel, direction, subject, summary, actor, occurred_at, created_at)
select %(merchant)s, gen_random_uuid(), c.id, 'phone', 'incoming', 'A call', '', 'USR-1', now() - n * interval '1 hour', now()
from customers c cross join generate_series(1, %(orders)s / 10) n where c.merchant_id = %(merchant)s and c.reference = 'CUS-1';
insert into carriers (merchant_id, id, reference, code, name, currency, tracking_prefix, volumetric_divisor, cutoff, created_at,
                      updated_at)
values (%(merchant)s, gen_random_uuid(), 'CAR-1', 'colivia', 'Colivia', 'EUR', 'CO', 5000, '16:00', now(), now());
insert into fulfilments (merchant_id, id, reference, order_id, warehouse_id, carrier_id, status, carrier, service, tracking_number,
                         currency, cost, ship_to, promised_at, shipped_at, delivered_at, created_at, updated_at)
select %(merchant)s, gen_random_uuid(), 'SHP-' || o.n, o.id, w.id, c.id, case when o.n <= 15 then 'in_transit' else 'delivered' end,
       'Colivia', 'home', 'CO' || o.n, 'EUR', 550, '{"country": "FR"}', o.placed_at - interval '1 day', o.placed_at,
       case when o.n > 15 then o.placed_at + interval '2 days' end, now(), now()
from (select *, split_part(reference, '-', 2)::int as n from orders where merchant_id = %(merchant)s) o
join warehouses w on w.merchant_id = %(merchant)s join carriers c on c.merchant_id = %(merchant)s;
insert into carrier_claims (merchant_id, id, reference, status, kind, fulfilment_id, currency, amount, created_at, updated_at)
select %(merchant)s, gen_random_uuid(), 'CCL-' || split_part(f.reference, '-', 2), 'open', 'late', f.id, 'EUR', 100, now(), now()
from fulfilments f where f.merchant_id = %(merchant)s;
insert into returns (merchant_id, id, reference, order_id, customer_id, status, reason, wanted, currency, requested_at, created_at,
                     updated_at)
select %(merchant)s, gen_random_uuid(), 'RMA-' || o.n, o.id, o.customer_id, case when o.n <= 15 then 'requested' else 'closed' end,
       case when o.n %% 2 = 0 then 'too_small' else 'other' end, 'refund', 'EUR', o.placed_at, now(), now()
from (select *, split_part(reference, '-', 2)::int as n from orders where merchant_id = %(merchant)s) o where o.n %% 5 = 0;
insert into return_lines (merchant_id, id, return_id, order_line_id, variant_id, quantity, reason, created_at)
select %(merchant)s, gen_random_uuid(), r.id, l.id, l.variant_id, 1, r.reason, now()
from returns r join order_lines l on l.merchant_id = %(merchant)s and l.order_id = r.order_id where r.merchant_id = %(merchant)s;
insert into tickets (merchant_id, id, reference, status, priority, channel, subject, customer_id, order_id, opened_by, opened_at,
                     due_at, closed_at, created_at, updated_at)
select %(merchant)s, gen_random_uuid(), 'TCK-' || n, case when n <= 15 then 'open' else 'closed' end, 'normal', 'email', 'Wet',
       c.id, null, 'USR-1', now() - n * interval '5 hours', case when n <= 15 then now() end, case when n > 15 then now() end,
       now(), now()
from generate_series(1, %(orders)s / 5) n join customers c on c.merchant_id = %(merchant)s and c.reference = 'CUS-' || n;
insert into warranty_claims (merchant_id, id, reference, order_id, order_line_id, status, quantity, defect, covered_until, filed_at,
                             decided_at, created_at, updated_at)
select %(merchant)s, gen_random_uuid(), replace(r.reference, 'RMA', 'WAR'), r.order_id, l.order_line_id,
       case when r.status = 'closed' then 'declined' else 'filed' end, 1, 'It broke', current_date, r.requested_at,
       case when r.status = 'closed' then now() end, now(), now()
from returns r join return_lines l on l.merchant_id = %(merchant)s and l.return_id = r.id where r.merchant_id = %(merchant)s;
insert into payments (merchant_id, id, reference, order_id, status, method, provider, currency, created_at, updated_at)
select %(merchant)s, gen_random_uuid(), replace(reference, 'ORD', 'PAY'), id, 'captured', 'card', 'manual', 'EUR', placed_at, now()
from orders where merchant_id = %(merchant)s;
insert into payment_transactions (merchant_id, id, payment_id, order_id, kind, outcome, amount, currency, provider, actor,
                                  occurred_at, created_at)
select %(merchant)s, gen_random_uuid(), id, order_id, 'capture', 'succeeded', 1, 'EUR', 'manual', 'USR-1', created_at, created_at
from payments where merchant_id = %(merchant)s;
insert into payouts (merchant_id, id, reference, provider, provider_reference, status, amount, currency, arrives_at, created_at)
select %(merchant)s, gen_random_uuid(), 'POT-' || n, 'manual', 'po_' || n, 'paid', 10, 'EUR', now() - n * interval '1 day', now()
from generate_series(1, 30) n;
"""
# Most shops are small. A join that names the merchant by the row beside it is planned for the average shop, and may then walk
# through all that a large one has; a join that names the shop's own id is planned for that shop.
NEIGHBOURS = """
with shops as (insert into merchants (id, slug, created_at)
               select gen_random_uuid(), gen_random_uuid()::text, '2999-01-01' from generate_series(1, 3000) returning id)
insert into customers (merchant_id, id, reference, status, name, name_key, created_at, updated_at)
select id, gen_random_uuid(), 'CUS-1', 'active', 'Neighbour', 'neighbour', now(), now() from shops;
"""
# What is open is a small part of a shop's history; where it is all of a neighbour's, the planner has to know whose it is.
ALL_OPEN = """
update purchase_orders set status = 'sent' where merchant_id = %(merchant)s;
update fulfilments set status = 'in_transit', delivered_at = null where merchant_id = %(merchant)s;
update returns set status = 'requested' where merchant_id = %(merchant)s
"""
GROWN = (
    "customers", "addresses", "customer_figures", "orders", "order_lines", "purchase_orders", "purchase_order_lines", "promotions",
    "interactions", "bins", "pick_lists", "pick_tasks", "fulfilments", "carrier_claims", "returns", "return_lines", "tickets",
    "warranty_claims", "payments", "payment_transactions",
)  # fmt: skip
READ: list[tuple[str, dict[str, Any]]] = [
    ("list_customers", {}),
    ("list_customers", {"sort": "alphabetical"}),
    ("list_customers", {"sort": "spend"}),
    ("list_customers", {"sort": "orders"}),
    ("list_customers", {"sort": "last_order"}),
    ("list_customers", {"text": "buyer"}),
    ("list_customers", {"product": "blue mug"}),
    ("list_customers", {"city": "Lyon"}),
    ("list_customers", {"city": "Nowhere"}),
    ("list_customers", {"city": "Nowhere", "sort": "spend"}),
    ("list_customers", {"country": "JP", "text": "buyer"}),
    ("list_customers", {"postcode": "10115"}),
    ("list_interactions", {"customer": "CUS-1"}),
    ("list_segments", {"members": False}),
    ("list_orders", {}),
    ("list_orders", {"sort": "oldest"}),
    ("list_orders", {"sort": "total"}),
    ("list_orders", {"sort": "smallest"}),
    ("list_orders", {"sort": "units"}),
    ("list_orders", {"status": ["confirmed"]}),
    ("list_orders", {"open": True}),
    ("list_orders", {"on_hold": True}),
    ("list_orders", {"city": "Lyon"}),
    ("list_orders", {"city": "Nowhere"}),
    ("list_orders", {"country": "FR"}),
    ("list_orders", {"country": "JP"}),
    ("list_orders", {"country": "JP", "sort": "total"}),
    ("list_orders", {"country": "JP", "city": "Lyon"}),
    ("list_orders", {"country": "JP", "text": "mug"}),
    ("list_orders", {"channel": ["phone", "email"]}),
    ("list_orders", {"payment_state": ["unpaid"]}),
    ("list_orders", {"payment_state": ["refunded"], "sort": "oldest"}),
    ("list_orders", {"fulfilment_state": ["partly_fulfilled"]}),
    ("list_orders", {"return_state": ["returned"], "status": ["confirmed"]}),
    ("list_orders", {"text": "carafe"}),
    ("sales_report", {}),
    ("sales_report", {"group_by": "city"}),
    ("top_selling_products", {}),
    ("low_stock_products", {}),
    ("list_purchase_orders", {}),
    ("list_purchase_orders", {"status": "received"}),
    ("list_purchase_orders", {"open": True}),
    ("list_purchase_orders", {"late": True}),
    ("list_purchase_orders", {"supplier": "SUP-1"}),
    ("list_purchase_orders", {"warehouse": "WH-1"}),
    ("list_purchase_orders", {"sort": "total"}),
    ("list_purchase_orders", {"sort": "expected_on"}),
    ("list_suppliers", {}),
    ("list_promotions", {}),
    ("list_promotions", {"state": "ended"}),
    ("list_promotions", {"promotion": "code77"}),
    ("list_promotions", {"text": "code7771"}),
    ("list_bins", {"warehouse": "WH-1"}),
    ("list_pick_lists", {}),
    ("list_pick_lists", {"status": "open"}),
    ("list_pick_lists", {"status": "picked", "warehouse": "WH-1"}),
    ("list_pick_lists", {"order": "ORD-77"}),
    ("sales_by_customer", {}),
    ("abc_analysis", {"placed_from": f"{clock.now() - timedelta(days=30):%Y-%m-%dT00:00:00Z}"}),
    ("list_carriers", {}),
    ("list_shipments", {}),
    ("list_shipments", {"status": ["in_transit"]}),
    ("list_shipments", {"carrier": "colivia"}),
    ("list_shipments", {"tracking_number": "CO77"}),
    ("list_shipments", {"text": "carafe"}),
    ("list_shipments", {"city": "Lyon"}),
    ("list_shipments", {"city": "Nowhere"}),
    ("list_shipments", {"country": "FR"}),
    ("list_shipments", {"country": "JP"}),
    ("list_shipments", {"country": "JP", "sort": "cost"}),
    ("list_shipments", {"sort": "oldest"}),
    ("list_shipments", {"sort": "cost"}),
    ("list_shipments", {"sort": "promised_at"}),
    ("list_late_shipments", {}),
    ("track_shipment", {"shipment": "SHP-7"}),
    ("list_carrier_claims", {}),
    ("list_carrier_claims", {"sort": "amount"}),
    ("product_revenue", {}),
    ("list_returns", {}),
    ("list_returns", {"open": True}),
    ("list_returns", {"reason": ["too_small"]}),
    ("list_returns", {"text": "carafe"}),
    ("list_returns", {"text": "buyer"}),
    ("list_returns", {"sort": "refund"}),
    ("list_returns", {"sort": "oldest"}),
    ("list_tickets", {}),
    ("list_tickets", {"text": "buyer"}),
    ("list_tickets", {"sort": "due_at"}),
    ("list_tickets", {"late": True}),
    ("list_tickets", {"status": ["closed"]}),
    ("list_warranty_claims", {}),
    ("list_warranty_claims", {"status": ["filed"]}),
    ("product_performance", {}),
    ("list_payouts", {}),
]


@pytest.fixture(scope="module")
async def shops(shop: Shop, owner_url: str) -> tuple[NewShop, NewShop]:
    """Two shops of the same last months; one has ten times the history."""
    small, large, busy = [await grown(shop, owner_url, orders) for orders in (SMALL, LARGE, SMALL)]
    with psycopg.connect(owner_url, autocommit=True, cursor_factory=psycopg.ClientCursor) as owner:
        owner.execute(NEIGHBOURS)
        owner.execute(ALL_OPEN, {"merchant": busy.id})
        owner.execute("analyze")
    return small, large


async def grown(shop: Shop, owner_url: str, orders: int) -> NewShop:
    mine = await new_shop(shop)
    async with shop.database.transaction(mine.id) as sql:
        variant: Variant = make_variant(sql)
        await sql.commit()
    params = {"merchant": mine.id, "orders": orders, "variant": variant.id, "product": variant.product_id}
    with psycopg.connect(owner_url, autocommit=True, cursor_factory=psycopg.ClientCursor) as owner:
        for statement in filter(None, GROW.split(";\n")):
            owner.execute(statement, params)
            # Else the foreign keys of the rows that follow are looked up by the shop alone.
            owner.execute(f"analyze {statement.split()[2]}")
        owner.execute(ADD_UP, {"merchant": mine.id})
    return mine


class Rows(int):
    """How many rows were read; told with the plans that read them."""

    plans: list[dict[str, Any]]

    def __repr__(self) -> str:
        return "\n".join([str(int(self)), *(line for plan in self.plans for line in _told(plan))])


async def rows_read(monkeypatch: pytest.MonkeyPatch, mine: NewShop, name: str, arguments: dict[str, Any]) -> Rows:
    """The rows that a tool's statements read of what grew, those that a filter threw away included.

    Other tables hold what other tests left: one that is small is read whole for each order, whatever the shop's size.
    """
    tool = registry.tool(name)
    plans: list[dict[str, Any]] = []
    async with opened(mine.shop, tool, mine.caller("owner")) as (ctx, _):
        plain = ctx.sql.rows

        async def explained(sql: str, params: Any = None, *, as_: Any) -> Any:
            asked = f"explain (analyze, timing off, format json) {sql}"
            ((found,),) = await (await ctx.sql.connection.execute(asked.encode(), params)).fetchall()
            plans.append(found[0]["Plan"])
            return await plain(sql, params, as_=as_)

        monkeypatch.setattr(ctx.sql, "rows", explained)
        await tool.run(ctx, validated(tool, arguments))
    rows = Rows(sum(map(_rows_of, plans)))
    rows.plans = plans
    return rows


def _told(node: dict[str, Any], depth: int = 1) -> list[str]:
    where = " ".join(str(node[key]) for key in ("Relation Name", "Index Name") if key in node)
    rows = f"{node['Actual Rows']} rows × {node['Actual Loops']}, planned {node['Plan Rows']}"
    own = f"{'  ' * depth}{node['Node Type']} {where}: {rows}"
    return [own, *(line for part in node.get("Plans", []) for line in _told(part, depth + 1))]


def _rows_of(node: dict[str, Any], tables: Collection[str] | None = None) -> int:
    counts = node.get("Relation Name") in (GROWN if tables is None else tables)
    own = node["Actual Rows"] + node.get("Rows Removed by Filter", 0) if counts else 0
    return round(own * node["Actual Loops"]) + sum(_rows_of(part, tables) for part in node.get("Plans", []))


@pytest.mark.parametrize(("name", "arguments"), READ, ids=str)
async def test_a_shop_of_ten_times_the_size_reads_as_many_rows(
    shops: tuple[NewShop, NewShop], monkeypatch: pytest.MonkeyPatch, name: str, arguments: dict[str, Any]
) -> None:
    monkeypatch.setattr("tools.customers.listing.MOST_LOOKED_UP", 100)

    small, large = [await rows_read(monkeypatch, mine, name, arguments) for mine in shops]

    assert large <= small * 1.1 + 10, f"{large!r}"


async def test_customers_are_grouped_by_figures_that_are_kept_however_many_orders_they_have(
    shops: tuple[NewShop, NewShop], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = await rows_read(monkeypatch, shops[1], "segment_customers", {"group": "champions"})

    assert sum(_rows_of(plan, ["orders", "order_lines"]) for plan in read.plans) <= 10
    assert sum(_rows_of(plan, ["customer_figures"]) for plan in read.plans) >= LARGE / 4


async def test_buyers_of_what_many_bought_are_not_looked_up(
    shops: tuple[NewShop, NewShop], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every customer has four orders, and two of a mug: those of a page are read, and no more to learn that there are too many."""
    monkeypatch.setattr("tools.customers.listing.MOST_LOOKED_UP", 500)

    read = await rows_read(monkeypatch, shops[1], "list_customers", {"product": "blue mug"})

    assert 0 < sum(_rows_of(plan, ["orders"]) for plan in read.plans) <= 21 * 4


@pytest.mark.parametrize("filter", ["orders > 1000", 'consent = "email"', "spend > 0 and not orders < 4"])
async def test_members_of_a_segment_are_counted_without_a_look_at_each_customer(
    shops: tuple[NewShop, NewShop], monkeypatch: pytest.MonkeyPatch, filter: str
) -> None:
    """By their figures alone, and of these by few where few fit; merged and erased ones are few."""
    read = await rows_read(monkeypatch, shops[1], "create_segment", {"name": filter, "filter": filter})

    assert sum(_rows_of(plan, ["customers"]) for plan in read.plans) <= 10
    if filter == "orders > 1000":
        assert sum(_rows_of(plan, ["customer_figures"]) for plan in read.plans) <= 10


@pytest.mark.parametrize(
    "words", [["buyer 7"], ["lyon"], ["ord-77"], ["blue mug"], ["buyer"], ["nobody", "lyom", "buyr 7"]], ids=str
)
async def test_a_name_is_found_as_quickly_in_a_shop_of_ten_times_the_size(
    shops: tuple[NewShop, NewShop], words: list[str]
) -> None:
    """Counted by the server, for EXPLAIN does not look into functions."""
    search = registry.tool("search_shop")
    small, large = [await touched(mine, search, {"words": words}) for mine in shops]

    assert 0 < large <= small * 1.1 + 10


async def test_a_price_group_is_known_as_it_is_written_however_many_are_in_it(shops: tuple[NewShop, NewShop]) -> None:
    """One that nobody has is what all would be read for."""
    history = registry.tool("get_price_history")
    read: list[int] = []
    for mine in shops:
        async with mine.shop.database.transaction(mine.id) as sql:
            sold = await (await sql.connection.execute(b"select sku from variants")).fetchone()
        assert sold
        read.append(await touched(mine, history, {"sku": sold[0], "customer_group": "retail"}))

    assert 0 < read[1] <= read[0] + 10


async def touched(mine: NewShop, tool: Tool[Any, Any], arguments: dict[str, Any]) -> int:
    """The rows that a call reads from tables, and the searches of an index that it does."""
    async with opened(mine.shop, tool, mine.caller("owner")) as (ctx, _):
        before = await ctx.sql.rows(_TOUCHED, as_=Touched)
        await tool.run(ctx, validated(tool, arguments))
        after = await ctx.sql.rows(_TOUCHED, as_=Touched)
    return after[0].rows - before[0].rows


class Touched(NamedTuple):
    rows: int


_TOUCHED = """
select sum(seq_tup_read + coalesce(idx_tup_fetch, 0) + coalesce(idx_scan, 0))::int as rows from pg_stat_xact_user_tables
"""


@pytest.mark.parametrize(
    ("name", "asked"),
    [("list_orders", {"count": True}), ("list_orders", {"count_by": "country"}), ("list_customers", {"count": True})],
)
async def test_counting_ends_at_the_most_that_are_counted_and_looks_at_nothing_but_the_rows(
    shops: tuple[NewShop, NewShop], monkeypatch: pytest.MonkeyPatch, name: str, asked: dict[str, Any]
) -> None:
    monkeypatch.setattr("tools.contract.page.MOST_COUNTED", 200)

    small, large = [await rows_read(monkeypatch, mine, name, {**asked, "limit": 1}) for mine in shops]
    total = (await Do(shops[1].shop, shops[1].caller("owner"))(registry.tool(name), **asked)).total

    assert large <= small * 1.1 + 10
    assert large <= 4 * 200  # a row and what it is joined with, and not its lines or addresses
    assert (total.rows, total.more, total.sums) == (200, True, [])


async def test_words_that_fit_many_orders_are_looked_for_along_the_list(
    shops: tuple[NewShop, NewShop], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every other order has a mug: with few to look up allowed, the newest orders are enough."""
    monkeypatch.setattr("tools.orders.listing.MOST_LOOKED_UP", 100)

    small, large = [await rows_read(monkeypatch, mine, "list_orders", {"text": "mug"}) for mine in shops]

    assert 0 < large <= small <= 500


async def test_both_ways_of_looking_for_words_give_the_same_orders(
    shops: tuple[NewShop, NewShop], monkeypatch: pytest.MonkeyPatch
) -> None:
    do = Do(shops[0].shop, shops[0].caller("owner"))
    for filters in ({"text": "mug"}, {"text": "buyer 7"}, {"text": "blue mug", "sort": "total"}):
        looked_up = await do(registry.tool("list_orders"), **filters)
        with monkeypatch.context() as few:
            few.setattr("tools.orders.listing.MOST_LOOKED_UP", 5)
            along_the_list = await do(registry.tool("list_orders"), **filters)

        assert len(looked_up.data) == 20
        assert along_the_list == looked_up


async def test_both_ways_of_looking_for_buyers_give_the_same_customers(
    shops: tuple[NewShop, NewShop], monkeypatch: pytest.MonkeyPatch
) -> None:
    do = Do(shops[0].shop, shops[0].caller("owner"))
    filters: dict[str, Any] = {"product": "blue mug", "sort": "orders", "count": True}

    looked_up = await do(registry.tool("list_customers"), **filters)
    monkeypatch.setattr("tools.customers.listing.MOST_LOOKED_UP", 5)
    along_the_list = await do(registry.tool("list_customers"), **filters)

    assert len(looked_up.data) == 20
    assert along_the_list == looked_up


FREQUENT = {
    "search_orders": "select count(*), count(*) filter (where id in (select id from orders where merchant_id = %(merchant)s))"
    " from search_orders(%(words)s, true, true, true, %(most)s) as id",
    "search_customers": "select count(*), count(*) filter (where id in (select id from customers where merchant_id = %(merchant)s))"
    " from search_customers(%(words)s, %(most)s) as id",
}
SAID = """
insert into customers (merchant_id, id, reference, status, name, name_key, created_at, updated_at)
select %(merchant)s, uuidv7(), 'CUS-' || n, 'active', name, name, now(), now()
from (select n, case when n %% 50 = 0 then 'ines' else 'olga' end || n as name from generate_series(1, 600) n) named;
insert into orders (merchant_id, id, reference, customer_id, status, channel, placed_at, currency, prices_include_tax, subtotal,
                    total, units, customer_name, created_at, updated_at)
select merchant_id, uuidv7(), replace(reference, 'CUS', 'ORD'), id, 'confirmed', 'web', now(), 'EUR', true, 1, 1, 1, name,
       now(), now() from customers where merchant_id = %(merchant)s;
delete from counters where merchant_id = %(merchant)s and name in ('ORD', 'CUS');
insert into counters (merchant_id, id, name, value, created_at)
select %(merchant)s, gen_random_uuid(), name, 1600, now() from unnest(array['ORD', 'CUS']) as name
"""


@pytest.mark.parametrize("search", FREQUENT)
async def test_more_than_are_looked_up_are_known_by_a_few_of_the_newest_and_not_counted(
    shop: Shop, owner_url: str, search: str
) -> None:
    """One in fifty has the word, of 600: a look for up to 4 is told that there are more, and finds none; a look for up to 50
    finds all 12.
    """
    mine = await new_shop(shop)
    with psycopg.connect(owner_url, autocommit=True, cursor_factory=psycopg.ClientCursor) as owner:
        owner.execute(SAID, {"merchant": mine.id})

    async with shop.database.transaction(mine.id) as sql:
        asked = {"merchant": mine.id, "words": ["%ines%"]}
        few = await (await sql.connection.execute(FREQUENT[search].encode(), asked | {"most": 4})).fetchone()
        all_ = await (await sql.connection.execute(FREQUENT[search].encode(), asked | {"most": 50})).fetchone()

    assert few == (4, 0)
    assert all_ == (12, 12)
