"""Putting up categories, and moving them in the tree."""

import asyncio
from typing import Any

import pytest

from tests.conftest import Do
from tests.factories import NewShop, make_category, make_variant
from tests.tools.selling import rows_of
from tools.contract.errors import AlreadyTaken, ShopError, StaleVersion
from tools.products.categories import list_categories
from tools.products.shelves import (
    LEVELS,
    CategoryInItself,
    CategoryTaken,
    EmptyCategoryName,
    TooDeep,
    create_category,
    move_category,
)  # fmt: skip


async def paths(do: Do) -> list[str]:
    return [shelf.path for shelf in (await do(list_categories)).data]


async def test_a_category_is_put_up_below_another_one(do: Do) -> None:
    kitchen = await do(create_category, name="Kitchen")
    mugs = await do(create_category, name="Mugs & cups", parent="kitchen")

    assert (kitchen.parent, kitchen.path, kitchen.slug) == (None, "Kitchen", "kitchen")
    assert (mugs.parent, mugs.path, mugs.slug) == (kitchen.reference, "Kitchen / Mugs & cups", "kitchen-mugs-cups")
    assert await paths(do) == ["Kitchen", "Kitchen / Mugs & cups"]


async def test_sisters_have_names_of_their_own_and_web_names_are_everybodys(do: Do) -> None:
    await do(create_category, name="Kitchen")
    await do(create_category, name="Kitchen Mugs")

    below = await do(create_category, name="Mugs", parent="Kitchen")

    assert below.slug == "kitchen-mugs-2"
    with pytest.raises(CategoryTaken, match=r"There is a category Kitchen \(CAT-\d+\) at the top already"):
        await do(create_category, name="KITCHEN")
    with pytest.raises(CategoryTaken, match="The web name kitchen-mugs is another category's"):
        await do(create_category, name="Cups", slug="kitchen-mugs")


async def test_a_category_moves_with_all_below_it(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        kitchen, table = make_category(sql, "Kitchen"), make_category(sql, "Table")
        mugs = make_category(sql, "Mugs", kitchen)
        make_variant(sql, "MUG", category=make_category(sql, "Small", mugs))

    card = (await do.outcome(move_category, preview=True, category="Mugs", parent="Table")).card
    moved = await do(move_category, category="Mugs", parent="Table", version=1)

    assert card is not None
    assert card.sentences == [f"Mugs ({mugs.reference}) moves with all below it, from Kitchen to Table."]
    assert (moved.parent, moved.path, moved.version, moved.slug) == (table.reference, "Table / Mugs", 2, mugs.slug)
    assert await paths(do) == ["Kitchen", "Table", "Table / Mugs", "Table / Mugs / Small"]
    top = await do(move_category, category="Mugs", parent=None)
    assert (top.parent, top.path) == (None, "Mugs")


async def test_what_is_left_out_of_a_move_stays(mine: NewShop, do: Do) -> None:
    async with rows_of(mine) as sql:
        make_category(sql, "Mugs", make_category(sql, "Kitchen"))

    moved = await do(move_category, category="Mugs", name="Cups", position=3)

    assert (moved.path, moved.position) == ("Kitchen / Cups", 3)


@pytest.mark.parametrize(
    ("arguments", "refusal", "says"),
    [
        ({"category": "Kitchen", "parent": "Kitchen"}, CategoryInItself, "Kitchen .* cannot stand in Kitchen"),
        ({"category": "Kitchen", "parent": "Small"}, CategoryInItself, "cannot stand in Kitchen / Mugs / Small"),
        ({"category": "Small", "parent": "Kitchen", "name": "mugs"}, CategoryTaken, "in Kitchen already"),
        ({"category": "Small", "name": None}, EmptyCategoryName, "without a name"),
        ({"category": "Small", "version": 4}, StaleVersion, "you read version 4"),
    ],
)
async def test_a_move_that_cannot_be_is_refused(
    mine: NewShop, do: Do, arguments: dict[str, Any], refusal: type[ShopError], says: str
) -> None:
    async with rows_of(mine) as sql:
        make_category(sql, "Small", make_category(sql, "Mugs", make_category(sql, "Kitchen")))

    with pytest.raises(refusal, match=says):
        await do(move_category, **arguments)

    assert await paths(do) == ["Kitchen", "Kitchen / Mugs", "Kitchen / Mugs / Small"]


async def test_nothing_stands_too_far_down(do: Do) -> None:
    for level in range(1, LEVELS + 1):
        await do(create_category, name=f"Level {level}", parent=f"Level {level - 1}" if level > 1 else None)
    await do(create_category, name="Two")
    await do(create_category, name="Below two", parent="Two")

    with pytest.raises(TooDeep, match="Level 7 would reach down to level 7; there are 6"):
        await do(create_category, name="Level 7", parent="Level 6")
    with pytest.raises(TooDeep, match="Two would reach down to level 7"):
        await do(move_category, category="Two", parent="Level 5")


async def test_two_moves_at_once_close_no_circle(do: Do) -> None:
    for name in ("First", "Second"):
        await do(create_category, name=name)

    outcomes = await asyncio.gather(
        do(move_category, category="First", parent="Second"), do(move_category, category="Second", parent="First"),
        return_exceptions=True,
    )  # fmt: skip

    assert [type(outcome) for outcome in outcomes].count(CategoryInItself) == 1
    assert len(await paths(do)) == 2


async def test_two_of_one_name_put_up_at_once_are_one(do: Do) -> None:
    outcomes = await asyncio.gather(*(do(create_category, name="Kitchen") for _ in range(3)), return_exceptions=True)

    assert sum(isinstance(outcome, AlreadyTaken) for outcome in outcomes) == 2
    assert await paths(do) == ["Kitchen"]
