"""The whole conversation without a language model: the embedded planner, the rooms' own tools, a card for every change."""

from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest

from agents.roster import ROSTER
from db import clock
from orchestrator.chat import Chat
from orchestrator.index import read_index
from orchestrator.language_model import open_models
from orchestrator.saver import PooledSaver
from orchestrator.settings import Settings
from orchestrator.supervisor import Supervisor
from planner.choose.index import Index
from tests.conftest import Do
from tests.factories import (
    NewShop,
    make_customer,
    make_order,
    make_promotion,
    make_stock,
    make_variant,
    make_warehouse,
    warehouse_of,
)
from tests.orchestrator.conftest import Talk
from tools import registry
from tools.contract.call import Shop
from tools.flows.create_order import create_order
from tools.inventory.suppliers import create_supplier


@pytest.fixture(scope="session")
def index() -> Index:
    return read_index()


@pytest.fixture
async def talk(shop: Shop, mine: NewShop, saver: PooledSaver, settings: Settings, index: Index) -> AsyncGenerator[Talk]:
    """The owner's conversation, where no key is set."""
    async with open_models(settings, index) as models:
        supervisor = Supervisor(ROSTER, registry.tools(), models, index, saver)
        chat = Chat(shop, supervisor, registry.tools())
        yield Talk(chat, mine.caller("owner"))
        await chat.close()


async def test_a_question_is_answered_and_names_its_specialist_and_tools(talk: Talk) -> None:
    turn = await talk("Which time zone is my shop in?")

    assert turn.answer is not None
    assert "Europe/Paris" in turn.answer
    assert turn.data is not None
    assert [one["tool"] for one in turn.data["tools"]] == ["get_merchant"]
    assert "backoffice" in turn.data["specialists"]
    assert turn.data["model"] == "embedded planner"


async def test_every_change_shows_its_card_first(talk: Talk, shop: Shop, mine: NewShop) -> None:
    async with shop.database.transaction(mine.id) as sql:
        customer = make_customer(sql, "Ana Torres", email="ana@example.com")
        await sql.commit()

    waiting = await talk(f"Change the e-mail of {customer.reference} to ana.torres@example.com")
    unchanged = await talk.count(
        "select count(*) as value from customers where merchant_id = %(m)s and email = 'ana@example.com'"
    )
    await talk.decide(waiting.waits_for[0], "approve")
    turn = await talk.settled(waiting)

    assert unchanged == 1
    assert turn.status == "finished"
    assert turn.data is not None
    assert turn.data["tools"][0]["tool"] == "update_customer"
    changed = "select count(*) as value from customers where merchant_id = %(m)s and email = 'ana.torres@example.com'"
    assert await talk.count(changed) == 1


async def test_a_question_that_it_asks_is_answered_in_the_next_message(talk: Talk, shop: Shop, mine: NewShop) -> None:
    async with shop.database.transaction(mine.id) as sql:
        customer = make_customer(sql, "Ana Torres")
        await sql.commit()

    asked = await talk("Change the e-mail of a customer to ana.torres@example.com")
    answered = await talk(customer.reference)

    assert asked.status == "finished"
    assert asked.data is not None
    assert asked.data["tools"] == []
    assert answered.status == "waiting"


async def test_thanks_are_answered_without_any_tool(talk: Talk) -> None:
    turn = await talk("Thank you very much")

    assert turn.status == "finished"
    assert turn.answer == "You are welcome."
    assert turn.data is not None
    assert turn.data["tools"] == []


async def test_what_is_not_open_yet_is_said_to_be_and_nothing_else_is_shown_for_it(talk: Talk) -> None:
    turn = await talk("Print the packing slip for ORD-1042")

    assert turn.answer
    assert turn.answer.startswith(
        "I understood “Create packing slip” (invoices and documents), which is not open here yet"
    )
    assert "Meanwhile: the order shows all that an invoice says" in turn.answer
    assert turn.data is not None
    assert turn.data["tools"] == []


