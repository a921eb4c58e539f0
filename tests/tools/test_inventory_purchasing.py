"""What is bought: suppliers, reorder rules, purchase orders, deliveries, and what a unit costs after them."""

import asyncio
import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from db import clock
from db.models.inventory import PurchaseOrderStatus
from tests.conftest import Do
from tests.factories import NewShop, make_variant, make_warehouse, warehouse_of
from tests.tools.misfits import misfits
from tools.backoffice.settings import set_setting
from tools.contract.actors import Caller
from tools.contract.call import Shop, call
from tools.contract.errors import Ambiguous, IllegalMove, NotFound, StaleVersion
from tools.inventory.adjustments import adjust_stock
from tools.inventory.availability import check_availability
from tools.inventory.costs import CostInAnotherCurrency
from tools.inventory.levels import list_stock
from tools.inventory.movements import list_stock_movements
from tools.inventory.places import NotTracked
from tools.inventory.purchase_orders import get_purchase_order, list_purchase_orders
from tools.inventory.purchasing import (
    CostUnknown,
    DayHasPassed,
    OrderedTwice,
    cancel_purchase_order,
    create_purchase_order,
)
from tools.inventory.receiving import MoreThanOrdered, NotOrdered, receive_purchase_order
from tools.inventory.reorder_rules import TargetTooLow, set_reorder_rule
from tools.inventory.suppliers import (
    SupplierInactive,
    SupplierUnknown,
    create_supplier,
    list_suppliers,
    update_supplier,
)
from tools.rules.places import WarehouseClosed


@pytest.fixture
async def brun(mine: NewShop, do: Do) -> str:
    """A supplier, in a shop that has 10 mugs and 5 tees of unknown cost in its one warehouse."""
    async with mine.shop.database.transaction(mine.id) as sql:
        lille = await warehouse_of(sql)
        make_variant(sql, "MUG-BLUE", stock=10, warehouse=lille)
        make_variant(sql, "TEE", stock=5, warehouse=lille)
        await sql.commit()
    return (await do(create_supplier, name="Atelier Brun", lead_time_days=10)).reference


def of(unit_cost: int | None = 400, **units: int) -> list[dict[str, Any]]:
    cost = {} if unit_cost is None else {"unit_cost": unit_cost}
    return [{"sku": sku.replace("_", "-"), "quantity": quantity, **cost} for sku, quantity in units.items()]


async def counts(do: Do, sku: str = "MUG-BLUE") -> tuple[int, int, int]:
    """On hand, damaged and incoming."""
    (line,) = (await do(list_stock, sku=sku)).data
    return line.on_hand, line.damaged, line.incoming


class Cost(NamedTuple):
    cost: Decimal | None
    cost_currency: str | None


async def cost_of(mine: NewShop, sku: str = "MUG-BLUE") -> Decimal | None:
    async with mine.shop.database.transaction(mine.id) as sql:
        query = "select cost, cost_currency from variants where merchant_id = %s and sku = %s"
        (row,) = await sql.rows(query, (mine.id, sku), as_=Cost)
    return row.cost


# ---- suppliers -----------------------------------------------------------------------------------------------------------


async def test_suppliers_are_listed_by_name_country_and_whether_the_shop_buys_from_them(brun: str, do: Do) -> None:
    olaria = await do(create_supplier, name="Olaria do Sul", email="orders@olaria.example", country="PT")
    await do(update_supplier, supplier=olaria.reference, active=False)

    async def listed(**filters: object) -> list[str]:
        return [supplier.name for supplier in (await do(list_suppliers, **filters)).data]

    assert await listed() == ["Atelier Brun", "Olaria do Sul"]
    assert await listed(text="olaria.example") == ["Olaria do Sul"]
    assert await listed(supplier=olaria.reference) == await listed(supplier="olaria do sul") == ["Olaria do Sul"]
    assert await listed(country="PT") == ["Olaria do Sul"]
    assert await listed(active=True) == ["Atelier Brun"]
    first = await do(list_suppliers, limit=1)
    assert [one.name for one in (await do(list_suppliers, after=first.next)).data] == ["Olaria do Sul"]


