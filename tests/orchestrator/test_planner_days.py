"""Turns as they come in a shop's day: records told by their numbers, changes that are corrected, what is asked of two at once."""

from typing import Any

import pytest
from sqlalchemy import select, update

from db.models.orders import Order
from db.models.products import Variant
from tests.conftest import Do
from tests.factories import (
    NewShop,
    make_customer,
    make_promotion,
    make_stock,
    make_variant,
    make_warehouse,
    warehouse_of,
)
from tests.orchestrator.conftest import Talk
from tests.orchestrator.test_planner_chat import index, talk
from tests.orchestrator.test_planner_everyday import held
from tests.tools.till import LYON, bought, stocked, writing
from tools.flows.create_order import create_order
from tools.products.creation import create_product

_ = (index, talk)


def calls(turn: Any) -> list[tuple[str, dict[str, Any]]]:
    """What a turn called, but for the names that it asked the shop for; that all rows of a list are counted goes without saying."""
    told = [(one["tool"], one["arguments"]) for one in turn.data["tools"] if one["tool"] != "search_shop"]
    return [(name, {key: value for key, value in args.items() if key != "count"}) for name, args in told]


async def buyer_of(mine: NewShop, name: str) -> str:
    """Somebody who buys, by reference."""
    async with writing(mine) as sql:
        return make_customer(sql, name).reference


async def lying(mine: NewShop, *skus: str) -> None:
    """Five of each variant in the first warehouse."""
    async with writing(mine) as sql:
        for variant in (await sql.session.scalars(select(Variant).where(Variant.sku.in_(skus)))).all():
            make_stock(sql, variant, (await warehouse_of(sql)).id, 5)


async def throws(do: Do, *colours: str) -> None:
    """A wool throw in these colours."""
    variants = [{"sku": f"THROW-{colour.upper()}", "price": 8_990, "options": {"Colour": colour}} for colour in colours]
    await do(create_product, title="Wool throw", variants=variants, on_sale=True)


async def test_a_record_that_was_shown_is_told_by_its_number_alone(talk: Talk, do: Do, mine: NewShop) -> None:
    order, _other = await held(do, mine, "Ana Torres", "Ben Ode")
    await talk("show the orders")

    turn = await talk(f"who bought {order.partition('-')[2]}?")

    assert calls(turn) == [("get_order", {"order": order})]


async def test_what_is_told_otherwise_is_told_of_the_same_time(talk: Talk) -> None:
    _, said = calls(await talk("sales last week?"))[0]

    turn = await talk("split by country")

    assert calls(turn) == [("sales_report", {**said, "group_by": "country"})]


async def test_two_countries_are_each_told_and_not_one_against_the_other(talk: Talk) -> None:
    await talk("sales last week by country")

    turn = await talk("only Germany and Austria")

    assert [said["country"] for _, said in calls(turn)] == ["DE", "AT"]
    assert turn.answer is not None
    assert "To DE" in turn.answer
    assert "To AT" in turn.answer


async def test_the_same_week_last_year_begins_on_a_monday_too(talk: Talk) -> None:
    (_, said), *_ = calls(await talk("sales last week?"))

    turn = await talk("vs same week last year")

    before = next(told for _, told in calls(turn) if told != said)
    assert before["placed_from"][:4] < said["placed_from"][:4]
    assert before["placed_from"][10:] == said["placed_from"][10:]
    assert len(calls(turn)) == 2


async def test_a_shade_is_found_by_the_colour_that_everybody_says(talk: Talk, do: Do) -> None:
    await throws(do, "Forest", "Ochre", "Rust")

    card = (await talk.card(await talk("put the forest green wool throw to 79.90")))["card"]

    assert "THROW-FOREST" in card["sentences"][0]


async def test_a_change_of_one_becomes_one_of_all_where_all_are_meant(talk: Talk, do: Do) -> None:
    await throws(do, "Forest", "Ochre")
    first = await talk("put the forest wool throw to 79.90")
    await talk.decide(first.waits_for[0], "reject", reason="not so")

    card = (await talk.card(await talk("no wait all the wool throws")))["card"]

    assert "2 variants" in " ".join(card["sentences"])
    assert "79.90" in " ".join(card["sentences"])


async def test_both_that_are_named_are_meant(talk: Talk, do: Do) -> None:
    await throws(do, "Oak", "Walnut")

    card = (await talk.card(await talk("wool throw to 79.90, oak and walnut")))["card"]

    assert "THROW-OAK" in " ".join(card["sentences"])
    assert "THROW-WALNUT" in " ".join(card["sentences"])


