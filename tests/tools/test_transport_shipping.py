"""An order leaves: stock, label, number and the order's own counts at once; and a label that nobody used is taken back."""

import asyncio
import re
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from reportlab.graphics.barcode import code128  # pyrefly: ignore[untyped-import]  # it carries no types

from db.parcel_numbers import is_parcel_number, parcel_number
from tests.aftermath import make_shipment
from tests.carriers import COLIVIA, NORDLINK, sold, with_carriers
from tests.conftest import Do
from tests.factories import NewShop, make_order, make_variant
from tests.tools.misfits import misfits
from tools.contract.call import call
from tools.contract.errors import Ambiguous, IllegalMove, ShopError, StaleVersion
from tools.flows.cancel_shipment import LabelUsed, cancel_shipment
from tools.flows.ship_order import (
    MoreThanLeft,
    NothingToShip,
    NotOnTheOrder,
    OrderNotConfirmed,
    SeveralWarehouses,
    create_shipment,
)
from tools.inventory.levels import list_stock
from tools.orders.detail import get_order
from tools.orders.holds import hold_order
from tools.orders.status import set_order_status
from tools.rules.standing import OrderClosed, OrderOnHold
from tools.transport.carriers import CarrierInactive, remove_carrier
from tools.transport.labels import Label, latin, pdf, zpl
from tools.transport.papers import NoLabel, get_shipping_label
from tools.transport.quotes import DestinationUnknown, NoWayToSend, quote_rates
from tools.transport.shipments import get_shipment, list_shipments


async def counts(do: Do, sku: str) -> list[tuple[int, int]]:
    """On hand and reserved, by warehouse."""
    return sorted((line.on_hand, line.reserved) for line in (await do(list_stock, sku=sku)).data)


async def test_an_order_leaves_from_each_warehouse_that_holds_some_of_it(mine: NewShop, do: Do) -> None:
    await with_carriers(mine, COLIVIA)
    order = await sold(mine)

    shipped = await do(create_shipment, order=order)

    assert shipped.fulfilment_state == "fulfilled"
    assert [[(line.sku, line.quantity) for line in one.lines] for one in shipped.shipments] == [
        [("MUG-BLUE", 3), ("ENGRAVING", 1)],
        [("BOWL", 1)],
    ]
    first, second = shipped.shipments
    assert first.weight_grams == 3 * 350 + 350 + 150
    assert (first.cost and first.cost.amount, second.cost and second.cost.amount) == (550, 550)
    assert first.charges[1].name == "fuel"
    assert is_parcel_number(first.tracking_number or "")
    assert first.tracking_number != second.tracking_number
    assert await counts(do, "MUG-BLUE") == [(5, 0)]
    assert await counts(do, "BOWL") == [(0, 0), (4, 0)]
    assert (await do(get_order, order=order)).promised_on is not None
    assert await misfits(mine) == {}


async def test_a_part_leaves_and_the_rest_stays_held(mine: NewShop, do: Do) -> None:
    await with_carriers(mine, COLIVIA, NORDLINK)
    order = await sold(mine)
    part = [{"sku": "mug-blue", "quantity": 2}]

    preview = await do.outcome(create_shipment, preview=True, order=order, lines=part, by="cheapest")
    shipped = await do(create_shipment, order=order, lines=part, by="cheapest")

    assert preview.card is not None
    assert re.search(r"2 MUG-BLUE of ORD-\d+ of Ana Torres leave Warehouse MAIN", preview.card.sentences[0])
    assert "with Nordlink Europe for 5.40 EUR" in preview.card.sentences[0]
    assert "stay, to be shipped later" in preview.card.sentences[1]
    assert (shipped.fulfilment_state, shipped.units_left) == ("partly_fulfilled", 3)
    assert await counts(do, "MUG-BLUE") == [(6, 1)]
    with pytest.raises(MoreThanLeft, match=r"2 MUG-BLUE of .* were to be shipped, and 1 have not left yet"):
        await do(create_shipment, order=order, lines=part)
    assert await misfits(mine) == {}


