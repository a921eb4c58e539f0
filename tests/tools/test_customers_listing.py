"""Finding customers."""

from datetime import timedelta

import pytest

from db.models.customers import CustomerStatus
from db.models.orders import OrderStatus
from db.money import Money
from tests.conftest import Do
from tests.factories import LONG_AGO, NewShop, make_category, make_customer, make_order, make_variant
from tools.contract.call import Shop, call, opened
from tools.contract.errors import Forbidden, Invalid, NotFound
from tools.contract.page import Total
from tools.customers.listing import ListCustomers, list_customers

LATER = LONG_AGO + timedelta(days=100)


@pytest.fixture
async def three(mine: NewShop) -> None:
    """Ana bought twice, Zoë once and lately, Paul never."""
    async with mine.shop.database.transaction(mine.id) as sql:
        ana = make_customer(sql, "Ana Torres", email="ana@example.com")
        ana.tags, ana.phone = ["vip", "press"], "+33612345678"
        zoe = make_customer(sql, "Zoë Müller", city="Orléans")
        zoe.company = "Café Zoë"
        paul = make_customer(sql, "Paul Martin", city="Lille")
        for days, customer in enumerate((ana, paul, zoe)):
            customer.created_at = LONG_AGO + timedelta(days=days)
        make_order(sql, customer=ana, unit_price=3_000)
        make_order(sql, customer=ana, unit_price=2_000, placed_at=LONG_AGO + timedelta(days=1))
        make_order(sql, customer=ana, unit_price=90_000, currency="USD", status=OrderStatus.cancelled)
        make_order(sql, customer=zoe, unit_price=8_000, placed_at=LATER)
        await sql.commit()