async def test_who_was_named_by_mistake_is_left_out_though_the_other_lives_there_also(
    talk: Talk, mine: NewShop
) -> None:
    async with writing(mine) as sql:
        wrong, meant = make_customer(sql, "Marie Dupont"), make_customer(sql, "Marie Willems")
    first = await talk("give Marie Dupont 200 loyalty points, goodwill")
    await talk.decide(first.waits_for[0], "reject", reason="not so")

    card = (await talk.card(await talk("attends je me suis trompée c'est Marie Willems, aussi à Gand")))["card"]

    assert meant.reference in card["sentences"][0]
    assert wrong.reference not in card["sentences"][0]


async def test_what_was_made_is_changed_by_its_update_and_a_further_sentence_changes_the_same(
    talk: Talk, mine: NewShop
) -> None:
    first = await talk("new code XMAS15, 15 percent off everything until 24 december")
    await talk.decide(first.waits_for[0], "approve")

    turn = await talk("make that 10 percent. and then call it Advent")

    assert (await talk.card(turn))["card"]["tool"] == "update_promotion"
    assert "10 %" in " ".join((await talk.card(turn))["card"]["sentences"])


@pytest.mark.parametrize("text", ["can we extend TEATIME5?", "how many times can one use TEATIME5"])
async def test_what_is_asked_about_a_thing_shows_it_and_does_not_ask_what_should_change(
    talk: Talk, mine: NewShop, text: str
) -> None:
    async with writing(mine) as sql:
        make_promotion(sql, "TEATIME5")

    turn = await talk(text)

    assert turn.answer is not None
    assert "TEATIME5" in turn.answer
    assert "What should change" not in turn.answer


async def test_a_note_is_what_was_said_before_it(talk: Talk, do: Do, mine: NewShop) -> None:
    order, *_ = await held(do, mine, "Ana Torres")
    await talk(f"show {order}")

    card = (await talk.card(await talk("she says the transfer comes on wednesday, put that as a note on it")))["card"]

    assert "“the transfer comes on wednesday”" in card["sentences"][0]


async def test_nobody_is_searched_for_among_goods(talk: Talk, do: Do, mine: NewShop) -> None:
    await held(do, mine, "Ana Torres")
    await stocked(mine, "POT-WHITE")

    (name, said), *_ = calls(await talk("how many POT-WHITE do we have for Ana Torres"))

    assert (name, said.get("text")) == ("list_stock", None)


async def test_goods_that_only_begin_as_something_said_in_passing_are_not_what_was_asked_about(
    talk: Talk, mine: NewShop
) -> None:
    async with writing(mine) as sql:
        make_variant(sql, "BOX-LUNCH", title="Lunch box")

    turn = await talk("Which supplier orders are overdue? Want to ring them before they all disappear for lunch")

    assert calls(turn)[-1] == ("list_purchase_orders", {"late": True})


async def test_a_promotion_is_named_in_one_sentence_and_changed_in_the_next(talk: Talk, mine: NewShop) -> None:
    async with writing(mine) as sql:
        promotion = make_promotion(sql, "SPRING10", percent=10, name="Spring cleaning").reference

    card = (
        await talk.card(await talk("We need Spring cleaning longer. Can you let the promotion run until 24 December"))
    )["card"]

    assert promotion in " ".join(card["sentences"])


async def test_an_order_is_found_by_its_buyer_where_what_was_said_of_it_is_not_so(
    talk: Talk, do: Do, mine: NewShop
) -> None:
    order, *_ = await held(do, mine, "Ana Torres")
    async with writing(mine) as sql:
        make_variant(sql, "SOFA", title="Velvet sofa")

    card = (await talk.card(await talk("take the velvet sofa order of Ana Torres off hold")))["card"]

    assert order in card["sentences"][0]


async def test_of_what_lies_in_several_places_a_place_alone_narrows(talk: Talk, mine: NewShop) -> None:
    apron = await stocked(mine, "APRON-NAVY", 9)
    async with writing(mine) as sql:
        other = make_warehouse(sql)
        other.name = "Lille"
        make_stock(sql, apron, other.id, 4)
    await talk("how many APRON-NAVY do we have?")

    turn = await talk("and lille?")

    assert calls(turn)[0][1]["warehouse"] == "Lille"