async def test_who_sells_a_thing_is_whoever_it_was_ordered_from(mine: NewShop, brun: str, do: Do) -> None:
    await do(create_supplier, name="Olaria do Sul")
    await do(create_purchase_order, supplier=brun, lines=of(MUG_BLUE=10))

    async def listed(**filters: object) -> list[str]:
        return [supplier.name for supplier in (await do(list_suppliers, **filters)).data]

    assert await listed(sku="MUG-BLUE") == ["Atelier Brun"]
    assert await listed(product="MUG-BLUE") == ["Atelier Brun"]
    assert await listed(sku="TEE") == []


async def test_a_supplier_is_changed_in_what_was_said_alone(brun: str, do: Do) -> None:
    changed = await do(update_supplier, supplier="atelier brun", lead_time_days=21, phone="+33 4 72 00 10 10")

    assert (changed.name, changed.lead_time_days, changed.phone) == ("Atelier Brun", 21, "+33 4 72 00 10 10")
    with pytest.raises(StaleVersion):
        await do(update_supplier, supplier=brun, name="Brun & fils", version=1)


async def test_an_unknown_supplier_is_told_with_the_nearest(brun: str, do: Do) -> None:
    with pytest.raises(NotFound, match="no supplier Atelier Bruno") as refused:
        await do(update_supplier, supplier="Atelier Bruno", lead_time_days=3)

    assert refused.value.advice == f"The nearest are Atelier Brun ({brun})."


# ---- reorder rules -------------------------------------------------------------------------------------------------------


async def test_a_reorder_rule_says_when_how_much_and_from_whom(brun: str, do: Do) -> None:
    await do(set_reorder_rule, sku="MUG-BLUE", reorder_point=12, reorder_target=40, supplier="Atelier Brun")

    rule = await do(set_reorder_rule, sku="MUG-BLUE", lead_time_days=14)

    assert (rule.reorder_point, rule.reorder_target, rule.supplier, rule.lead_time_days) == (12, 40, brun, 14)
    assert [line.sku for line in (await do(list_stock, state="below_reorder_point")).data] == ["MUG-BLUE"]


async def test_null_takes_a_part_of_the_rule_away(brun: str, do: Do) -> None:
    await do(set_reorder_rule, sku="MUG-BLUE", reorder_point=12, reorder_target=40, supplier=brun)

    rule = await do(set_reorder_rule, sku="MUG-BLUE", reorder_target=None, supplier=None)

    assert (rule.reorder_point, rule.reorder_target, rule.supplier) == (12, None, None)


async def test_a_rule_that_cannot_be_followed_is_refused(mine: NewShop, brun: str, do: Do) -> None:
    await do(set_reorder_rule, sku="MUG-BLUE", reorder_point=12)
    await do(update_supplier, supplier=brun, active=False)
    async with mine.shop.database.transaction(mine.id) as sql:
        make_variant(sql, "EBOOK", tracked=False)
        make_warehouse(sql, code="OLD").active = False
        await sql.commit()

    with pytest.raises(TargetTooLow, match="at 12 units, up to 12"):
        await do(set_reorder_rule, sku="MUG-BLUE", reorder_target=12)
    with pytest.raises(SupplierInactive):
        await do(set_reorder_rule, sku="MUG-BLUE", supplier=brun)
    with pytest.raises(NotTracked):
        await do(set_reorder_rule, sku="EBOOK", reorder_point=1)
    with pytest.raises(WarehouseClosed):
        await do(set_reorder_rule, sku="MUG-BLUE", warehouse="OLD", reorder_point=1)


# ---- ordering ------------------------------------------------------------------------------------------------------------


async def test_what_is_ordered_is_incoming_and_promised_from_its_day_on(mine: NewShop, brun: str, do: Do) -> None:
    ordered = await do(create_purchase_order, supplier=brun, lines=of(420, MUG_BLUE=60))

    assert ordered.status is PurchaseOrderStatus.sent
    assert (ordered.total.amount, ordered.total.currency) == (25_200, "EUR")
    assert ordered.expected_on is not None
    assert await counts(do) == (10, 0, 60)
    promised = await do(check_availability, sku="MUG-BLUE", quantity=70)
    assert (promised.available, promised.earliest) == (10, ordered.expected_on)
    assert await misfits(mine) == {}