async def test_what_is_known_of_a_thing_is_shown_where_the_question_itself_is_not_open_yet(
    talk: Talk, shop: Shop, mine: NewShop
) -> None:
    async with shop.database.transaction(mine.id) as sql:
        order = make_order(sql, make_variant(sql))
        await sql.commit()

    turn = await talk(f"Which documents belong to {order.reference}?")

    assert turn.answer
    assert turn.answer.startswith(
        "I understood “List documents” (invoices and documents), which is not open here yet. What is known here:"
    )
    assert order.reference in turn.answer.split("What is known here:")[1]
    assert turn.data is not None
    assert [one["tool"] for one in turn.data["tools"]] == ["get_order"]


async def test_of_a_thing_too_it_is_said_that_the_question_is_not_open_yet(
    talk: Talk, shop: Shop, mine: NewShop
) -> None:
    async with shop.database.transaction(mine.id) as sql:
        order = make_order(sql, make_variant(sql))
        await sql.commit()

    turn = await talk(f"Score {order.reference} for fraud")

    assert turn.answer
    assert turn.answer.startswith("I understood “Assess order” (fraud checks), which is not open here yet")
    assert "Meanwhile: " in turn.answer
    assert turn.data is not None
    assert turn.data["tools"] == []


async def test_who_is_only_called_alike_is_asked_about(talk: Talk, shop: Shop, mine: NewShop) -> None:
    async with shop.database.transaction(mine.id) as sql:
        ana = make_customer(sql, "Ana Torres")
        order = make_order(sql, make_variant(sql), customer=ana)
        await sql.commit()

    asked = await talk("List the orders of Ana Torrez")
    answered = await talk("1")

    assert asked.answer
    assert f"1. {ana.reference}, Ana Torres" in asked.answer
    assert answered.answer
    assert order.reference in answered.answer


async def test_goods_are_found_by_their_name(talk: Talk, shop: Shop, mine: NewShop) -> None:
    async with shop.database.transaction(mine.id) as sql:
        make_variant(sql, "LAMP-OAK", title="Oak table lamp", stock=7, warehouse=await warehouse_of(sql))
        await sql.commit()

    turn = await talk("How many oak table lamps are left?")

    assert turn.answer
    assert turn.answer.startswith("7 of LAMP-OAK are available")


async def test_what_was_narrowed_stays_narrowed(talk: Talk, shop: Shop, mine: NewShop) -> None:
    async with shop.database.transaction(mine.id) as sql:
        for city in ("Lyon", "Lyon", "Nice"):
            make_order(sql, make_variant(sql), placed_at=clock.now() - timedelta(days=1)).ship_city = city
        make_order(sql, make_variant(sql)).ship_city = "Lyon"
        await sql.commit()

    told = [
        await talk(text)
        for text in ("Show me the orders of the last 7 days", "only those to Lyon", "how many are there?")
    ]

    assert [turn.answer.split(" (")[0] for turn in told if turn.answer] == [
        "3 orders",
        "2 orders to Lyon",
        "2 orders to Lyon",
    ]


async def test_a_row_that_was_shown_is_pointed_at(talk: Talk, shop: Shop, mine: NewShop) -> None:
    async with shop.database.transaction(mine.id) as sql:
        for number, (name, city) in enumerate([("Ana Torres", "Lyon"), ("Bo Lind", "Nice")]):
            order = make_order(
                sql,
                make_variant(sql),
                customer=make_customer(sql, name),
                placed_at=clock.now() - timedelta(hours=number),
            )
            order.customer_name, order.ship_city = name, city
        await sql.commit()

    await talk("List the orders")
    second, buyer = await talk("the second one"), await talk("who is the customer?")
    await talk("List the orders")
    in_lyon = await talk("the one in Lyon")

    assert second.answer
    assert "Bo Lind" in second.answer
    assert buyer.answer
    assert "Bo Lind" in buyer.answer
    assert in_lyon.answer
    assert "Ana Torres" in in_lyon.answer


