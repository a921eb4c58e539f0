"""Lists of goods read no more rows where ten times as many lie there: counted by EXPLAIN, whatever the clock says."""

from typing import Any

import psycopg
import pytest

from tests.factories import new_shop
from tests.tools.test_growth import Rows, grown, rows_read
from tools.contract.call import Shop

SHELVES = """
insert into variants (merchant_id, id, reference, product_id, sku, sku_key, title, option_key, created_at, updated_at)
select %(merchant)s, gen_random_uuid(), 'VAR-' || n, p.id, 'U-' || n, 'u-' || n, 'Unsold', 'u' || n, now(), now()
from products p cross join generate_series(1, %(unsold)s) n where p.merchant_id = %(merchant)s;
insert into stock_levels (merchant_id, id, warehouse_id, variant_id, created_at, updated_at)
select %(merchant)s, gen_random_uuid(), w.id, v.id, now(), now()
from variants v join warehouses w on w.merchant_id = %(merchant)s where v.merchant_id = %(merchant)s and v.title = 'Unsold';
analyze variants, stock_levels, products
"""


async def test_what_runs_low_is_found_among_what_is_bought_however_much_nobody_buys(
    shop: Shop, owner_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.tools.test_growth.GROWN", ("variants", "stock_levels"))
    read: list[Rows] = []
    for unsold in (100, 1_000):
        mine = await grown(shop, owner_url, 20)
        with psycopg.connect(owner_url, autocommit=True, cursor_factory=psycopg.ClientCursor) as owner:
            owner.execute(SHELVES, {"merchant": mine.id, "unsold": unsold})
        read.append(await rows_read(monkeypatch, mine, "low_stock_products", {"limit": 1}))

    assert 0 < read[1] <= read[0] * 1.1 + 10, f"{read[1]!r}"


@pytest.mark.parametrize("sort", ["available", "scarce", "on_hand", "reserved", "damaged", "incoming"])
async def test_stock_is_sorted_by_a_figure_however_much_lies_there(
    shop: Shop, owner_url: str, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    monkeypatch.setattr("tests.tools.test_growth.GROWN", ("variants", "stock_levels", "reservations"))
    read: list[Rows] = []
    for unsold in (300, 3_000):
        mine = await grown(shop, owner_url, 20)
        with psycopg.connect(owner_url, autocommit=True, cursor_factory=psycopg.ClientCursor) as owner:
            owner.execute(SHELVES, {"merchant": mine.id, "unsold": unsold})
        read.append(await rows_read(monkeypatch, mine, "list_stock", {"sort": sort}))

    assert 0 < read[1] <= read[0] * 1.1 + 10, f"{read[1]!r}"


PRICED = """
insert into products (merchant_id, id, reference, status, title, search, created_at, updated_at)
select %(merchant)s, gen_random_uuid(), 'PRD-' || n, 'active', 'Thing ' || n, 'thing', now(), now()
from generate_series(1000, 1000 + %(products)s) n;
insert into variants (merchant_id, id, reference, product_id, sku, sku_key, title, created_at, updated_at)
select merchant_id, gen_random_uuid(), replace(reference, 'PRD', 'VAR'), id, reference, reference, '', now(), now()
from products where merchant_id = %(merchant)s and title like 'Thing %%';
insert into prices (merchant_id, id, variant_id, currency, amount, valid_from, created_at)
select merchant_id, gen_random_uuid(), id, 'EUR', split_part(reference, '-', 2)::int, now(), now()
from variants where merchant_id = %(merchant)s and sku like 'PRD-%%';
analyze products, variants, prices
"""


@pytest.mark.parametrize("arguments", [{"sort": "cheapest"}, {"sort": "dearest"}, {"max_price": 1}], ids=str)
async def test_products_are_found_by_price_however_many_there_are(
    shop: Shop, owner_url: str, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any]
) -> None:
    monkeypatch.setattr("tests.tools.test_growth.GROWN", ("variants", "prices"))
    for name in ("FEW", "SOME", "FIRST"):
        monkeypatch.setattr(f"tools.products.offers.{name}", 100)
    read: list[Rows] = []
    for products in (500, 5_000):
        mine = await new_shop(shop)
        with psycopg.connect(owner_url, autocommit=True, cursor_factory=psycopg.ClientCursor) as owner:
            owner.execute(PRICED, {"merchant": mine.id, "products": products})
        read.append(await rows_read(monkeypatch, mine, "list_products", arguments))

    assert 0 <= read[1] <= read[0] * 1.1 + 20, f"{read[1]!r}"


async def test_no_index_has_what_each_order_changes_of_stock(owner_url: str) -> None:
    """Else its rows would be written anew in every index that they have."""
    with psycopg.connect(owner_url) as owner:
        indexes = owner.execute("select indexdef from pg_indexes where tablename = 'stock_levels'").fetchall()

    assert len(indexes) >= 6
    assert not [told for (told,) in indexes if "reserved" in told or "updated_at" in told]