async def test_the_rules_lead_time_says_when_an_order_is_expected(brun: str, do: Do) -> None:
    await do(set_reorder_rule, sku="MUG-BLUE", supplier=brun, lead_time_days=30)
    await do(create_purchase_order, supplier=brun, lines=of(420, TEE=6))

    mugs = await do(create_purchase_order, supplier=brun, lines=of(420, MUG_BLUE=60))
    tees = await do(create_purchase_order, supplier=brun, lines=of(420, TEE=6))

    assert mugs.expected_on is not None
    assert tees.expected_on is not None
    assert mugs.expected_on - tees.expected_on == timedelta(days=20)


async def test_an_order_takes_the_cost_from_the_last_delivery(brun: str, do: Do) -> None:
    first = await do(create_purchase_order, supplier=brun, lines=of(420, MUG_BLUE=10))
    await do(receive_purchase_order, purchase_order=first.reference)

    second = await do(create_purchase_order, supplier=brun, lines=of(None, MUG_BLUE=10))

    assert second.lines[0].unit_cost.amount == 420


async def test_goods_are_ordered_from_whom_they_are_bought(mine: NewShop, brun: str, do: Do) -> None:
    await do(create_purchase_order, supplier=brun, lines=of(420, MUG_BLUE=10))

    again = await do(create_purchase_order, lines=of(420, MUG_BLUE=10))
    assert again.supplier == brun

    with pytest.raises(SupplierUnknown, match="from whom TEE would be bought"):
        await do(create_purchase_order, lines=of(420, TEE=10))

    moulin = (await do(create_supplier, name="Moulin", country="FR")).reference
    await do(set_reorder_rule, sku="TEE", supplier=moulin)
    ruled = await do(create_purchase_order, lines=of(420, TEE=10))
    assert ruled.supplier == moulin

    with pytest.raises(SupplierUnknown, match=r"several suppliers: Atelier Brun \(SUP-\d+\), Moulin"):
        await do(create_purchase_order, lines=[*of(420, MUG_BLUE=10), *of(420, TEE=10)])


async def test_an_order_that_cannot_be_is_refused(mine: NewShop, brun: str, do: Do) -> None:
    yesterday = clock.now().date() - timedelta(days=2)
    async with mine.shop.database.transaction(mine.id) as sql:
        make_variant(sql, "EBOOK", tracked=False)
        make_warehouse(sql, code="OLD").active = False
        await sql.commit()

    with pytest.raises(CostUnknown, match="What TEE costs in EUR is not known"):
        await do(create_purchase_order, supplier=brun, lines=of(None, TEE=1))
    with pytest.raises(OrderedTwice):
        await do(create_purchase_order, supplier=brun, lines=[*of(TEE=1), *of(TEE=2)])
    with pytest.raises(DayHasPassed):
        await do(create_purchase_order, supplier=brun, lines=of(TEE=1), expected_on=yesterday)
    with pytest.raises(NotTracked):
        await do(create_purchase_order, supplier=brun, lines=of(EBOOK=1))
    with pytest.raises(WarehouseClosed):
        await do(create_purchase_order, supplier=brun, warehouse="OLD", lines=of(TEE=1))
    await do(update_supplier, supplier=brun, active=False)
    with pytest.raises(SupplierInactive):
        await do(create_purchase_order, supplier=brun, lines=of(TEE=1))