@pytest.mark.parametrize(
    ("asked", "narrowed", "counted"),
    [
        ("quelles commandes ne sont pas payées ?", "seulement celles de Lyon", "combien y en a-t-il ?"),
        ("zeig mir die unbezahlten Bestellungen", "nur die nach Lyon", "wie viele sind es?"),
    ],
)
async def test_a_conversation_goes_on_in_french_and_german(
    talk: Talk, shop: Shop, mine: NewShop, asked: str, narrowed: str, counted: str
) -> None:
    async with shop.database.transaction(mine.id) as sql:
        for city in ("Lyon", "Nice"):
            make_order(sql, make_variant(sql)).ship_city = city
        await sql.commit()

    for text in (asked, narrowed):
        await talk(text)
    turn = await talk(counted)

    assert turn.answer
    assert turn.answer.startswith("1 ")
    assert "Lyon" in turn.answer


async def test_what_cannot_be_narrowed_so_is_said(talk: Talk) -> None:
    await talk("What is running low?")
    turn = await talk("only for the French")

    assert turn.answer
    assert turn.answer.startswith("I cannot narrow down what was shown by “only for the French”; nothing was done.")


async def test_what_it_is_has_to_be_known(talk: Talk) -> None:
    turn = await talk("where is it?")

    assert turn.answer == "Which one do you mean? Name it by its number, its SKU or its name; nothing was done."


async def test_nothing_is_changed_for_a_request_that_only_the_reader_or_the_head_takes_for_a_change(talk: Talk) -> None:
    turn = await talk("she is really angry about ORD-1042, get me somebody in charge")

    assert turn.waits_for == []


async def test_what_only_people_do_is_left_to_them(talk: Talk) -> None:
    turn = await talk("Create an API key for the warehouse scanner")

    assert turn.answer
    assert "done by people themselves" in turn.answer


async def test_a_wish_that_is_not_open_yet_is_told_beside_one_that_is(talk: Talk) -> None:
    turn = await talk("Print the packing slip for ORD-1042 and show me what is running low")

    assert turn.answer
    assert "“Create packing slip” (invoices and documents), which is not open here yet" in turn.answer
    assert turn.data is not None
    assert [one["tool"] for one in turn.data["tools"]] == ["low_stock_products"]


async def test_a_greeting_is_answered_from_what_waits_in_the_shop_today(talk: Talk) -> None:
    turn = await talk("hello")

    assert turn.answer is not None
    assert turn.answer.startswith("Hello. Today you could ask")
    assert "Today so far" in turn.answer or "Last 7 days: 0 orders" in turn.answer
    assert turn.data is not None
    assert {one["tool"] for one in turn.data["tools"]} == {"list_approvals", "order_kpis", "low_stock_products"}


async def test_a_supplier_that_is_named_decides_which_list_is_meant(talk: Talk, do: Do) -> None:
    await do(create_supplier, name="Atelier Brume")

    turn = await talk("what's late from atelier brume?")

    assert turn.data is not None
    assert turn.data["tools"][-1]["tool"] == "list_purchase_orders"
    assert turn.data["tools"][-1]["arguments"] == {"late": True, "supplier": "SUP-1001", "count": True}


async def test_what_somebody_bought_last_is_one_order(talk: Talk, shop: Shop, mine: NewShop) -> None:
    async with shop.database.transaction(mine.id) as sql:
        ana, mug = make_customer(sql, "Ana Torres"), make_variant(sql)
        _, last = [make_order(sql, mug, customer=ana) for _ in range(2)]
        await sql.commit()

    turn = await talk("what did Ana Torres order last?")

    assert turn.answer
    assert turn.answer.startswith(f"{last.reference} is unpaid and not shipped.")
    assert f"The newest: 1 order of {ana.reference}." in turn.answer