async def test_the_other_one_is_never_the_one_that_was_just_shown(talk: Talk, do: Do, mine: NewShop) -> None:
    orders = await held(do, mine, "Ana Torres", "Ana Torres", "Ana Torres")
    await talk("orders of Ana Torres")
    await talk(f"show {orders[1]}")

    turn = await talk("cancel the other one then")

    assert turn.answer is not None
    assert turn.answer.startswith("Which one do you mean by “the other one”?")
    assert orders[1] not in turn.answer


async def test_who_drops_what_was_asked_and_names_something_else_has_chosen_nothing(talk: Talk, do: Do) -> None:
    await throws(do, "Oak", "Walnut")
    await talk("put the wool throw at 44.90")

    turn = await talk("hmm no leave it. and what does the oak one cost?")

    assert not turn.waits_for


async def test_a_price_without_a_currency_is_one(talk: Talk, mine: NewShop) -> None:
    async with writing(mine) as sql:
        make_variant(sql, "RACK-SPICE", title="Spice rack", price=3_890)

    card = (await talk.card(await talk("Raise the price of the spice rack to 41.90")))["card"]

    assert "41.90" in card["sentences"][0]


async def test_a_promotion_that_shall_end_some_day_does_not_end_now(talk: Talk, mine: NewShop) -> None:
    async with writing(mine) as sql:
        make_promotion(sql, "TEATIME5", percent=5, name="Tea time")
        make_variant(sql, "TEA-SENCHA", title="Sencha tea")

    card = (await talk.card(await talk("Let's end the tea time promo on sunday night")))["card"]

    assert card["tool"] == "update_promotion"


async def test_what_is_asked_of_a_code_changes_nothing(talk: Talk, mine: NewShop) -> None:
    async with writing(mine) as sql:
        make_promotion(sql, "WELCOME10", percent=10)

    turn = await talk("WELCOME10 ça a servi combien de fois")

    assert not turn.waits_for


async def test_what_is_exchanged_before_it_has_left_is_swapped_on_the_order(talk: Talk, do: Do, mine: NewShop) -> None:
    await throws(do, "Oak", "Walnut")
    await lying(mine, "THROW-OAK", "THROW-WALNUT")
    buyer = await buyer_of(mine, "Ana Torres")
    order = await do(create_order, customer=buyer, lines=[{"sku": "THROW-OAK", "quantity": 1}])

    card = (await talk.card(await talk(f"exchange THROW-OAK of {order.reference} for THROW-WALNUT")))["card"]

    assert card["tool"] == "change_order_lines"
    assert "THROW-WALNUT is added" in card["sentences"][0]


async def test_of_goods_in_several_sizes_the_one_that_was_ordered_is_taken_off(
    talk: Talk, do: Do, mine: NewShop
) -> None:
    await throws(do, "Oak", "Walnut")
    await lying(mine, "THROW-OAK", "THROW-WALNUT")
    await stocked(mine, "MUG-BLUE")
    buyer = await buyer_of(mine, "Ana Torres")
    lines = [{"sku": "THROW-OAK", "quantity": 1}, {"sku": "MUG-BLUE", "quantity": 1}]
    order = await do(create_order, customer=buyer, lines=lines)

    card = (await talk.card(await talk("take the wool throw off the order of Ana Torres")))["card"]

    assert order.reference in card["sentences"][0]
    assert "1 THROW-OAK is taken out" in card["sentences"][0]


async def test_where_who_is_added_to_the_newsletter_agreed_is_asked(talk: Talk, mine: NewShop) -> None:
    await buyer_of(mine, "Ana Torres")

    turn = await talk("add Ana Torres to the newsletter, she asked on chat")

    assert turn.answer is not None
    assert turn.answer.endswith("Which source is it?")


async def test_credit_that_is_made_another_amount_is_that_amount(talk: Talk, mine: NewShop) -> None:
    buyer = await buyer_of(mine, "Ana Torres")
    first = await talk(f"give {buyer} 5 euros store credit, goodwill")
    await talk.decide(first.waits_for[0], "reject", reason="too little")

    card = (await talk.card(await talk("make it 10")))["card"]

    assert "10.00" in card["sentences"][0]