async def test_what_waits_for_a_delivery_stays(mine: NewShop, do: Do) -> None:
    await with_carriers(mine)
    order = await sold(mine, {"sku": "BOWL", "quantity": 4}, bowls=1)

    with pytest.raises(MoreThanLeft, match=r"3 BOWL of .* are not held"):
        await do(create_shipment, order=order, lines=[{"sku": "BOWL", "quantity": 4}])
    shipped = await do(create_shipment, order=order)
    with pytest.raises(NothingToShip, match="3 BOWL are not held"):
        await do(create_shipment, order=order)

    assert [line.quantity for line in shipped.shipments[0].lines] == [1]
    assert await misfits(mine) == {}


async def test_what_may_not_or_cannot_leave_is_refused(mine: NewShop, do: Do) -> None:
    order = await sold(mine)
    with pytest.raises(NoWayToSend, match="the shop has no carrier with prices"):
        await do(create_shipment, order=order)
    await with_carriers(mine, COLIVIA, NORDLINK)
    with pytest.raises(NotOnTheOrder, match="has no SKU-"):
        await do(create_shipment, order=order, lines=[{"sku": await another(mine), "quantity": 1}])
    with pytest.raises(SeveralWarehouses):
        await do(create_shipment, order=order, parcels=[{"weight_grams": 900}])
    with pytest.raises(NoWayToSend, match="Colivia Express takes 10 kg at most"):
        await do(
            create_shipment,
            order=order,
            warehouse="WH-1",
            carrier="colivia",
            service="express",
            parcels=[{"weight_grams": 11_000}],
        )
    with pytest.raises(StaleVersion):
        await do(create_shipment, order=order, version=1)
    first = await do(create_shipment, order=order, lines=[{"sku": "BOWL", "quantity": 1}], carrier="nordlink")
    await do(remove_carrier, carrier="nordlink")
    with pytest.raises(CarrierInactive):
        await do(create_shipment, order=order, carrier="nordlink")
    assert (await do(get_shipment, shipment=first.shipments[0].reference)).carrier == "Nordlink"
    await do(hold_order, order=order, reason="address_check")
    with pytest.raises(OrderOnHold, match="is on hold"):
        await do(create_shipment, order=order)


async def another(mine: NewShop) -> str:
    async with mine.shop.database.transaction(mine.id) as sql:
        variant = make_variant(sql)
        await sql.commit()
    return variant.sku


async def test_only_a_confirmed_order_with_an_address_is_shipped(mine: NewShop, do: Do) -> None:
    await with_carriers(mine)
    order = await sold(mine)
    async with mine.shop.database.transaction(mine.id) as sql:
        await sql.execute("update orders set ship_country = null where merchant_id = %s", (mine.id,))
        await sql.commit()
    with pytest.raises(DestinationUnknown):
        await do(create_shipment, order=order)
    with pytest.raises(DestinationUnknown):
        await do(quote_rates, order=order)

    by_hand = await do(create_shipment, order=order, tracking_number="1z 999 aa1", carrier="colivia")

    assert {one.tracking_number for one in by_hand.shipments} == {"1Z999AA1"}
    assert by_hand.shipments[0].cost is None
    with pytest.raises(Ambiguous):
        await do(get_shipment, shipment="1Z999AA1")
    with pytest.raises(NoLabel, match="not bought here"):
        await do(get_shipping_label, shipment=by_hand.shipments[0].reference)
    await do(set_order_status, order=order, status="completed")
    with pytest.raises(OrderNotConfirmed, match="is completed"):
        await do(create_shipment, order=order)
    with pytest.raises(OrderClosed):
        await do(cancel_shipment, shipment=by_hand.shipments[0].reference)


