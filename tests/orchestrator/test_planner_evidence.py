"""What is there decides what is meant: what is on the order, which record somebody has, how the one that was found stands."""

import pytest

from tests.conftest import Do
from tests.factories import NewShop, make_customer
from tests.orchestrator.conftest import Talk
from tests.orchestrator.test_planner_apart import delivered
from tests.orchestrator.test_planner_chat import index, talk
from tests.orchestrator.test_planner_days import calls
from tests.orchestrator.test_planner_everyday import held
from tests.tools.till import bought, stocked, writing
from tools.flows.cancel_order import cancel_order
from tools.flows.create_order import create_order
from tools.flows.request_return import request_return

_ = (index, talk)


async def ordered(do: Do, mine: NewShop, name: str, *lines: tuple[str, int]) -> str:
    """An order of somebody, by reference."""
    async with writing(mine) as sql:
        buyer = make_customer(sql, name)
    return (await do(create_order, customer=buyer.reference, lines=bought(*lines))).reference


@pytest.mark.parametrize(
    "said", ["Ana Torres wants only one mug instead of two", "Ana Torres möchte nur einen Becher statt zwei"]
)
async def test_of_goods_that_a_name_fits_those_are_meant_that_are_on_the_order(
    talk: Talk, do: Do, mine: NewShop, said: str
) -> None:
    await stocked(mine, "MUG-TRAVEL", title="Travel mug")
    await stocked(mine, "MUG-ENAMEL", title="Enamel mug")
    order = await ordered(do, mine, "Ana Torres", ("MUG-ENAMEL", 2))

    card = (await talk.card(await talk(said)))["card"]

    assert card["sentences"][0].startswith(f"{order} of Ana Torres changes: 2 MUG-ENAMEL become 1.")


async def test_of_goods_of_which_several_are_on_the_order_it_is_asked_which(talk: Talk, do: Do, mine: NewShop) -> None:
    for sku, title in (("MUG-TRAVEL", "Travel mug"), ("MUG-ENAMEL", "Enamel mug"), ("MUG-STONE", "Stoneware mug")):
        await stocked(mine, sku, title=title)
    await ordered(do, mine, "Ana Torres", ("MUG-ENAMEL", 2), ("MUG-TRAVEL", 2))

    turn = await talk("Ana Torres wants only one mug instead of two")

    assert turn.answer is not None
    assert turn.status == "finished"
    assert "Enamel mug" in turn.answer
    assert "Stoneware mug" not in turn.answer


async def test_what_is_on_the_order_is_looked_up_though_the_order_had_to_be_chosen(
    talk: Talk, do: Do, mine: NewShop
) -> None:
    for sku, title in (("MUG-TRAVEL", "Travel mug"), ("MUG-ENAMEL", "Enamel mug")):
        await stocked(mine, sku, title=title)
    async with writing(mine) as sql:
        ana = make_customer(sql, "Ana Torres").reference
    first, _ = [(await do(create_order, customer=ana, lines=bought((sku, 2)))).reference
                for sku in ("MUG-ENAMEL", "MUG-TRAVEL")]  # fmt: skip

    asked = await talk("Ana Torres wants only one mug instead of two")
    card = (await talk.card(await talk(first)))["card"]

    assert asked.status == "finished"
    assert card["sentences"][0].startswith(f"{first} of Ana Torres changes: 2 MUG-ENAMEL become 1.")


async def test_where_nobody_has_such_a_record_the_next_likely_one_is_meant(talk: Talk, do: Do, mine: NewShop) -> None:
    order, _ana = await delivered(mine, 2)
    waits = await do(request_return, order=order, reason="too_small", lines=bought(("MUG-BLUE", 1)))

    card = (await talk.card(await talk("ana torres's mug, say yes. she gets credit as she asked")))["card"]

    assert card["sentences"][0].startswith(f"{waits.reference} of {order} of Ana Torres is approved")


async def test_why_orders_are_held_stands_in_their_list(talk: Talk, do: Do, mine: NewShop) -> None:
    await held(do, mine, "Ana Torres")

    turn = await talk("which orders are on hold and why?")

    assert turn.answer is not None
    assert "address check" in turn.answer


async def test_the_one_record_of_a_list_is_told_first_with_what_is_in_it(talk: Talk, do: Do, mine: NewShop) -> None:
    await stocked(mine, "MUG-BLUE")
    order = await ordered(do, mine, "Ana Torres", ("MUG-BLUE", 2))

    turn = await talk("what did Ana Torres order today?")

    assert turn.answer is not None
    assert turn.answer.startswith(f"{order} is")
    assert "MUG-BLUE" in turn.answer


async def test_the_big_one_is_the_row_that_comes_to_most(talk: Talk, do: Do, mine: NewShop) -> None:
    await stocked(mine, "MUG-BLUE", units=50)
    _, big, _ = [await ordered(do, mine, name, ("MUG-BLUE", n)) for name, n in (("Ana", 1), ("Ben", 9), ("Cleo", 2))]
    await talk("show the orders from today")

    assert calls(await talk("the big one, what was it")) == [("get_order", {"order": big})]


async def test_nothing_is_owed_for_what_was_called_off(talk: Talk, do: Do, mine: NewShop) -> None:
    first, second = await held(do, mine, "Ana Torres", "Ben Ode")
    await do(cancel_order, order=second, reason="customer_request")

    turn = await talk("which orders are not paid yet?")

    assert turn.answer is not None
    assert first in turn.answer
    assert second not in turn.answer