async def test_beside_what_is_not_open_the_nearest_report_is_shown(talk: Talk) -> None:
    turn = await talk("are our refunds unusually high this week?")

    assert turn.answer
    assert turn.answer.startswith("I understood “Detect anomalies” (risks and anomalies), which is not open here yet.")
    assert turn.data is not None
    assert turn.data["tools"][-1]["tool"] == "refund_report"


async def test_a_variant_is_taken_off_sale_without_a_version(talk: Talk, shop: Shop, mine: NewShop) -> None:
    async with shop.database.transaction(mine.id) as sql:
        make_variant(sql, "SCARF-GREY", title="Wool scarf")
        await sql.commit()

    waiting = await talk("do not sell SCARF-GREY any more")
    await talk.decide(waiting.waits_for[0], "approve")
    turn = await talk.settled(waiting)

    assert turn.status == "finished"
    hidden = "select count(*) as value from variants where merchant_id = %(m)s and not sellable"
    assert await talk.count(hidden) == 1


async def test_an_order_is_found_by_whose_it_is_and_where_they_live_though_others_are_called_so(
    talk: Talk, shop: Shop, mine: NewShop, do: Do
) -> None:
    async with shop.database.transaction(mine.id) as sql:
        ana, _ = (make_customer(sql, name, city="Lyon") for name in ("Ana Goncalves", "Rui Gonçalves"))
        make_variant(sql, "MUG-BLUE", stock=5, warehouse=await warehouse_of(sql))
        await sql.commit()
    placed = await do(create_order, customer=ana.reference, lines=[{"sku": "MUG-BLUE", "quantity": 1}])

    turn = await talk("cancel the order of Gonçalves in Lyon, she does not want it any more")

    await talk.decide(turn.waits_for[0], "approve")
    await talk.settled(turn)

    cancelled = (
        "select count(*) as value from orders where merchant_id = %(m)s and reference = %(o)s and status = 'cancelled'"
    )
    assert await talk.count(cancelled, o=placed.reference) == 1


async def test_what_finds_no_place_in_a_change_stands_on_its_card(talk: Talk, shop: Shop, mine: NewShop) -> None:
    async with shop.database.transaction(mine.id) as sql:
        customer = make_customer(sql, "Fiona Hughes")
        await sql.commit()

    turn = await talk("erase Fiona Hughes, gdpr. deadline is friday")

    card = await talk.card(turn)
    assert card["card"]["arguments"] == {"customer": customer.reference}
    assert "I have no place in it for “friday”" in card["why"]


async def test_a_figure_that_finds_no_place_is_asked_about_before_a_card(talk: Talk, shop: Shop, mine: NewShop) -> None:
    async with shop.database.transaction(mine.id) as sql:
        order = make_order(sql)
        await sql.commit()

    turn = await talk(f"refund {order.reference} but only 10%")

    assert (turn.status, turn.waits_for) == ("finished", [])
    assert "10%" in (turn.answer or "")


async def test_the_only_order_of_several_of_one_name_is_found_without_asking_who(
    talk: Talk, shop: Shop, mine: NewShop, do: Do
) -> None:
    async with shop.database.transaction(mine.id) as sql:
        lena, _ = (make_customer(sql, "Lena Krüger", city=city) for city in ("Leipzig", "Stuttgart"))
        make_variant(sql, "MUG-BLUE", stock=5, warehouse=await warehouse_of(sql))
        await sql.commit()
    order = await do(create_order, customer=lena.reference, lines=[{"sku": "MUG-BLUE", "quantity": 1}])

    turn = await talk("storniere bitte die Bestellung von Lena Krüger")

    card = await talk.card(turn)
    assert card["card"]["arguments"]["order"] == order.reference


async def test_an_order_is_told_by_what_is_in_it_beside_whose_it_is(talk: Talk, shop: Shop, mine: NewShop) -> None:
    async with shop.database.transaction(mine.id) as sql:
        noah = make_customer(sql, "Noah Visser")
        duvet, lamp = make_variant(sql, title="Wool duvet"), make_variant(sql, title="Table lamp")
        order, _ = (make_order(sql, variant, customer=noah) for variant in (duvet, lamp))
        await sql.commit()

    turn = await talk("Cancel the duvet order of Noah Visser, he will not pay")

    card = await talk.card(turn)
    assert card["card"]["arguments"]["order"] == order.reference