async def test_stock_is_sent_from_where_from_was_said(talk: Talk, mine: NewShop) -> None:
    mug = await stocked(mine, "MUG-BLUE", 9)
    async with writing(mine) as sql:
        lyon, barcelona = make_warehouse(sql), make_warehouse(sql)
        lyon.name, barcelona.name = "Lyon", "Barcelona"
        make_stock(sql, mug, lyon.id, 8)
        way = {"from_warehouse": lyon.reference, "to_warehouse": barcelona.reference}

    turn = await talk("send barcelona 4 MUG-BLUE from lyon")
    card = (await talk.card(turn))["card"]

    assert card["arguments"] | way == card["arguments"]


async def test_of_two_orders_the_unpaid_one_is_the_one_in_that_state(talk: Talk, do: Do, mine: NewShop) -> None:
    unpaid, authorized = await held(do, mine, "Ana Torres", "Ana Torres")
    async with writing(mine) as sql:
        await sql.session.execute(update(Order).where(Order.reference == authorized).values(authorized=Order.total))

    card = (await talk.card(await talk("cancel the unpaid order of Ana Torres")))["card"]

    assert unpaid in card["sentences"][0]


async def test_what_a_search_found_by_a_slip_alone_is_told_to_be_near(talk: Talk, mine: NewShop) -> None:
    async with writing(mine) as sql:
        make_variant(sql, "MUG-CAMP", title="Enamel camping mug")

    turn = await talk("search for waterproof cams")

    assert turn.answer is not None
    assert turn.answer.startswith("There is no product matching “waterproof cams”. The nearest: Enamel camping mug.")


async def test_what_is_sold_out_is_not_what_runs_low(talk: Talk, mine: NewShop) -> None:
    await stocked(mine, "POT-WHITE", 0)

    assert calls(await talk("list every sold out variant"))[0] == ("list_stock", {"state": "out_of_stock"})


async def test_nothing_is_done_to_the_order_of_another_of_the_same_surname(talk: Talk, do: Do, mine: NewShop) -> None:
    order, *_ = await held(do, mine, "Lucas Torres")

    turn = await talk("Cancel Ava Torres's order")

    assert not turn.waits_for
    assert turn.answer is not None
    assert order in turn.answer


async def test_nor_is_money_given_back_to_another_of_the_same_surname(talk: Talk, do: Do, mine: NewShop) -> None:
    await stocked(mine, "MUG-BLUE")
    buyer = await buyer_of(mine, "Lucas Torres")
    await do(create_order, customer=buyer, lines=bought(("MUG-BLUE", 1)), shipping_address=LYON, payment={})

    turn = await talk("refund Ava Torres's payment")

    assert not turn.waits_for
    assert turn.answer is not None
    assert "Lucas Torres" in turn.answer


async def test_an_order_is_held_in_german(talk: Talk, do: Do, mine: NewShop) -> None:
    _, order = await held(do, mine, "Ana Torres", "Anna Becker")

    card = (await talk.card(await talk("bitte die Bestellung von Anna Becker anhalten")))["card"]

    assert card["tool"] == "hold_order"
    assert order in card["sentences"][0]


async def test_a_question_that_would_change_a_named_thing_shows_it(talk: Talk, mine: NewShop) -> None:
    async with writing(mine) as sql:
        promotion = make_promotion(sql, "WELCOME10", percent=10).reference

    turn = await talk("Isn't WELCOME10 supposed to be once per person?")

    assert calls(turn)[-1] == ("list_promotions", {"promotion": promotion})


async def test_of_somebody_without_a_parcel_the_orders_that_have_not_left_are_told(
    talk: Talk, do: Do, mine: NewShop
) -> None:
    _, order = await held(do, mine, "Ana Torres", "Felix Wolf")

    turn = await talk("Felix Wolf, has his gone out yet?")

    assert calls(turn)[-1][0] == "list_orders"
    assert turn.answer is not None
    assert order in turn.answer
    assert "not shipped" in turn.answer


async def test_a_list_is_sorted_and_narrowed_by_what_is_said_next(talk: Talk, do: Do, mine: NewShop) -> None:
    await held(do, mine, "Ana Torres", "Ben Ode")
    (_, said), *_ = calls(await talk("show the orders from today"))

    assert calls(await talk("oldest first")) == [("list_orders", {**said, "sort": "oldest"})]
    alive = ["draft", "pending", "confirmed", "completed"]
    unpaid = {**said, "sort": "oldest", "payment_state": ["unpaid"], "status": alive}
    assert calls(await talk("only the unpaid ones")) == [("list_orders", unpaid)]
