"""Bundles: one price for several things, whose stock is theirs, wherever else these are sold."""

from decimal import Decimal
from typing import Any

import pytest

from db.models.backoffice import TaxRate
from tests.conftest import Do
from tests.factories import LONG_AGO, NewShop, make_variant, number, warehouse_of
from tests.tools.misfits import misfits
from tests.tools.till import LYON, bought, reserved, writing
from tools.contract.declare import Tool
from tools.customers.listing import list_customers
from tools.customers.profiles import create_customer
from tools.customers.segments import create_segment
from tools.flows.cancel_order import cancel_order
from tools.flows.change_order_lines import change_order_lines
from tools.flows.create_order import PlacedOrder, create_order
from tools.inventory.availability import check_availability
from tools.orders.detail import get_order
from tools.orders.edits import NotOnOrder
from tools.orders.listing import list_orders
from tools.orders.status import set_order_status
from tools.orders.wishes import VariantNotSellable
from tools.products.bundles import BundleHasNoStock, BundleInBundle, ComponentArchived, NotABundle
from tools.products.changes import update_product
from tools.products.creation import create_product
from tools.products.detail import ProductDetail, get_product
from tools.products.listing import list_products
from tools.products.promotions import create_promotion
from tools.products.variants import add_variant, update_variant
from tools.rules.stock import NotEnoughStock


@pytest.fixture
async def gift_set(mine: NewShop, do: Do) -> ProductDetail:
    """Five mugs at 19.99 and four bowls at 38.99 on the shelf; a set of two mugs and a bowl at 60.00."""
    async with writing(mine) as sql:
        main = await warehouse_of(sql)
        make_variant(sql, "MUG", stock=5, warehouse=main, title="Mug")
        make_variant(sql, "BOWL", price=3_899, stock=4, warehouse=main, title="Bowl")
    in_it = [{"sku": "MUG", "quantity": 2}, {"sku": "BOWL"}]
    set_ = {"sku": "SET", "price": 6_000, "components": in_it}
    return await do(create_product, title="Breakfast set", variants=[set_], on_sale=True)


async def buy(do: Do, *lines: tuple[str, int], **more: Any) -> PlacedOrder:
    return await do(create_order, shipping_address=LYON, lines=bought(*lines), **more)


async def told(do: Do, tool: Tool[Any, Any], **arguments: Any) -> list[str]:
    card = (await do.outcome(tool, preview=True, **arguments)).card
    assert card is not None
    return card.sentences


async def test_there_are_as_many_bundles_as_the_scarcest_thing_in_them_allows(do: Do, gift_set: ProductDetail) -> None:
    (variant,) = gift_set.variants
    assert [(part.sku, part.quantity) for part in variant.components] == [("MUG", 2), ("BOWL", 1)]
    assert (variant.tracked, variant.available, gift_set.available, variant.stock) == (False, 2, 2, [])

    await buy(do, ("MUG", 2))

    now = await do(check_availability, sku="SET", quantity=2)
    assert (now.available, now.enough, now.earliest) == (1, False, None)
    assert [(part.sku, part.available, part.bundles) for part in now.components] == [("MUG", 3, 1), ("BOWL", 4, 4)]
    listed = {row.title: (row.available, row.stock) for row in (await do(list_products)).data}
    assert listed["Breakfast set"] == (1, "in_stock")
    await buy(do, ("MUG", 2))
    listed = {row.title: (row.available, row.stock) for row in (await do(list_products)).data}
    assert listed["Breakfast set"] == (0, "out_of_stock")


async def test_an_order_of_a_bundle_and_of_what_is_in_it_never_takes_more_than_there_is(
    mine: NewShop, do: Do, gift_set: ProductDetail
) -> None:
    with pytest.raises(NotEnoughStock, match="MUG has 5 available, 6 were asked"):
        await buy(do, ("MUG", 4), ("SET", 1))
    assert await reserved(mine) == {"MUG": 0, "BOWL": 0}

    await buy(do, ("MUG", 3), ("SET", 1))

    assert await reserved(mine) == {"MUG": 5, "BOWL": 1}
    with pytest.raises(NotEnoughStock, match="MUG has 0 available, 2 were asked"):
        await buy(do, ("SET", 1))
    assert await misfits(mine) == {}