async def test_a_promotion_is_found_by_its_name_though_that_is_made_of_everyday_words(
    talk: Talk, shop: Shop, mine: NewShop
) -> None:
    async with shop.database.transaction(mine.id) as sql:
        make_variant(sql, title="Sencha tea")
        promotion = make_promotion(sql, name="Tea time")
        await sql.commit()

    turn = await talk("stop the tea time discount, it is costing us")

    card = await talk.card(turn)
    assert card["card"]["arguments"]["promotion"] == promotion.reference


async def test_of_two_warehouses_the_one_that_is_not_said_is_asked_for_and_named(
    talk: Talk, shop: Shop, mine: NewShop
) -> None:
    async with shop.database.transaction(mine.id) as sql:
        north, south, home = make_warehouse(sql), make_warehouse(sql), await warehouse_of(sql)
        lamp = make_variant(sql, "LAMP", title="Table lamp", stock=20, warehouse=home)
        for place in (north, south):
            make_stock(sql, lamp, place.id, 12)
        await sql.commit()

    answer = (await talk(f"send 10 table lamps to {north.reference}")).answer or ""

    assert "Which warehouse (from) is it?" in answer
    assert south.reference in answer
    assert home.reference in answer
    assert north.reference not in answer


async def test_no_customer_is_made_of_one_whom_the_shop_knows(talk: Talk, shop: Shop, mine: NewShop) -> None:
    async with shop.database.transaction(mine.id) as sql:
        ruben = make_customer(sql, "Ruben Lambert", city="Bruxelles")
        make_order(sql, customer=ruben)
        await sql.commit()

    turn = await talk("Ruben Lambert in Bruxelles, what did he order last?")

    assert (turn.status, turn.waits_for) == ("finished", [])
    assert turn.data is not None
    assert "create_customer" not in [one["tool"] for one in turn.data["tools"]]


async def test_what_would_be_shown_meanwhile_is_not_told_of_where_it_does_not_exist(talk: Talk) -> None:
    answer = (await talk("send me the invoice of order 99999 as pdf")).answer or ""

    assert "is not open here yet, so nothing was done about it" in answer
    assert "did not work" not in answer


async def test_whether_somebody_has_paid_is_shown_and_no_condition(
    talk: Talk, do: Do, shop: Shop, mine: NewShop
) -> None:
    async with shop.database.transaction(mine.id) as sql:
        bauer = make_customer(sql, "Stefan Bauer", city="Stuttgart")
        make_variant(sql, "MUG-BLUE", stock=5, warehouse=await warehouse_of(sql))
        await sql.commit()
    order = await do(create_order, customer=bauer.reference, lines=[{"sku": "MUG-BLUE", "quantity": 1}])

    answer = (await talk("has Bauer from Stuttgart paid already?")).answer or ""

    assert order.reference in answer
    assert "unpaid" in answer


async def test_a_figure_is_corrected_while_it_is_still_asked_from_where(talk: Talk, shop: Shop, mine: NewShop) -> None:
    async with shop.database.transaction(mine.id) as sql:
        north, south, home = make_warehouse(sql), make_warehouse(sql), await warehouse_of(sql)
        lamp = make_variant(sql, "LAMP", title="Table lamp", stock=40, warehouse=home)
        make_stock(sql, lamp, south.id, 40)
        await sql.commit()

    await talk(f"send 15 table lamps to {north.reference}")
    again = await talk("make it 20 sorry")
    turn = await talk(home.reference)

    card = await talk.card(turn)
    assert "Which warehouse (from) is it?" in (again.answer or "")
    assert [line["quantity"] for line in card["card"]["arguments"]["lines"]] == [20]
