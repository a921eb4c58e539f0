"""Segments: a filter in words finds whom it says, refuses what it does not understand at its place, and runs nothing else."""

from datetime import timedelta

import pytest

from db import clock
from db.models.orders import OrderStatus
from tests.conftest import Do
from tests.factories import NewShop, make_customer, make_order, make_variant
from tests.tools.till import writing
from tools.contract.context import Context
from tools.contract.errors import NotFound
from tools.contract.page import MOST_COUNTED
from tools.customers.addresses import add_address
from tools.customers.consents import set_consent
from tools.customers.listing import list_customers
from tools.customers.loyalty import adjust_loyalty_points
from tools.customers.profiles import tag_customer
from tools.customers.segments import SegmentNameTaken, create_segment, list_segments
from tools.flows.erase_customer import erase_customer
from tools.flows.merge_customers import merge_customers
from tools.rules.segments import FilterNotUnderstood, condition_of


@pytest.fixture
async def people(mine: NewShop, do: Do) -> NewShop:
    """Ana bought three times, lately; Béa once, half a year ago; Carl a bowl, in pieces of four; Dora never."""
    today = clock.now()
    async with writing(mine) as sql:
        ana, bea = (
            make_customer(sql, "Ana Torres", email="ana@example.com"),
            make_customer(sql, "Béa Noël", city="Évian"),
        )
        carl, dora = (
            make_customer(sql, "Carl Maß", city="Lille"),
            make_customer(sql, "Dora 100%_\\ O'Hara", city="Lyon"),
        )
        bowl = make_variant(sql, "BOWL")
        for days in (1, 2, 3):
            make_order(sql, customer=ana, unit_price=20_000, placed_at=today - timedelta(days=days))
        make_order(sql, customer=bea, unit_price=4_990, placed_at=today - timedelta(days=180))
        make_order(sql, bowl, 4, customer=carl, unit_price=1_000, placed_at=today - timedelta(days=30))
        make_order(sql, bowl, customer=dora, status=OrderStatus.cancelled)
    await do(tag_customer, customer=ana.reference, add=["VIP"])
    await do(tag_customer, customer=carl.reference, add=["trade"])
    await do(adjust_loyalty_points, customer=carl.reference, points=250)
    await do(set_consent, customer=ana.reference, channel="email", granted=True, source="form", wording="1")
    await do(set_consent, customer=bea.reference, channel="email", granted=True, source="form", wording="1")
    await do(set_consent, customer=bea.reference, channel="email", granted=False)
    home = {"line1": "Hauptstr. 5", "city": "Köln", "postcode": "50667", "country": "DE"}
    await do(add_address, customer=bea.reference, **home)
    return mine


FOUND = {
    "orders >= 3": "A",
    "orders = 0": "D",
    "orders != 0 and not orders > 1": "BC",
    "spend > 49.90": "A",
    "spend >= 49.9": "AB",
    "points <= 250 AND points <> 0": "C",
    'city = "lyon"': "AD",
    "city = 'EVIAN'": "B",
    'city = "Köln" and city = "Évian"': "B",
    'city != "Lyon"': "BC",
    'city in ("Lille", "Évian")': "BC",
    'city not in ("Lille", "Évian")': "AD",
    'country = "de"': "B",
    'postcode starts with "506"': "B",
    'tag = "vip" or tag = "Trade"': "AC",
    'tag != "vip"': "BCD",
    'name contains "noel"': "B",
    'name contains "%"': "D",
    'name contains "_"': "D",
    'name contains "\\\\"': "D",
    'name contains "o\'hara"': "D",
    "name contains 'o\\'hara'": "D",
    'email = "ANA@example.com"': "A",
    'company = "" and orders = 0': "D",
    'company contains "" and orders = 0': "D",
    'company starts with "x" or orders = 0': "D",
    'not price_group = "trade" and orders = 0': "D",
    'language in ("", "fr") and orders = 0': "D",
    'consent = "email"': "A",
    'consent != "email"': "BCD",
    'consent = "email" or orders = 0': "AD",
    'not (consent = "email" or consent = "sms") and orders > 0': "BC",
    'consent in ("email", "sms") and name contains "a"': "A",
    'bought = "BOWL"': "C",
    'not bought = "bowl"': "ABD",
    "last_order after 7 days ago": "A",
    "last_order before 90 days ago": "B",
    "last_order before today": "ABC",
    "last_order after yesterday": "A",
    "last_order before 2 weeks ago and last_order after 2 months ago": "C",
    "registered before 2020-06-30": "ABCD",
    'status = "active" and (orders = 1 or orders = 0) and not (city = "Lyon")': "BC",
    'orders = 3 or orders = 1 and city = "Lille"': "AC",
}


async def test_a_filter_finds_whom_it_says(people: NewShop, do: Do) -> None:
    found: dict[str, str] = {}
    for number, written in enumerate(FOUND):
        made = await do(create_segment, name=f"Those {number}", filter=written)
        rows = (await do(list_customers, segment=made.reference, sort="alphabetical")).data
        found[written] = "".join(row.name[0] for row in rows)
        assert made.customers == len(rows), written

    assert found == FOUND


async def test_a_segment_is_who_fits_at_the_moment(people: NewShop, do: Do) -> None:
    await do(create_segment, name="Club", filter='tag = "club"')
    await do(tag_customer, customer="ana@example.com", add=["club"])

    (club,) = (await do(list_segments)).data

    assert (club.name, club.customers) == ("Club", 1)
    assert [row.name for row in (await do(list_customers, segment="  CLUB ", city="Lyon")).data] == ["Ana Torres"]
    assert (await do(list_segments, members=False)).data[0].customers is None