async def test_a_bundle_is_sold_at_its_own_price_which_its_lines_share_to_the_cent(
    mine: NewShop, do: Do, gift_set: ProductDetail
) -> None:
    placed = await buy(do, ("SET", 2), ("MUG", 1))

    assert [(line.sku, line.quantity, line.unit_price.amount, line.bundle) for line in placed.lines] == [
        ("MUG", 4, 1_519, "SET"), ("BOWL", 2, 2_962, "SET"), ("MUG", 1, 1_999, None),
    ]  # fmt: skip
    assert [(one.sku, one.quantity, one.unit_price.amount) for one in placed.bundles] == [("SET", 2, 6_000)]
    assert placed.subtotal.amount == 2 * 6_000 + 1_999
    shown = await do(get_order, order=placed.reference)
    assert [(one.title, one.quantity, one.total.amount) for one in shown.bundles] == [("Breakfast set", 2, 12_000)]
    assert [(line.sku, line.bundle, line.held[0].quantity) for line in shown.lines] == [
        ("MUG", "SET", 4), ("BOWL", "SET", 2), ("MUG", None, 1),
    ]  # fmt: skip
    assert await misfits(mine) == {}


async def test_each_thing_in_a_bundle_is_taxed_at_its_own_rate(mine: NewShop, do: Do, gift_set: ProductDetail) -> None:
    async with writing(mine) as sql:
        sql.session.add(
            TaxRate(
                merchant_id=mine.id, reference=f"TAX-{number()}", name="TVA 5.5 %", country="FR", tax_class="food",
                rate=Decimal("0.055"), valid_from=LONG_AGO, created_at=LONG_AGO,
            )
        )  # fmt: skip
    bowl = await do(get_product, product="BOWL")
    await do(update_product, product=bowl.reference, tax_class="food", version=bowl.version)

    placed = await buy(do, ("SET", 1))

    assert [line.tax.amount for line in placed.lines] == [506, 154]  # 3038 / 6, and 2962 - 2962 / 1.055


async def test_the_card_of_an_order_says_what_is_in_a_bundle(do: Do, gift_set: ProductDetail) -> None:
    sentences = await told(do, create_order, shipping_address=LYON, lines=bought(("SET", 1)))

    assert sentences[0].startswith("An order is placed for a guest: 1 SET, ")
    assert sentences[1] == "In each SET are 2 MUG and 1 BOWL."
    assert "2 MUG and 1 BOWL are held in" in " ".join(sentences)


async def test_what_is_in_it_goes_back_on_sale_when_the_order_is_cancelled(
    mine: NewShop, do: Do, gift_set: ProductDetail
) -> None:
    placed = await buy(do, ("SET", 2))

    cancelled = await do(cancel_order, order=placed.reference)

    assert cancelled.released_units == 6
    assert await reserved(mine) == {"MUG": 0, "BOWL": 0}
    assert await misfits(mine) == {}


async def test_a_bundle_on_an_order_changes_as_one(mine: NewShop, do: Do, gift_set: ProductDetail) -> None:
    placed = await buy(do, ("SET", 1), ("MUG", 1))

    with pytest.raises(NotOnOrder, match="has no BOWL, and some were asked for; what there is of it is part of SET"):
        await do(change_order_lines, order=placed.reference, remove=["BOWL"])
    more = await do(change_order_lines, order=placed.reference, quantities=bought(("SET", 2)))
    sentences = await told(
        do, change_order_lines, order=placed.reference, quantities=bought(("SET", 1)), remove=["MUG"]
    )
    gone = await do(change_order_lines, order=placed.reference, remove=["SET"])

    assert [(line.sku, line.before, line.quantity) for line in more.lines] == [
        ("MUG", 2, 4), ("BOWL", 1, 2), ("MUG", 1, 1),
    ]  # fmt: skip
    assert (more.bundles[0].quantity, more.subtotal.amount) == (2, 2 * 6_000 + 1_999)
    assert sentences[0].endswith("changes: 2 SET become 1 and 1 MUG is taken out.")
    assert (gone.bundles[0].quantity, gone.subtotal.amount) == (0, 1_999)
    shown = await do(get_order, order=placed.reference)
    assert [[(one.sku, one.before, one.after) for one in change.lines] for change in shown.changes] == [
        [("SET", 1, 2)], [("SET", 2, 0)],
    ]  # fmt: skip
    assert await reserved(mine) == {"MUG": 1, "BOWL": 0}
    assert await misfits(mine) == {}


async def test_a_bundle_that_was_made_anew_comes_beside_the_one_that_was_sold(
    mine: NewShop, do: Do, gift_set: ProductDetail
) -> None:
    placed = await buy(do, ("SET", 1), draft=True)
    (variant,) = gift_set.variants
    anew = await do(update_variant, sku="SET", components=[{"sku": "BOWL", "quantity": 3}], version=variant.version)
    assert [(part.sku, part.quantity) for part in anew.variants[0].components] == [("BOWL", 3)]

    changed = await do(change_order_lines, order=placed.reference, add=bought(("SET", 1)))
    await do(set_order_status, order=placed.reference, status="pending")

    assert [(line.sku, line.quantity, line.unit_price.amount) for line in changed.lines] == [
        ("MUG", 2, 1_519), ("BOWL", 1, 2_962), ("BOWL", 3, 2_000),
    ]  # fmt: skip
    assert [one.quantity for one in changed.bundles] == [1, 1]
    assert await reserved(mine) == {"MUG": 2, "BOWL": 4}
    assert await misfits(mine) == {}


