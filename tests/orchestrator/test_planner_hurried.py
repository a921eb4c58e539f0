"""Small things that people say in passing at work: a count without a shelf, a reply and its end, what nobody looks after."""

import pytest
from sqlalchemy import select

from db.models.after_sales import Ticket
from tests.conftest import Do
from tests.factories import NewShop, make_customer, make_order, make_stock, make_variant, make_warehouse, warehouse_of
from tests.orchestrator.conftest import Talk
from tests.orchestrator.test_planner_chat import index, talk
from tests.orchestrator.test_planner_days import buyer_of, calls
from tests.tools.till import LYON, bought, stocked, writing
from tools.after_sales.tickets import open_ticket
from tools.flows.create_order import create_order
from tools.warehouse.shelves import create_bin

_ = (index, talk)


async def test_a_count_that_names_no_bin_is_of_all_that_lies_there(talk: Talk, mine: NewShop) -> None:
    await stocked(mine, "CADDY", 64, title="Shower caddy")

    card = (await talk.card(await talk("count shower caddy 61")))["card"]

    assert card["tool"] == "adjust_stock"
    assert "is counted at 61, 3 fewer than the 64 in the books" in card["sentences"][0]


async def test_a_bin_is_looked_for_in_each_warehouse_that_has_the_thing(talk: Talk, do: Do, mine: NewShop) -> None:
    async with writing(mine) as sql:
        south, home = make_warehouse(sql), await warehouse_of(sql)
        tin = make_variant(sql, "TIN", title="Roasting tin", stock=9, warehouse=home)
        make_stock(sql, tin, south.id, 4)
        places = [home.reference, south.reference]
    for place in places:
        await do(create_bin, warehouse=place, code="A-01-1")

    turn = await talk("roasting tin, which bin?")

    assert sorted(told["warehouse"] for name, told in calls(turn) if name == "list_bins") == sorted(places)


async def test_a_bin_for_picking_is_not_told_as_being_picked(talk: Talk, do: Do, mine: NewShop) -> None:
    async with writing(mine) as sql:
        home = (await warehouse_of(sql)).reference
    for code, kind in (("A-01-1", "picking"), ("R-01-1", "bulk")):
        await do(create_bin, warehouse=home, code=code, kind=kind)

    answer = (await talk(f"show me the bins of {home}")).answer or ""

    assert "| A-01-1 | for picking |" in answer
    assert "| R-01-1 | bulk |" in answer


async def test_a_reply_ends_where_the_ticket_is_to_be_closed(talk: Talk, do: Do, mine: NewShop) -> None:
    buyer = await buyer_of(mine, "Daan Smit")
    ticket = (await do(open_ticket, subject="Care", text="May it be tumbled?", customer=buyer)).reference

    card = (
        await talk.card(await talk(f"write in {ticket} that it can go in the dryer, and then the ticket can be closed"))
    )["card"]

    assert "It says: “it can go in the dryer”" in card["sentences"]


async def test_tickets_that_nobody_has_taken_are_asked_for_in_many_ways(talk: Talk) -> None:
    for said in ("which tickets nobody has took yet?", "unassigned tickets", "tickets without an owner"):
        assert calls(await talk(said)) == [("list_tickets", {"unassigned": True})], said


async def test_a_place_that_a_list_cannot_be_narrowed_by_is_no_word_to_search_for(talk: Talk, mine: NewShop) -> None:
    async with writing(mine) as sql:
        make_warehouse(sql).name = "Lyon"
        make_order(sql, customer=make_customer(sql, "Ana Torres", city="Lyon"))

    turn = await talk("which returns wait for inspection in Lyon?")

    assert calls(turn) == [("list_returns", {"status": ["received"]})]


async def test_a_new_street_stands_after_the_town_of_the_old_one(talk: Talk, do: Do, mine: NewShop) -> None:
    await stocked(mine, "MUG-BLUE")
    buyer = await buyer_of(mine, "Sophie Brandt")
    order = await do(create_order, customer=buyer, lines=bought(("MUG-BLUE", 1)), shipping_address=LYON, payment={})

    said = f"Bitte die Lieferanschrift von {order.reference} in Berlin auf Torstraße 12, 10119 Berlin ändern"
    asked = (await talk.card(await talk(said)))["card"]["arguments"]

    assert asked["shipping_address"]["line1"] == "Torstraße 12"


async def test_each_of_two_countries_is_told_against_its_own_month_before(talk: Talk) -> None:
    told = [
        args
        for _name, args in calls(await talk("sales in november for Germany and for Austria, compared with october"))
    ]

    assert [args["country"] for args in told] == ["DE", "DE", "AT", "AT"]
    assert told[0]["placed_from"] == told[2]["placed_from"] > told[1]["placed_from"] == told[3]["placed_from"]


@pytest.mark.parametrize("said", ["attendez, n'envoyez pas encore", "wait, don't send it yet", "hold off on that"])
async def test_what_shall_not_be_done_yet_is_not_put_again(talk: Talk, do: Do, mine: NewShop, said: str) -> None:
    buyer = await buyer_of(mine, "Daan Smit")
    ticket = (await do(open_ticket, subject="Care", text="May it be tumbled?", customer=buyer)).reference
    turn = await talk(f"write in {ticket} that it can go in the dryer")
    await talk.decide(turn.waits_for[0], "reject", reason="Not yet.")

    assert not (await talk(said)).waits_for
    async with writing(mine) as sql:
        assert (await sql.session.scalars(select(Ticket.status).where(Ticket.reference == ticket))).one() == "open"