async def test_an_unused_label_is_voided_and_its_units_are_held_again(mine: NewShop, do: Do) -> None:
    await with_carriers(mine)
    order = await sold(mine)
    first, _ = (await do(create_shipment, order=order)).shipments

    voided = await do(cancel_shipment, shipment=first.tracking_number or "")

    assert (voided.status, voided.units_back, voided.fulfilment_state) == ("voided", 4, "partly_fulfilled")
    assert voided.cost_saved is not None
    assert await counts(do, "MUG-BLUE") == [(8, 3)]
    assert await misfits(mine) == {}
    with pytest.raises(NoLabel, match="is void"):
        await do(get_shipping_label, shipment=first.reference)
    with pytest.raises(IllegalMove):
        await do(cancel_shipment, shipment=first.reference)
    again = await do(create_shipment, order=order)
    assert again.fulfilment_state == "fulfilled"
    assert [one.reference for one in (await do(list_shipments, order=order, status=["voided"])).data] == [
        first.reference
    ]
    over, going = (await do(list_shipments, open=False)).data, (await do(list_shipments, open=True)).data
    assert [one.reference for one in over] == [first.reference]
    assert len(going) > 1
    assert {one.order for one in going} == {order}
    town, elsewhere = str(going[0].to_city).upper(), await do(list_shipments, city="Nowhere")
    assert (len((await do(list_shipments, city=town)).data), elsewhere.data) == (len(over) + len(going), [])
    assert await misfits(mine) == {}


@pytest.mark.parametrize("looked_up", [2_000, 0])
async def test_a_parcel_goes_where_its_label_says_or_else_where_its_order_goes(
    mine: NewShop, do: Do, monkeypatch: pytest.MonkeyPatch, looked_up: int
) -> None:
    """Whether few go there, and are looked up, or too many, and are looked for along the list."""
    monkeypatch.setattr("tools.transport.shipments.MOST_LOOKED_UP", looked_up)
    async with mine.shop.database.transaction(mine.id) as sql:
        labelled, plain = make_order(sql), make_order(sql)
        labelled.ship_city, labelled.ship_country = plain.ship_city, plain.ship_country = "Besançon", "FR"
        await sql.session.flush()
        parcel = await make_shipment(sql, labelled.reference)
        parcel.ship_to = {"city": "Zürich", "country": "CH"}
        silent = await make_shipment(sql, plain.reference)
        await sql.commit()

    async def to(**place: str) -> list[str]:
        return [one.reference for one in (await do(list_shipments, **place)).data]

    assert (
        await to(city="zurich") == await to(country="CH") == await to(city="Zürich", country="CH") == [parcel.reference]
    )
    assert await to(city="besancon") == await to(country="FR") == [silent.reference]
    assert await to(city="Zürich", country="FR") == await to(city="Lyon") == await to(country="DE") == []


async def test_whom_a_parcel_is_for_is_told_to_those_who_may_see_it(mine: NewShop, do: Do) -> None:
    await with_carriers(mine)
    first, *_ = (await do(create_shipment, order=await sold(mine))).shipments
    packer, program = Do(mine.shop, mine.caller("warehouse")), Do(mine.shop, await mine.key(scopes=["transport:read"]))

    told = {one.customer_name for one in (await packer(list_shipments)).data}
    untold = {one.customer_name for one in (await program(list_shipments)).data}

    assert (await do(get_shipment, shipment=first.reference)).customer_name in told
    assert None not in told
    assert untold == {None}


async def test_a_label_that_was_scanned_is_used(mine: NewShop, do: Do) -> None:
    await with_carriers(mine)
    first, _ = (await do(create_shipment, order=await sold(mine))).shipments
    async with mine.shop.database.transaction(mine.id) as sql:
        query = """
            insert into tracking_events (merchant_id, id, fulfilment_id, code, occurred_at, created_at)
            select merchant_id, gen_random_uuid(), id, 'picked_up', created_at, created_at from fulfilments
            where merchant_id = %s and reference = %s
        """
        await sql.execute(query, (mine.id, first.reference))
        await sql.commit()

    with pytest.raises(LabelUsed, match="picked up"):
        await do(cancel_shipment, shipment=first.reference)