@pytest.fixture(params=["looked_up", "along_the_list"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What customers are found by, in a shop where few fit, and where too many do to be looked up: there is no difference."""
    if request.param == "along_the_list":
        monkeypatch.setattr("tools.customers.listing.MOST_LOOKED_UP", 0)


async def names(do: Do, **filters: object) -> list[str]:
    return [line.name.partition(" ")[0] for line in (await do(list_customers, **filters)).data]


async def test_each_is_shown_with_orders_spend_and_last_order(three: None, do: Do) -> None:
    line = (await do(list_customers, email="ANA@example.com")).data[0]

    assert (line.name, line.city, line.country, line.tags) == ("Ana Torres", "Lyon", "FR", ["vip", "press"])
    assert (line.orders, line.spend.amount, line.spend.currency) == (2, 5_000, "EUR")
    assert line.last_order_at == LONG_AGO + timedelta(days=1)


@pytest.mark.usefixtures("either_way")
async def test_customers_are_found_by_words_place_and_tag(three: None, do: Do) -> None:
    assert await names(do, text="torres ana") == ["Ana"]
    assert await names(do, text="cafe") == ["Zoë"]
    assert await names(do, text="0612345678") == []
    assert await names(do, text="612345678") == ["Ana"]
    assert await names(do, text="ana@example") == ["Ana"]
    assert await names(do, name="muller", postcode="690 01") == ["Zoë"]
    assert await names(do, name="muller", postcode="75001") == []
    assert await names(do, city="orleans") == ["Zoë"]
    assert await names(do, city="Lille", country="fr") == ["Paul"]
    assert await names(do, city="Lille", country="DE") == []
    assert await names(do, text="martin", city="Lyon") == []
    assert await names(do, text="zoe", city="Orléans", postcode="69001") == ["Zoë"]
    assert await names(do, tag="VIP") == ["Ana"]


async def test_customers_are_found_by_how_much_and_how_lately_they_bought(three: None, do: Do) -> None:
    assert await names(do, min_orders=2) == ["Ana"]
    assert await names(do, max_orders=0) == ["Paul"]
    assert await names(do, min_spend=5_000, max_spend=5_000) == ["Ana"]
    assert await names(do, min_spend=5_001) == ["Zoë"]
    assert await names(do, last_order_from=LATER) == ["Zoë"]
    assert await names(do, last_order_until=LATER) == ["Ana"]


async def test_customers_are_found_by_since_when_they_are_any(three: None, do: Do) -> None:
    since = (await do(list_customers, sort="alphabetical")).data[1].created_at

    assert await names(do, created_until=since) == ["Ana"]
    assert sorted(await names(do, created_from=since)) == ["Paul", "Zoë"]


@pytest.mark.parametrize(
    ("sort", "first_to_last"),
    [
        ("newest", ["Zoë", "Paul", "Ana"]),
        ("alphabetical", ["Ana", "Paul", "Zoë"]),
        ("last_order", ["Zoë", "Ana", "Paul"]),
        ("spend", ["Zoë", "Ana", "Paul"]),
        ("orders", ["Ana", "Zoë", "Paul"]),
    ],
)
async def test_every_sort_goes_on_where_the_page_before_ended(
    three: None, do: Do, sort: str, first_to_last: list[str]
) -> None:
    found: list[str] = []
    after = None
    for _ in range(3):
        page = await do(list_customers, sort=sort, limit=1, after=after)
        found += [line.name.partition(" ")[0] for line in page.data]
        after = page.next

    assert found == first_to_last
    assert after is None


async def test_a_cursor_belongs_to_its_sort(three: None, do: Do) -> None:
    page = await do(list_customers, sort="spend", limit=1)

    with pytest.raises(Invalid, match="cursor"):
        await do(list_customers, sort="alphabetical", after=page.next)


async def test_merged_and_erased_customers_are_listed_only_when_asked_for(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        make_customer(sql, "Ana Torres")
        make_customer(sql, "Nobody").status = CustomerStatus.erased
        await sql.commit()

    assert await names(do) == ["Ana"]
    assert await names(do, status="erased") == ["Nobody"]


async def test_a_list_of_customers_takes_one_statement_however_long_it_is(shop: Shop, mine: NewShop) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        for number in range(25):
            make_order(sql, customer=make_customer(sql, f"Customer {number}"))
        await sql.commit()

    async with opened(shop, list_customers, mine.caller("support")) as (ctx, _):
        before = len(ctx.sql.statements)
        page = await list_customers(ctx, ListCustomers(limit=25, min_orders=1))
        statements = ctx.sql.statements[before:]

    assert len(page.data) == 25
    assert len(statements) == 1
    assert ctx.produced.people == 25


@pytest.mark.parametrize("role", ["warehouse", "viewer"])
async def test_customers_are_not_listed_for_everybody(shop: Shop, mine: NewShop, role: str) -> None:
    with pytest.raises(Forbidden, match="customers:read"):
        await call(shop, list_customers, {}, mine.caller(role))


@pytest.mark.usefixtures("either_way")
async def test_customers_are_found_by_what_they_bought(mine: NewShop, do: Do) -> None:
    async with mine.shop.database.transaction(mine.id) as sql:
        mugs = make_category(sql, "Mugs")
        blue = make_variant(sql, "MUG-BLUE", title="Blue mug", category=mugs)
        lamp = make_variant(sql, "LAMP", title="Desk lamp")
        ana, zoe, paul = [make_customer(sql, name) for name in ("Ana Torres", "Zoë Müller", "Paul Martin")]
        make_order(sql, blue, customer=ana)
        make_order(sql, lamp, customer=zoe)
        make_order(sql, blue, customer=paul, status=OrderStatus.cancelled)
        await sql.commit()

    assert await names(do, product="mug") == ["Ana"]
    assert await names(do, sku="lamp") == ["Zoë"]
    assert await names(do, category="Mugs") == ["Ana"]
    with pytest.raises(NotFound, match="teapot"):
        await names(do, product="teapot")


async def test_a_list_says_how_many_customers_match_and_what_they_spent(three: None, do: Do) -> None:
    page = await do(list_customers, min_orders=1, limit=1, count=True)

    assert page.total == Total(rows=2, sums=[Money(amount=13_000, currency="EUR")])
