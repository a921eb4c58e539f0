"""What in the shop is called so, or nearly."""

from tests.conftest import Do
from tests.factories import NewShop, make_category, make_customer, make_order, make_variant
from tests.tools.selling import rows_of
from tools.backoffice.search import search_shop


async def test_try(do: Do, mine: NewShop) -> None:
    async with rows_of(mine) as sql:
        make_customer(sql, "Ana Torres")
        mug = make_variant(sql, "MUG-BLUE")
        make_category(sql, "Mugs")
        order = make_order(sql, mug)
        order.ship_city = "Lyon"
    found = await do(
        search_shop, words=["ana tores", "ana torres", "blu mug", "lyon", "mug-blue", order.reference, "mug", "lion"]
    )
    for row in found.found:
        print(row)
    assert 0