async def test_a_label_whose_goods_have_come_back_is_used_though_nobody_scanned_it(mine: NewShop, do: Do) -> None:
    await with_carriers(mine)
    first, _ = (await do(create_shipment, order=await sold(mine))).shipments
    async with mine.shop.database.transaction(mine.id) as sql:
        await sql.execute(
            "update order_lines set returned = 1 where merchant_id = %s and sku = 'ENGRAVING'", (mine.id,)
        )
        await sql.execute(
            "update orders set units_returned = 1 where merchant_id = %s and units_fulfilled > 0", (mine.id,)
        )
        await sql.commit()

    with pytest.raises(LabelUsed, match="brought ENGRAVING, of which units have come back"):
        await do(cancel_shipment, shipment=first.reference)


async def test_of_ten_who_ship_the_same_order_one_ships_it(mine: NewShop, do: Do) -> None:
    await with_carriers(mine)
    order = await sold(mine)

    async def ship(number: int) -> bool:
        try:
            await call(
                mine.shop, create_shipment, {"order": order}, mine.caller("owner"), key=f"ship-{number}", wait=True
            )
        except ShopError:
            return False
        return True

    assert sum(await asyncio.gather(*(ship(number) for number in range(10)))) == 1
    assert await misfits(mine) == {}


# ---- numbers and labels --------------------------------------------------------------------------------------------------


def test_a_number_that_was_typed_wrong_is_seen() -> None:
    number = parcel_number("RR", 47312482, "SE")

    assert number == "RR473124829SE"  # the example of the standard, UPU S10
    assert is_parcel_number("rr 4731 2482 9 se")
    assert not is_parcel_number("RR473124819SE")


LABEL = Label(
    carrier="Colivia", service="home", number="CO100010014FR", sender=["Test Shop", "1 rue du Quai", "59000 Lille", "FR"],
    receiver=["Łukasz ^XZ~JR Wójcik", "5 rue des Lilas", "69001 Lyon", "FR"], weights=[1_800, 900], shipment="SHP-1001",
    order="ORD-1001", shipped_at=datetime(2026, 11, 23, tzinfo=UTC),
)  # fmt: skip


def test_a_thermal_label_has_the_barcode_and_no_command_of_a_strangers() -> None:
    printed = zpl(LABEL)

    assert printed.count("^XA") == printed.count("^XZ") == len(LABEL.weights)
    assert printed.count("^BCN,220,N,N,N,A^FDCO100010014FR^FS") == 2
    assert "~JR" not in printed
    assert "Łukasz XZ JR Wójcik" in printed
    assert "2 / 2" in printed


def test_a_printed_label_has_the_number_in_code_128_and_for_people() -> None:
    printed = pdf(LABEL)

    assert printed == pdf(LABEL)
    assert printed.startswith(b"%PDF-")
    assert printed.count(b"(CO 1000 1001 4 FR) Tj") == 2
    assert bars(printed) == "CO100010014FR"
    assert latin("Łódź 東") == "Lódz ?"


def bars(printed: bytes) -> str:
    """What a scanner reads from the first page: the widths of bars and gaps as they are drawn, after ISO/IEC 15417."""
    page = printed[: printed.index(b"endstream")].decode("latin-1")
    drawn = [(float(x), float(width)) for x, width in re.findall(r"n ([\d.]+) [-\d.]+ ([\d.]+) 78 re", page)]
    module = min(width for _, width in drawn)
    edges = [edge for x, width in drawn for edge in (x, x + width)]
    widths = [round((after - before) / module) for before, after in pairwise(edges)]
    patterns: dict[int, str] = vars(code128)["_patterns"]
    symbols = {tuple(ord(sign.lower()) - 96 for sign in pattern): value for value, pattern in patterns.items()}
    values = [symbols[tuple(widths[start : start + 6])] for start in range(0, len(widths) - 7, 6)]
    *content, check = values
    assert check == (content[0] + sum(place * value for place, value in enumerate(content))) % 103
    text, pairs = "", False
    for value in content[1:]:
        if value in (99, 100):
            pairs = value == 99
        else:
            text += f"{value:02d}" if pairs else chr(value + 32)
    return text
