"""What lies where, and what can be promised when."""

import random
from datetime import date, timedelta

import pytest

from db import clock
from db.models.inventory import PurchaseOrderStatus
from db.money import Money
from tests.conftest import Do
from tests.factories import (
    NewShop,
    make_bundle,
    make_category,
    make_purchase_order,
    make_stock,
    make_variant,
    make_warehouse,
    warehouse_of,
)
from tools.contract.call import Shop, opened
from tools.contract.errors import Invalid, NotFound
from tools.inventory.availability import check_availability
from tools.inventory.levels import ListStock, StockLine, StockSort, list_stock
from tools.inventory.reservations import reserve_stock
from tools.inventory.transfers import transfer_stock
from tools.products.changes import update_product
from tools.products.detail import get_product

SOON = clock.now().date() + timedelta(days=7)
LATER = SOON + timedelta(days=7)
LONG_PAST = date(2020, 1, 1)


async def mug(mine: NewShop, units: int = 10) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        make_variant(sql, "MUG-BLUE", stock=units, warehouse=await warehouse_of(sql))
        await sql.commit()


# ---- list_stock ----------------------------------------------------------------------------------------------------------


async def test_stock_is_shown_for_each_variant_and_warehouse(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        lille, lyon = await warehouse_of(sql), make_warehouse(sql)
        variant = make_variant(sql, "MUG-BLUE", stock=10, warehouse=lille, title="Blue mug")
        level = make_stock(sql, variant, lyon.id, 4)
        level.damaged, level.incoming, level.reorder_point = 1, 20, 5
        await sql.commit()
    await do(reserve_stock, sku="MUG-BLUE", quantity=2, warehouse="WH-1")

    page = await do(list_stock)

    in_lille, in_lyon = sorted(page.data, key=lambda line: -line.on_hand)
    assert (in_lille.sku, in_lille.title, in_lille.warehouse) == ("MUG-BLUE", "Blue mug", "WH-1")
    assert (in_lille.on_hand, in_lille.reserved, in_lille.damaged, in_lille.available) == (10, 2, 0, 8)
    assert (in_lyon.warehouse, in_lyon.on_hand, in_lyon.damaged, in_lyon.available) == (lyon.reference, 4, 1, 3)
    assert (in_lyon.incoming, in_lyon.reorder_point) == (20, 5)
    assert in_lille.price == in_lyon.price == Money(amount=1_999, currency="EUR")


async def test_a_list_of_stock_goes_on_where_the_page_before_ended(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        lille, lyon = await warehouse_of(sql), make_warehouse(sql)
        for sku in ("B", "A", "C"):
            variant = make_variant(sql, sku, stock=1, warehouse=lille)
            make_stock(sql, variant, lyon.id, 1)
        await sql.commit()

    first = await do(list_stock, limit=4)
    second = await do(list_stock, limit=4, after=first.next)

    assert first.has_more
    assert not second.has_more
    assert [line.sku for line in first.data + second.data] == ["A", "A", "B", "B", "C", "C"]
    assert len({(line.sku, line.warehouse) for line in first.data + second.data}) == 6


@pytest.mark.parametrize("sort", [sort for sort in StockSort if sort is not StockSort.sku])
async def test_stock_is_sorted_by_each_figure_page_by_page(
    mine: NewShop, do: Do, chance: random.Random, sort: StockSort
) -> None:
    """Most first, of equals the older variant; what is scarce in the opposite order."""
    async with mine.shop.database.transaction(mine.id) as sql:
        places = [await warehouse_of(sql), make_warehouse(sql)]
        variants = [make_variant(sql, f"SKU-{number}") for number in chance.sample(range(100), 7)]
        lines = {
            (variant.sku, place.reference): make_stock(sql, variant, place.id, chance.choice((0, 0, 3, 5, 5)))
            for variant in variants
            for place in places
        }
        for level in chance.sample(list(lines.values()), 4):
            level.incoming, level.damaged = chance.choice((2, 4)), min(level.on_hand, 1)
        await sql.commit()
    for (sku, place), level in chance.sample(list(lines.items()), 5):
        if free := level.on_hand - level.damaged:
            await do(reserve_stock, sku=sku, quantity=chance.randint(1, free), warehouse=place)

    shown = (await do(list_stock, limit=100)).data
    figure = "available" if sort is StockSort.scarce else sort.value
    in_order = {line: (level.variant_id, level.warehouse_id) for line, level in lines.items()}
    expected = sorted(shown, key=lambda row: (-getattr(row, figure), in_order[row.sku, row.warehouse]))
    if sort is StockSort.scarce:
        expected.reverse()

    pages, after = list[StockLine](), None
    while after or not pages:
        page = await do(list_stock, sort=sort, limit=3, after=after)
        pages, after = pages + page.data, page.next

    assert len(expected) == 14
    assert pages == expected


@pytest.mark.parametrize("sort", ["sku", "available", "scarce"])
async def test_stock_of_a_category_is_what_of_all_stock_is_of_it(mine: NewShop, do: Do, sort: str) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        lille, lyon = await warehouse_of(sql), make_warehouse(sql)
        kitchen = make_category(sql, "Kitchen")
        shelves = [make_category(sql, "Mugs", parent=kitchen), make_category(sql, "Bedroom"), kitchen]
        for nth in range(9):
            variant = make_variant(
                sql, f"{nth * 5 % 9}-{nth % 3}", warehouse=lille, stock=nth % 4, category=shelves[nth % 3]
            )
            make_stock(sql, variant, lyon.id, nth % 2)
        await sql.commit()

    everything = (await do(list_stock, sort=sort, limit=100)).data
    pages, after = list[StockLine](), None
    while after or not pages:
        page = await do(list_stock, category="Kitchen", sort=sort, limit=5, after=after)
        pages, after = pages + page.data, page.next

    assert len(pages) == 12
    assert pages == [line for line in everything if not line.sku.endswith("-1")]


async def test_a_cursor_of_another_list_is_refused(mine: NewShop, do: Do) -> None:
    with pytest.raises(Invalid, match="cursor"):
        await do(list_stock, after="bm90aGluZw")


async def test_stock_is_filtered_by_variant_product_warehouse_category_and_words(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        lille, lyon = await warehouse_of(sql), make_warehouse(sql, code="LYON")
        kitchen = make_category(sql, "Kitchen")
        mugs = make_category(sql, "Mugs", parent=kitchen)
        blue = make_variant(sql, "MUG-BLUE", warehouse=lille, category=mugs, title="Blue mug")
        make_stock(sql, blue, lyon.id, 3)
        make_variant(sql, "TEE-M", warehouse=lille, title="Été T-shirt")
        await sql.commit()

    async def skus(**filters: str) -> list[str]:
        return [line.sku for line in (await do(list_stock, **filters)).data]

    assert await skus(sku="mug-blue") == ["MUG-BLUE", "MUG-BLUE"]
    assert await skus(product="MUG-BLUE", warehouse="lyon") == ["MUG-BLUE"]
    assert await skus(warehouse="WH-1") == ["MUG-BLUE", "TEE-M"]
    assert await skus(category="Kitchen", warehouse="WH-1") == ["MUG-BLUE"]
    assert await skus(text="ete shirt") == ["TEE-M"]
    assert await skus(text="100%_") == []


@pytest.mark.parametrize("sort", list(StockSort))
async def test_both_ways_of_looking_for_words_give_the_same_stock(
    mine: NewShop, do: Do, monkeypatch: pytest.MonkeyPatch, sort: StockSort
) -> None:
    """A word may be in what the product is found by, another in the variant's title."""
    async with mine.shop.database.transaction(mine.id) as sql:
        lille, lyon = await warehouse_of(sql), make_warehouse(sql, code="LYON")
        for nth, (sku, title) in enumerate(
            (("MUG-B", "Blue"), ("CUP-B", "Blue"), ("MUG-W", "White"), ("MUG-A", "Azure blue"))
        ):
            variant = make_variant(sql, sku, warehouse=lille, title=sku[:3])
            variant.title = title
            make_stock(sql, variant, lyon.id, 3 * nth).damaged = nth // 2
        await sql.commit()

    async def pages() -> list[list[tuple[str, str]]]:
        first = await do(list_stock, text="mug blue", sort=sort, limit=3)
        rest = await do(list_stock, text="mug blue", sort=sort, limit=3, after=first.next)
        return [[(line.sku, line.warehouse) for line in page.data] for page in (first, rest)]

    looked_up = await pages()
    monkeypatch.setattr("tools.inventory.levels.MOST_LOOKED_UP", 0)
    monkeypatch.setattr("tools.inventory.levels.MOST_BY_SKU", 0)

    assert [len(page) for page in looked_up] == [3, 1]
    assert {sku for page in looked_up for sku, _ in page} == {"MUG-B", "MUG-A"}
    assert await pages() == looked_up


async def test_stock_is_filtered_by_how_much_is_left_to_sell(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        lille = await warehouse_of(sql)
        for sku, units in (("PLENTY", 10), ("LOW", 3), ("NONE", 0)):
            level = make_stock(sql, make_variant(sql, sku), lille.id, units)
            level.reorder_point = 3
        await sql.commit()

    async def skus(state: str) -> list[str]:
        return [line.sku for line in (await do(list_stock, state=state)).data]

    assert await skus("in_stock") == ["LOW", "PLENTY"]
    assert await skus("below_reorder_point") == ["LOW", "NONE"]
    assert await skus("out_of_stock") == ["NONE"]


async def test_an_unknown_variant_is_not_found_and_the_nearest_named(mine: NewShop, do: Do) -> None:
    await mug(mine)

    with pytest.raises(NotFound) as refused:
        await do(list_stock, sku="MUG-BLEU")

    assert refused.value.details["nearest"] == ["MUG-BLUE"]


async def test_a_list_of_stock_takes_one_statement_however_long_it_is(shop: Shop, mine: NewShop) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        lille = await warehouse_of(sql)
        for _ in range(30):
            make_variant(sql, warehouse=lille)
        await sql.commit()

    async with opened(shop, list_stock, mine.caller("owner")) as (ctx, _):
        before = len(ctx.sql.statements)
        page = await list_stock(ctx, ListStock(limit=30))
        statements = ctx.sql.statements[before:]

    assert len(page.data) == 30
    assert len(statements) == 1


# ---- check_availability --------------------------------------------------------------------------------------------------


async def test_what_is_reserved_or_damaged_cannot_be_promised(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        variant = make_variant(sql, "MUG-BLUE")
        make_stock(sql, variant, (await warehouse_of(sql)).id, 10).damaged = 3
        await sql.commit()
    await do(reserve_stock, sku="MUG-BLUE", quantity=2)

    answer = await do(check_availability, sku="MUG-BLUE", quantity=6)

    assert answer.available == 5
    assert answer.enough is False
    assert answer.earliest is None


async def test_purchase_orders_and_transfers_count_from_the_day_they_are_expected(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        lille, lyon = await warehouse_of(sql), make_warehouse(sql)
        variant = make_variant(sql, "MUG-BLUE")
        order = make_purchase_order(sql, make_stock(sql, variant, lille.id, 10), 50, expected_on=LATER)
        await sql.commit()
    lines = [{"sku": "MUG-BLUE", "quantity": 4}]
    sent = await do(transfer_stock, from_warehouse="WH-1", to_warehouse=lyon.reference, lines=lines, expected_on=SOON)

    answer = await do(check_availability, sku="MUG-BLUE", quantity=55)

    assert [(promise.on, promise.available) for promise in answer.by_date][1:] == [(SOON, 10), (LATER, 60)]
    assert answer.by_date[0].available == answer.available == 6
    assert (answer.enough, answer.earliest) == (False, LATER)
    assert [(supply.reference, supply.quantity) for supply in answer.supplies] == [
        (sent.reference, 4),
        (order.reference, 50),
    ]
    in_lille, in_lyon = answer.warehouses
    assert [promise.available for promise in in_lille.by_date] == [6, 56]
    assert [promise.available for promise in in_lyon.by_date] == [0, 4]


async def test_a_quantity_is_enough_when_it_is_there_by_the_day_asked(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        level = make_stock(sql, make_variant(sql, "MUG-BLUE"), (await warehouse_of(sql)).id, 10)
        make_purchase_order(sql, level, 50, expected_on=SOON)
        await sql.commit()

    too_early = await do(check_availability, sku="MUG-BLUE", quantity=30, by=SOON - timedelta(days=1))
    in_time = await do(check_availability, sku="MUG-BLUE", quantity=30, by=SOON)

    assert (too_early.enough, too_early.earliest) == (False, SOON)
    assert (in_time.enough, in_time.earliest) == (True, SOON)


async def test_a_supply_that_is_late_or_has_no_day_is_listed_and_not_promised(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        level = make_stock(sql, make_variant(sql, "MUG-BLUE"), (await warehouse_of(sql)).id, 10)
        make_purchase_order(sql, level, 20, expected_on=LONG_PAST)
        make_purchase_order(sql, level, 30, expected_on=None)
        make_purchase_order(sql, level, 99, expected_on=SOON, status=PurchaseOrderStatus.draft)
        await sql.commit()

    answer = await do(check_availability, sku="MUG-BLUE", quantity=15)

    assert [promise.available for promise in answer.by_date] == [10]
    assert [(supply.quantity, supply.counted) for supply in answer.supplies] == [(20, False), (30, False)]
    assert answer.earliest is None


@pytest.mark.parametrize("by", [86_400, "20415", "next week"])
async def test_a_day_is_written_as_a_day(do: Do, by: object) -> None:
    with pytest.raises(Invalid, match="by:"):
        await do(check_availability, sku="MUG-BLUE", by=by)


async def test_one_warehouse_can_be_asked_alone(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        variant = make_variant(sql, "MUG-BLUE", stock=10, warehouse=await warehouse_of(sql))
        make_stock(sql, variant, make_warehouse(sql, code="LYON").id, 4)
        await sql.commit()

    answer = await do(check_availability, sku="MUG-BLUE", quantity=5, warehouse="LYON")

    assert answer.available == 4
    assert answer.enough is False


async def test_a_closed_warehouse_promises_nothing(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        variant = make_variant(sql, "MUG-BLUE", stock=10, warehouse=await warehouse_of(sql))
        closed = make_warehouse(sql)
        closed.active = False
        make_stock(sql, variant, closed.id, 4)
        await sql.commit()

    answer = await do(check_availability, sku="MUG-BLUE")

    assert answer.available == 10
    assert answer.enough is None


async def test_of_an_untracked_variant_any_quantity_can_be_promised(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        make_variant(sql, "EBOOK", tracked=False)
        await sql.commit()

    answer = await do(check_availability, sku="EBOOK", quantity=100_000)

    assert (answer.tracked, answer.available, answer.enough) == (False, None, True)


async def test_nothing_is_promised_of_what_is_not_on_sale(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        main = await warehouse_of(sql)
        make_variant(sql, "MUG", stock=10, warehouse=main)
        make_variant(sql, "EBOOK", tracked=False)
        part = make_variant(sql, "BOWL", stock=10, warehouse=main)
        make_bundle(sql, "SET", (part, 1))
        await sql.commit()
    before = await do(check_availability, sku="SET", quantity=1)
    for sku in ("MUG", "EBOOK", "BOWL"):
        product = await do(get_product, product=sku)
        await do(update_product, product=sku, status="inactive", version=product.version)

    answers = [await do(check_availability, sku=sku, quantity=1) for sku in ("MUG", "EBOOK", "SET")]

    assert (before.sellable, before.enough) == (True, True)
    assert [(one.sellable, one.enough, one.earliest) for one in answers] == [(False, False, None)] * 3
    assert [one.available for one in answers] == [10, None, 10]
