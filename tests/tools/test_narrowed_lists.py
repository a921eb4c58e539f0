"""Lists of what belongs to orders: narrowed by words of the buyer or the goods, and in any order, whichever way they are found."""

from typing import Any

import pytest

from tests.conftest import Do
from tests.factories import NewShop
from tests.tools.returning import deliver, delivered
from tools import registry
from tools.contract.errors import Invalid, NotFound
from tools.flows.request_return import request_return

OF_ORDERS = ["list_payments", "list_returns", "list_shipments"]


@pytest.fixture
async def orders(mine: NewShop, do: Do) -> list[str]:
    """Three orders of Ana Torres that arrived, the units of which differ; of each as many mugs come back."""
    first, ana = await delivered(mine, 1)
    made = [first, *[await deliver(mine, ana, units) for units in (3, 2)]]
    for order, units in zip(made, (1, 3, 2), strict=True):
        await do(request_return, order=order, reason="too_small", lines=[{"sku": "MUG-BLUE", "quantity": units}])
    return made


@pytest.mark.parametrize("few", [True, False])
async def test_words_of_the_buyer_and_of_what_was_bought_find_them(
    orders: list[str], do: Do, monkeypatch: pytest.MonkeyPatch, few: bool
) -> None:
    """Looked up, and along the list."""
    monkeypatch.setattr("tools.rules.whose.MOST_LOOKED_UP", 2_000 if few else 0)

    for tool in map(registry.tool, OF_ORDERS):
        by_name = await do(tool, text="torres ana")
        by_mail = await do(tool, text="ana.torres@example.com")
        by_goods = await do(tool, text="stoneware")
        by_number = await do(tool, text=orders[1])
        nobody = await do(tool, text="nobody of that name", count=True)

        assert {row.order for row in by_name.data} == {row.order for row in by_mail.data} == set(orders), tool.name
        assert {row.order for row in by_goods.data} == set(orders), tool.name
        assert {row.order for row in by_number.data} == {orders[1]}, tool.name
        assert (nobody.data, nobody.total.rows) == ([], 0), tool.name
    for name in ("list_returns", "list_shipments"):
        found = await do(registry.tool(name), product="stoneware mug", count=True)
        assert ({row.order for row in found.data}, found.total.rows) == (set(orders), 3), name
        with pytest.raises(NotFound, match="There is no product velvet sofa"):
            await do(registry.tool(name), product="velvet sofa")


async def test_the_highest_refund_comes_first_and_the_cursor_of_one_order_is_none_of_another(
    orders: list[str], do: Do
) -> None:
    returns = registry.tool("list_returns")
    units: dict[str, list[Any]] = {
        sort: [row.units for row in (await do(returns, sort=sort)).data]
        for sort in ("newest", "oldest", "refund", "smallest")
    }

    assert units == {"newest": [2, 3, 1], "oldest": [1, 3, 2], "refund": [3, 2, 1], "smallest": [1, 2, 3]}
    following = (await do(returns, sort="refund", limit=1)).next
    assert [row.units for row in (await do(returns, sort="refund", after=following)).data] == [2, 1]
    with pytest.raises(Invalid, match="not a cursor of this list"):
        await do(returns, sort="newest", after=following)


async def test_who_may_not_see_names_finds_nothing_by_them(orders: list[str], mine: NewShop) -> None:
    blind = Do(mine.shop, await mine.key(scopes=["transport:read"]))
    shipments = registry.tool("list_shipments")

    assert (await blind(shipments, text="torres")).data == []
    assert len((await blind(shipments, text="stoneware")).data) == 3