async def test_in_a_shop_of_many_customers_they_are_counted_where_that_is_asked(do: Do, mine: NewShop) -> None:
    await do(create_segment, name="All", filter="orders >= 0")
    async with mine.shop.database.transaction(mine.id) as sql:
        told = {"m": mine.id, "last": 1_000 + MOST_COUNTED + 1}
        await sql.execute(
            "insert into counters (id, merchant_id, name, value, created_at)"
            " values (gen_random_uuid(), %(m)s, 'CUS', %(last)s, now())"
            " on conflict (merchant_id, name) do update set value = excluded.value",
            told,
        )
        await sql.commit()

    (plain,) = (await do(list_segments)).data
    (counted,) = (await do(list_segments, members=True)).data

    assert plain.customers is None
    assert counted.customers is not None


async def test_who_was_merged_or_erased_is_in_no_segment(people: NewShop, do: Do) -> None:
    filters = (
        "orders >= 1",
        'consent = "email"',
        "registered before 2020-06-30",
        'not bought = "BOWL" and not name = "x"',
    )
    for written in filters:
        await do(create_segment, name=written, filter=written)
    names = {row.name[0]: row.reference for row in (await do(list_customers)).data}

    await do(merge_customers, customer=names["D"], duplicate=names["B"])
    await do(erase_customer, customer=names["A"], anyway=True)

    counted = {row.filter: row.customers for row in (await do(list_segments)).data}
    assert counted == {written: len((await do(list_customers, segment=written)).data) for written in filters}
    assert [counted[written] for written in filters] == [2, 0, 2, 1]


async def test_segments_are_listed_by_name_page_by_page(do: Do) -> None:
    for name in ("Émile", "Bees", "Zeta"):
        await do(create_segment, name=name, filter="orders > 1")

    first = await do(list_segments, limit=2)
    rest = await do(list_segments, limit=2, after=first.next)

    assert [row.name for row in (*first.data, *rest.data)] == ["Bees", "Émile", "Zeta"]


async def test_two_segments_are_not_called_the_same(do: Do) -> None:
    await do(create_segment, name="Lyon", filter="orders > 1")
    with pytest.raises(SegmentNameTaken, match="is called Lyon already"):
        await do(create_segment, name=" LYON", filter="orders > 2")


async def test_a_segment_that_there_is_not_names_the_nearest(do: Do) -> None:
    await do(create_segment, name="Gone quiet", filter="orders > 1")
    with pytest.raises(NotFound) as refused:
        await do(list_customers, segment="gone quite")
    assert "Gone quiet (SEG-1001)" in refused.value.advice


@pytest.mark.parametrize(
    ("written", "at", "says"),
    [
        ('orders >= 3 and twon = "Lyon"', 17, "there is no field twon"),
        ("orders >= three", 11, "orders is compared with a number"),
        ("orders before 3", 8, "orders is compared by"),
        ("orders >= 3.5", 11, "no number that orders can have"),
        ("spend > 1.234", 9, "no number that spend can have"),
        ("city = Lyon", 8, "compared with text in quotes"),
        ('city > "Lyon"', 6, "the same or not"),
        ('city = "Lyon', 8, "does not end"),
        ("orders > 1 orders < 3", 12, "a comparison is over"),
        ("(orders > 1", 12, "closed"),
        ("orders > 1 and", 15, "a field is compared"),
        ("", 1, "a field is compared"),
        ("last_order before 2026-02-30", 19, "no day 2026-02-30"),
        ("last_order before 0001-01-01", 19, "no day 0001-01-01"),
        ("last_order before 90 parsecs ago", 22, "no time that can be reckoned with"),
        ("last_order before 90 days", 26, "ends with `ago`"),
        ("last_order before 99999999 days ago", 28, "no time"),
        ('consent = "fax"', 11, "it cannot be"),
        ('city in "Lyon"', 9, "stands a list"),
        ("orders > 1; drop table customers", 11, "nothing begins with ;"),
        (f"{'(' * 30}orders > 1{')' * 30}", 21, "more than 20 brackets deep"),
        (f"{'not ' * 100}orders > 1", 81, "more than 20"),
    ],
)
async def test_what_is_not_understood_is_named_at_its_place(ctx: Context, written: str, at: int, says: str) -> None:
    with pytest.raises(FilterNotUnderstood, match=says) as refused:
        condition_of(ctx, written)
    assert refused.value.details["position"] == at
    assert f"Character {at} of the filter" in refused.value.message


async def test_the_field_that_was_meant_is_told(ctx: Context) -> None:
    with pytest.raises(FilterNotUnderstood) as refused:
        condition_of(ctx, "last_oder before today")
    assert refused.value.advice.startswith("Is last_order meant?")


@pytest.mark.parametrize(
    "text", ["'); drop table customers; --", "%(m)s", "{}", "%s", "$1", "\\' or true", "x' or '1'='1"]
)
async def test_what_people_write_is_never_run(people: NewShop, do: Do, ctx: Context, text: str) -> None:
    written = f'name = "{text.replace(chr(92), chr(92) * 2)}" or city contains "{text.replace(chr(92), chr(92) * 2)}"'
    assert condition_of(ctx, written).sql == condition_of(ctx, 'name = "Ana" or city contains "Ana"').sql

    made = await do(create_segment, name="Those", filter=written)
    assert (await do(list_customers, segment=made.reference)).data == []


async def test_who_agrees_to_a_channel_is_found(people: NewShop, do: Do) -> None:
    assert [row.name for row in (await do(list_customers, consent="email")).data] == ["Ana Torres"]


async def test_a_filter_that_is_not_understood_makes_no_segment(do: Do) -> None:
    with pytest.raises(FilterNotUnderstood):
        await do(create_segment, name="Those", filter="orders > many")
    assert (await do(list_segments)).data == []
