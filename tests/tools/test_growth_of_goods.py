"""Lists of goods read no more rows where ten times as many lie there: counted by EXPLAIN, whatever the clock says."""

from typing import Any

import psycopg
import pytest

from db import clock
from tests.factories import NewShop, new_shop
from tests.tools.test_growth import grown, rows_read, touched
from tools import registry
from tools.contract.call import Shop

SHELVES = """
insert into variants (merchant_id, id, reference, product_id, sku, sku_key, title, option_key, created_at, updated_at)
select %(merchant)s, gen_random_uuid(), 'VAR-' || n, p.id, 'U-' || n, 'u-' || n, 'Unsold', 'u' || n, %(now)s, %(now)s
from products p cross join generate_series(1, %(unsold)s) n where p.merchant_id = %(merchant)s;
insert into stock_levels (merchant_id, id, warehouse_id, variant_id, product_id, created_at, updated_at)
select %(merchant)s, gen_random_uuid(), w.id, v.id, v.product_id, %(now)s, %(now)s
from variants v join warehouses w on w.merchant_id = %(merchant)s where v.merchant_id = %(merchant)s and v.title = 'Unsold'
"""


PRICED = """
insert into products (merchant_id, id, reference, status, title, search, created_at, updated_at)
select %(merchant)s, gen_random_uuid(), 'PRD-' || n, 'active', 'Thing ' || n, 'thing ' || md5(n::text), %(now)s, %(now)s
from generate_series(1000, 1000 + %(products)s) n;
insert into variants (merchant_id, id, reference, product_id, sku, sku_key, title, created_at, updated_at)
select merchant_id, gen_random_uuid(), replace(reference, 'PRD', 'VAR'), id, reference, reference, md5(reference), %(now)s, %(now)s
from products where merchant_id = %(merchant)s and title like 'Thing %%';
insert into prices (merchant_id, id, variant_id, currency, amount, valid_from, created_at)
select merchant_id, gen_random_uuid(), id, 'EUR', split_part(reference, '-', 2)::int, %(now)s, %(now)s
from variants where merchant_id = %(merchant)s and sku like 'PRD-%%';
insert into stock_levels (merchant_id, id, warehouse_id, variant_id, product_id, on_hand, created_at, updated_at)
select %(merchant)s, gen_random_uuid(), w.id, v.id, v.product_id, 1, %(now)s, %(now)s
from variants v join warehouses w on w.merchant_id = %(merchant)s where v.merchant_id = %(merchant)s and v.sku like 'PRD-%%';
update variants set title = 'Gold rim' where merchant_id = %(merchant)s and sku in ('PRD-1007', 'PRD-1077', 'PRD-1277')
"""
pytestmark = pytest.mark.xdist_group("growth of goods")  # the same shops for all
Shops = tuple[NewShop, NewShop]


@pytest.fixture(scope="module")
async def shelves(shop: Shop, owner_url: str) -> Shops:
    """Two shops that sell the same; in one lies ten times as much that nobody buys."""
    few, many = [await grown(shop, owner_url, 20) for _ in range(2)]
    _fill(owner_url, SHELVES, (few, {"unsold": 300}), (many, {"unsold": 3_000}))
    return few, many


@pytest.fixture(scope="module")
async def priced(shop: Shop, owner_url: str) -> Shops:
    """Two shops, one with ten times the products."""
    few, many = [await new_shop(shop) for _ in range(2)]
    _fill(owner_url, PRICED, (few, {"products": 500}), (many, {"products": 5_000}))
    return few, many


def _fill(owner_url: str, statements: str, *shops: tuple[NewShop, dict[str, int]]) -> None:
    with psycopg.connect(owner_url, autocommit=True, cursor_factory=psycopg.ClientCursor) as owner:
        for mine, numbers in shops:
            owner.execute(statements.encode(), {"merchant": mine.id, "now": clock.now(), **numbers})
        owner.execute(
            "vacuum analyze products, variants, prices, stock_levels"
        )  # what came in bulk goes into indexes of words


async def test_what_runs_low_is_found_among_what_is_bought_however_much_nobody_buys(
    shelves: Shops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.tools.test_growth.GROWN", ("variants", "stock_levels"))

    few, many = [await rows_read(monkeypatch, mine, "low_stock_products", {"limit": 1}) for mine in shelves]

    assert 0 < many <= few * 1.1 + 10, f"{many!r}"


@pytest.mark.parametrize("sort", ["available", "scarce", "on_hand", "reserved", "damaged", "incoming"])
async def test_stock_is_sorted_by_a_figure_however_much_lies_there(
    shelves: Shops, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    monkeypatch.setattr("tests.tools.test_growth.GROWN", ("variants", "stock_levels", "reservations"))

    few, many = [await rows_read(monkeypatch, mine, "list_stock", {"sort": sort}) for mine in shelves]

    assert 0 < many <= few * 1.1 + 10, f"{many!r}"


@pytest.mark.parametrize("text", ["thing rim", "zzz"])
@pytest.mark.parametrize("sort", ["sku", "scarce"])
async def test_stock_is_found_by_rare_words_however_much_lies_there(priced: Shops, text: str, sort: str) -> None:
    """One word may be in every product, and another in the title of a few variants."""
    few, many = [await touched(mine, registry.tool("list_stock"), {"text": text, "sort": sort}) for mine in priced]

    assert 0 < many <= few * 1.1 + 10


@pytest.mark.parametrize("arguments", [{"sort": "cheapest"}, {"sort": "dearest"}, {"max_price": 1}], ids=str)
async def test_products_are_found_by_price_however_many_there_are(
    priced: Shops, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any]
) -> None:
    monkeypatch.setattr("tests.tools.test_growth.GROWN", ("variants", "prices"))
    for name in ("FEW", "SOME", "FIRST"):
        monkeypatch.setattr(f"tools.products.offers.{name}", 100)

    few, many = [await rows_read(monkeypatch, mine, "list_products", arguments) for mine in priced]

    assert many <= few * 1.1 + 20, f"{many!r}"


@pytest.mark.parametrize("arguments", [{"sort": "least_stock"}, {"stock": "out_of_stock"}], ids=str)
async def test_products_are_found_by_their_stock_without_a_look_at_each_variant(
    priced: Shops, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any]
) -> None:
    """What lies there is added up along an index, of all of it; variants are read of those that are shown, or stand apart."""
    for name in ("FEW", "SINGLY", "FIRST"):
        monkeypatch.setattr(f"tools.products.offers.{name}", 100)

    monkeypatch.setattr("tests.tools.test_growth.GROWN", ("variants", "prices"))
    few, many = [await rows_read(monkeypatch, mine, "list_products", arguments) for mine in priced]

    assert many <= few * 1.1 + 20, f"{many!r}"


async def test_no_index_has_what_each_order_changes_of_stock(owner_url: str) -> None:
    """Else its rows would be written anew in every index that they have."""
    with psycopg.connect(owner_url) as owner:
        indexes = owner.execute("select indexdef from pg_indexes where tablename = 'stock_levels'").fetchall()

    assert len(indexes) >= 6
    assert not [told for (told,) in indexes if "reserved" in told or "updated_at" in told]