async def test_of_several_warehouses_one_has_to_be_named(mine: NewShop, brun: str, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        make_warehouse(sql, code="LYON", priority=1)
        await sql.commit()

    with pytest.raises(Ambiguous, match="several warehouses"):
        await do(create_purchase_order, supplier=brun, lines=of(TEE=1))


async def test_an_order_waits_for_approval_above_what_its_maker_may_spend(shop: Shop, mine: NewShop, brun: str) -> None:
    manager = mine.caller("manager")
    small, large = of(420, MUG_BLUE=60), of(420, MUG_BLUE=600)

    outcomes = [
        await call(shop, create_purchase_order, {"supplier": brun, "lines": lines}, manager, key=uuid.uuid4().hex)
        for lines in (small, large)
    ]

    assert [outcome.approval is None for outcome in outcomes] == [True, False]


# ---- deliveries ----------------------------------------------------------------------------------------------------------


async def test_an_order_that_came_whole_is_on_hand(mine: NewShop, brun: str, do: Do) -> None:
    ordered = await do(create_purchase_order, supplier=brun, lines=of(MUG_BLUE=60, TEE=20))

    received = await do(receive_purchase_order, purchase_order=ordered.reference)

    assert received.status is PurchaseOrderStatus.received
    assert [(line.received, line.outstanding) for line in received.lines] == [(60, 0), (20, 0)]
    assert await counts(do) == (70, 0, 0)
    movement = (await do(list_stock_movements, sku="TEE")).data[0]
    assert (movement.kind, movement.quantity, movement.subject) == ("receipt", 20, ordered.reference)
    assert await misfits(mine) == {}


async def test_an_order_comes_in_parts_and_what_is_broken_is_set_aside(mine: NewShop, brun: str, do: Do) -> None:
    ordered = await do(create_purchase_order, supplier=brun, lines=of(MUG_BLUE=60, TEE=20))
    came = [{"sku": "MUG-BLUE", "received": 30, "damaged": 4}]

    partly = await do(receive_purchase_order, purchase_order=ordered.reference, lines=came)

    assert partly.status is PurchaseOrderStatus.partially_received
    assert [(line.received, line.damaged, line.outstanding) for line in partly.lines] == [(30, 4, 26), (0, 0, 20)]
    assert await counts(do) == (44, 4, 26)
    wholly = await do(receive_purchase_order, purchase_order=ordered.reference)
    assert wholly.status is PurchaseOrderStatus.received
    assert await counts(do) == (70, 4, 0)
    assert await misfits(mine) == {}


async def test_a_little_more_than_was_ordered_is_taken_and_much_more_is_not(mine: NewShop, brun: str, do: Do) -> None:
    ordered = await do(create_purchase_order, supplier=brun, lines=of(MUG_BLUE=60))

    with pytest.raises(MoreThanOrdered, match=r"it would be 64, and at most 63 are taken \(5 % more than ordered\)"):
        await do(receive_purchase_order, purchase_order=ordered.reference, lines=[{"sku": "MUG-BLUE", "received": 64}])
    received = await do(
        receive_purchase_order, purchase_order=ordered.reference, lines=[{"sku": "MUG-BLUE", "received": 63}]
    )

    assert received.status is PurchaseOrderStatus.received
    assert await counts(do) == (73, 0, 0)
    assert await misfits(mine) == {}


async def test_an_order_of_which_nearly_all_came_is_received(mine: NewShop, brun: str, do: Do) -> None:
    ordered = await do(create_purchase_order, supplier=brun, lines=of(MUG_BLUE=60))

    received = await do(
        receive_purchase_order, purchase_order=ordered.reference, lines=[{"sku": "MUG-BLUE", "received": 57}]
    )

    assert received.status is PurchaseOrderStatus.received
    assert await counts(do) == (67, 0, 0)
    assert await misfits(mine) == {}


async def test_without_tolerance_an_order_waits_for_its_last_unit(brun: str, do: Do) -> None:
    choice = {"key": "inventory.delivery_tolerance_percent", "value": 0, "version": 0}
    await call(do.shop, set_setting, choice, do.caller, key=uuid.uuid4().hex)
    ordered = await do(create_purchase_order, supplier=brun, lines=of(MUG_BLUE=60))

    received = await do(
        receive_purchase_order, purchase_order=ordered.reference, lines=[{"sku": "MUG-BLUE", "received": 59}]
    )

    assert received.status is PurchaseOrderStatus.partially_received
    assert await counts(do) == (69, 0, 1)


async def test_an_order_of_which_no_more_will_come_is_closed(mine: NewShop, brun: str, do: Do) -> None:
    ordered = await do(create_purchase_order, supplier=brun, lines=of(MUG_BLUE=60))
    came = [{"sku": "MUG-BLUE", "received": 20}]

    closed = await do(receive_purchase_order, purchase_order=ordered.reference, lines=came, complete=True)

    assert closed.status is PurchaseOrderStatus.closed
    assert (closed.lines[0].received, closed.lines[0].outstanding) == (20, 0)
    assert await counts(do) == (30, 0, 0)
    assert await misfits(mine) == {}


async def test_only_what_was_ordered_is_received_and_only_once(brun: str, do: Do) -> None:
    ordered = await do(create_purchase_order, supplier=brun, lines=of(MUG_BLUE=6))

    with pytest.raises(NotOrdered, match="brings no TEE") as refused:
        await do(receive_purchase_order, purchase_order=ordered.reference, lines=[{"sku": "TEE", "received": 1}])
    assert refused.value.advice == "It brings MUG-BLUE."
    with pytest.raises(StaleVersion):
        await do(receive_purchase_order, purchase_order=ordered.reference, version=7)
    await do(receive_purchase_order, purchase_order=ordered.reference)
    with pytest.raises(IllegalMove, match="received"):
        await do(receive_purchase_order, purchase_order=ordered.reference)


async def test_a_closed_warehouse_takes_no_delivery(mine: NewShop, brun: str, do: Do) -> None:
    ordered = await do(create_purchase_order, supplier=brun, lines=of(MUG_BLUE=6))
    async with mine.shop.database.transaction(mine.id) as sql:
        (await warehouse_of(sql)).active = False
        await sql.commit()

    with pytest.raises(WarehouseClosed):
        await do(receive_purchase_order, purchase_order=ordered.reference)


async def test_the_card_of_a_whole_delivery_names_its_numbers(shop: Shop, brun: str, owner: Caller, do: Do) -> None:
    ordered = await do(create_purchase_order, supplier=brun, lines=of(MUG_BLUE=6))

    outcome = await call(shop, receive_purchase_order, {"purchase_order": ordered.reference}, owner, preview=True)

    assert outcome.card is not None
    assert outcome.card.arguments["lines"] == [{"sku": "MUG-BLUE", "received": 6}]


async def test_deliveries_at_once_are_booked_one_after_the_other(
    shop: Shop, mine: NewShop, brun: str, owner: Caller, do: Do
) -> None:
    """Four orders of the same two variants, in two sequences of lines: nobody deadlocks, and each cost goes on from the last."""
    lines = [of(300, MUG_BLUE=7, TEE=3), of(500, TEE=5, MUG_BLUE=9)]
    orders = [await do(create_purchase_order, supplier=brun, lines=lines[i % 2]) for i in range(4)]

    answers = await asyncio.gather(
        *(
            call(shop, receive_purchase_order, {"purchase_order": one.reference}, owner, key=uuid.uuid4().hex)
            for one in [*orders, *orders]
        ),
        return_exceptions=True,
    )

    assert sum(isinstance(answer, IllegalMove) for answer in answers) == 4
    assert await counts(do) == (42, 0, 0)
    assert await misfits(mine) == {}


# ---- what a unit costs ---------------------------------------------------------------------------------------------------


async def delivered(do: Do, supplier: str, units: int, cost: int, **more: Any) -> None:
    ordered = await do(create_purchase_order, supplier=supplier, lines=of(cost, MUG_BLUE=units), **more)
    await do(receive_purchase_order, purchase_order=ordered.reference)


async def test_the_average_cost_moves_with_each_delivery(mine: NewShop, brun: str, do: Do) -> None:
    """10 units of unknown cost count as the first delivery's: (10 + 10) at 400, and 20 at 500 after 4 were lost."""
    await delivered(do, brun, 10, 400)
    assert await cost_of(mine) == Decimal(400)
    await do(adjust_stock, sku="MUG-BLUE", delta=-4, reason="lost")

    await delivered(do, brun, 20, 500)

    assert await cost_of(mine) == Decimal("455.5556")  # (16 x 400 + 20 x 500) / 36
    assert await misfits(mine) == {}


async def test_stock_is_not_mixed_of_two_currencies(mine: NewShop, brun: str, do: Do) -> None:
    await delivered(do, brun, 10, 400)

    with pytest.raises(
        CostInAnotherCurrency, match="20 MUG-BLUE on hand were bought in EUR, and these would be in USD"
    ):
        await do(create_purchase_order, supplier=brun, lines=of(500, MUG_BLUE=6), currency="USD")

    await do(adjust_stock, sku="MUG-BLUE", counted=0)
    ordered = await do(create_purchase_order, supplier=brun, lines=of(500, MUG_BLUE=6), currency="USD")
    await do(adjust_stock, sku="MUG-BLUE", delta=2)
    with pytest.raises(CostInAnotherCurrency):
        await do(receive_purchase_order, purchase_order=ordered.reference)
    await do(adjust_stock, sku="MUG-BLUE", counted=0)
    await do(receive_purchase_order, purchase_order=ordered.reference)
    assert await cost_of(mine) == Decimal(500)
    assert await misfits(mine) == {}


# ---- calling off ---------------------------------------------------------------------------------------------------------


async def test_a_cancelled_order_is_no_longer_incoming(mine: NewShop, brun: str, do: Do) -> None:
    ordered = await do(create_purchase_order, supplier=brun, lines=of(MUG_BLUE=60))

    cancelled = await do(cancel_purchase_order, purchase_order=ordered.reference, reason="The kiln broke")

    assert cancelled.status is PurchaseOrderStatus.cancelled
    assert await counts(do) == (10, 0, 0)
    assert await misfits(mine) == {}
    with pytest.raises(IllegalMove):
        await do(cancel_purchase_order, purchase_order=ordered.reference)


async def test_calling_off_the_rest_keeps_what_has_come(mine: NewShop, brun: str, do: Do) -> None:
    ordered = await do(create_purchase_order, supplier=brun, lines=of(MUG_BLUE=60))
    came = [{"sku": "MUG-BLUE", "received": 20}]
    await do(receive_purchase_order, purchase_order=ordered.reference, lines=came)

    with pytest.raises(StaleVersion):
        await do(cancel_purchase_order, purchase_order=ordered.reference, version=1)
    closed = await do(cancel_purchase_order, purchase_order=ordered.reference)

    assert closed.status is PurchaseOrderStatus.closed
    assert await counts(do) == (30, 0, 0)
    assert await misfits(mine) == {}


# ---- reading -------------------------------------------------------------------------------------------------------------


async def test_purchase_orders_are_listed_by_state_supplier_variant_and_day(mine: NewShop, brun: str, do: Do) -> None:
    olaria = (await do(create_supplier, name="Olaria do Sul", lead_time_days=40)).reference
    mugs = (await do(create_purchase_order, supplier=brun, lines=of(MUG_BLUE=60))).reference
    tees = (await do(create_purchase_order, supplier=olaria, lines=of(TEE=6), note="for spring")).reference
    await do(receive_purchase_order, purchase_order=mugs)
    now = clock.now()

    async def listed(**filters: object) -> list[str]:
        return [order.reference for order in (await do(list_purchase_orders, **filters)).data]

    assert await listed() == [tees, mugs]
    assert await listed(status="received") == [mugs]
    assert await listed(open=True) == [tees]
    assert await listed(open=False) == [mugs]
    assert await listed(supplier="olaria do sul") == [tees]
    assert await listed(sku="MUG-BLUE") == [mugs]
    assert await listed(warehouse="WH-1") == [tees, mugs]
    assert await listed(expected_until=now.date() + timedelta(days=20)) == [mugs]
    assert await listed(expected_from=now.date() + timedelta(days=21)) == [tees]
    assert await listed(ordered_from=now - timedelta(hours=1), ordered_until=now + timedelta(hours=1)) == [tees, mugs]
    assert await listed(late=True) == []
    first = await do(list_purchase_orders, limit=1, count=True)
    assert first.total is not None
    assert [(money.amount, money.currency) for money in first.total.sums] == [(26_400, "EUR")]
    assert [order.reference for order in (await do(list_purchase_orders, limit=1, after=first.next)).data] == [mugs]


async def test_an_order_whose_day_has_passed_is_late(mine: NewShop, brun: str, do: Do) -> None:
    ordered = await do(create_purchase_order, supplier=brun, lines=of(MUG_BLUE=60))
    later = Do(Shop(do.shop.database, clock=lambda: clock.now() + timedelta(days=12)), do.caller)

    assert [order.reference for order in (await later(list_purchase_orders, late=True)).data] == [ordered.reference]
    assert (await later(get_purchase_order, purchase_order=ordered.reference)).late
    assert not (await do(get_purchase_order, purchase_order=ordered.reference)).late