async def test_promotions_see_what_was_bought_and_not_what_is_in_it(do: Do, gift_set: ProductDetail) -> None:
    for sku, percent in (("MUG", 50), ("SET", 10)):
        await do(create_promotion, name=f"{percent} % off {sku}", percent=percent, products=[sku])

    placed = await buy(do, ("SET", 1))

    assert [share.amount.amount for line in placed.lines for share in line.discounts] == [304, 296]
    assert placed.discount.amount == 600


async def test_who_bought_a_bundle_is_found_by_it_as_by_what_is_in_it(
    mine: NewShop, do: Do, gift_set: ProductDetail
) -> None:
    ana = await do(create_customer, name="Ana Torres", address=LYON)
    paul = await do(create_customer, name="Paul Martin", address=LYON)
    set_ = await do(create_order, customer=ana.reference, lines=bought(("SET", 1)))
    single = await do(create_order, customer=paul.reference, lines=bought(("MUG", 1)))
    both, hers = {set_.reference, single.reference}, {set_.reference}

    for wanted, orders in (
        ({"sku": "SET"}, hers), ({"product": gift_set.reference}, hers), ({"product": "breakfast"}, hers),
        ({"sku": "MUG"}, both), ({"product": "Mug"}, both), ({"sku": "BOWL"}, hers),
    ):  # fmt: skip
        assert {order.reference for order in (await do(list_orders, **wanted)).data} == orders, wanted
        buyers = {row.name for row in (await do(list_customers, **wanted)).data}
        assert buyers == ({"Ana Torres", "Paul Martin"} if orders == both else {"Ana Torres"}), wanted
    await do(create_segment, name="Set", filter='bought = "set"')
    assert [row.name for row in (await do(list_customers, segment="Set")).data] == ["Ana Torres"]

    await do(change_order_lines, order=set_.reference, remove=["SET"], add=bought(("BOWL", 1)))
    assert (await do(list_orders, sku="SET")).data == []
    assert (await do(list_customers, sku="SET")).data == []


async def test_who_bought_what_is_found_where_bundles_and_single_things_are_called_alike(
    mine: NewShop, do: Do, gift_set: ProductDetail
) -> None:
    async with writing(mine) as sql:
        make_variant(sql, "TEA", stock=5, warehouse=await warehouse_of(sql), title="Breakfast tea")
    ana = await do(create_customer, name="Ana Torres", address=LYON)
    paul = await do(create_customer, name="Paul Martin", address=LYON)
    await do(create_order, customer=ana.reference, lines=bought(("SET", 1)))
    await do(create_order, customer=paul.reference, lines=bought(("TEA", 1)))

    assert {row.name for row in (await do(list_customers, product="breakfast")).data} == {"Ana Torres", "Paul Martin"}
    assert len((await do(list_orders, product="breakfast")).data) == 2


async def test_a_bundle_is_not_sold_while_something_in_it_is_not(do: Do, gift_set: ProductDetail) -> None:
    bowl = await do(get_product, product="BOWL")
    await do(update_product, product="BOWL", status="inactive", version=bowl.version)

    with pytest.raises(VariantNotSellable, match=r"BOWL \(Bowl\) is inactive, so SET, which it is part of, cannot"):
        await buy(do, ("SET", 1))


async def test_a_bundle_has_no_stock_of_its_own_and_consists_of_single_things(
    mine: NewShop, do: Do, gift_set: ProductDetail
) -> None:
    version = gift_set.variants[0].version
    with pytest.raises(BundleHasNoStock):
        await do(update_variant, sku="SET", tracked=True, version=version)
    with pytest.raises(NotABundle, match="MUG is no bundle"):
        await do(update_variant, sku="MUG", components=[{"sku": "BOWL"}], version=1)
    with pytest.raises(BundleInBundle, match="SET is a bundle itself"):
        await do(create_product, title="Hamper", variants=[{"sku": "HAMPER", "components": [{"sku": "SET"}]}])
    async with writing(mine) as sql:
        make_variant(sql, "OLD").archived_at = LONG_AGO
    with pytest.raises(ComponentArchived, match="OLD is archived"):
        await do(add_variant, product="SET", sku="SET-OLD", components=[{"sku": "OLD"}])
