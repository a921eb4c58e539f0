"""Lists that count their rows apart by a column of theirs: "open orders by country", "returns by reason"."""

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from tests.conftest import Do
from tests.factories import NewShop, make_order
from tests.tools.returning import delivered
from tests.tools.till import writing
from tools import registry
from tools.contract.apart import Columns
from tools.contract.page import Total
from tools.flows.request_return import request_return
from tools.orders.listing import ListOrders, list_orders


def columns(name: str) -> list[str]:
    """What a list can be counted apart by."""
    field = registry.tools()[name].input.model_fields.get("count_by")
    annotated: list[Any] = list(get_args(field.annotation)) if field else []
    kinds: list[Any] = [one for kind in annotated for one in getattr(kind, "__metadata__", ())]
    return [column for kind in kinds if isinstance(kind, Columns) for column in kind.names]


APART = [name for name in sorted(registry.tools()) if columns(name)]


def test_the_lists_of_records_can_do_it() -> None:
    assert {"list_orders", "list_returns", "list_tickets", "list_shipments", "list_payments"} <= {*APART}


@pytest.mark.parametrize("name", APART)
async def test_all_that_match_are_in_one_group_each(name: str, do: Do, mine: NewShop) -> None:
    """Of a shop with an order that was sent, paid and comes back."""
    order, _ = await delivered(mine, 2)
    await do(request_return, order=order, reason="too_small", lines=[{"sku": "MUG-BLUE", "quantity": 1}])

    for column in columns(name):
        total = (await do(registry.tools()[name], count_by=column, limit=1)).total
        rows = [group.rows for group in total.groups]

        assert sum(rows) == total.rows, column
        assert rows == sorted(rows, reverse=True), column


@pytest.fixture
async def busy(mine: NewShop) -> NewShop:
    """A shop with three orders to two countries."""
    async with writing(mine) as sql:
        for country, total in (("FR", 1_000), ("FR", 2_000), ("DE", 4_000)):
            make_order(sql, unit_price=total).ship_country = country
    return mine


async def by_country(do: Do) -> Total:
    """Orders by country."""
    total = (await do(list_orders, count_by="country", limit=1)).total
    assert total is not None
    return total


async def test_each_group_has_its_number_and_its_sum(do: Do, busy: NewShop) -> None:
    total = await by_country(do)

    told: list[Any] = [(one.value, one.rows, [money.amount for money in one.sums]) for one in total.groups]
    assert told == [("FR", 2, [3_000]), ("DE", 1, [4_000])]
    assert [money.amount for money in total.sums] == [7_000]


async def test_what_is_not_said_of_some_is_a_group_of_its_own(do: Do, busy: NewShop) -> None:
    async with writing(busy) as sql:
        make_order(sql, unit_price=500).ship_country = None

    groups = (await by_country(do)).groups

    assert [(one.value, one.rows) for one in groups] == [("FR", 2), (None, 1), ("DE", 1)]


async def test_of_more_than_are_counted_nothing_is_told_apart(
    do: Do, busy: NewShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.contract.page.MOST_COUNTED", 2)

    total = await by_country(do)

    assert (total.rows, total.more, total.groups, total.sums) == (2, True, [], [])


async def test_only_the_first_page_counts(do: Do, busy: NewShop) -> None:
    first = await do(list_orders, count_by="country", limit=1)

    assert (await do(list_orders, count_by="country", limit=1, after=first.next)).total is None


def test_a_column_that_the_list_has_not_is_refused() -> None:
    with pytest.raises(ValidationError, match="country"):
        ListOrders.model_validate({"count_by": "colour"})
