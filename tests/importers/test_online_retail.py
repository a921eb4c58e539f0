"""The invoices of Online Retail as a shop: every figure of the analytics against the file, and no line lost or twice."""

import asyncio
import csv
import gzip
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from db import clock
from db.money import rounded
from importers import online_retail
from importers.intake import ImportRefused
from importers.online_retail import Report, import_online_retail
from tests.conftest import Do
from tests.factories import NewShop, make_variant
from tests.importers.conftest import made_for
from tests.tools.misfits import misfits
from tools.contract.call import Shop
from tools.customers.listing import list_customers
from tools.orders.detail import get_order
from tools.orders.listing import list_orders
from tools.orders.reports import sales_report
from tools.products.analytics import top_selling_products
from tools.rules.sales import By

YEAR = {"placed_from": "2011-01-01T00:00:00+00:00", "placed_until": "2012-01-01T00:00:00+00:00"}
BESIDE = ("POST", "DOT", "M", "AMAZONFEE", "BANK CHARGES")
COUNTRIES = {"United Kingdom": "GB", "EIRE": "IE", "Germany": "DE", "Channel Islands": "Not known"}


class Row(NamedTuple):
    """A line of the file."""

    invoice: str
    sku: str
    title: str
    quantity: int
    at: datetime
    price: Decimal
    customer: str
    country: str

    @property
    def amount(self) -> int:
        return rounded(self.price * self.quantity * 100)

    @property
    def is_credit(self) -> bool:
        return self.invoice.startswith("C")


def written(folder: Path, rows: Sequence[Row], name: str = "retail.csv") -> Path:
    """The rows as the file has them, customers with their fraction."""
    file = folder / name
    with (gzip.open if name.endswith(".gz") else open)(file, "wt", newline="") as out:
        lines = csv.writer(out)
        lines.writerow(
            ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
        )
        for row in rows:
            lines.writerow(
                [*row[:4], f"{row.at:%Y-%m-%d %H:%M:%S}", row.price, row.customer and f"{row.customer}.0", row[7]]
            )
    return file


def invoice(
    number: int | str, *lines: tuple[str, int, str], customer: str = "17850", at: str = "2011-03-01 08:26"
) -> list[Row]:
    return [
        Row(
            str(number),
            sku,
            f"TITLE {sku}",
            quantity,
            datetime.fromisoformat(at),
            Decimal(price),
            customer,
            "United Kingdom",
        )
        for sku, quantity, price in lines
    ]


def a_year(chance: random.Random, invoices: int = 120) -> list[Row]:
    """Invoices of all kinds: goods, credits, postage and fees, write-offs without a price, guests."""
    rows: list[Row] = []
    at = datetime.fromisoformat("2011-01-01 08:00")
    for nth in range(invoices):
        at += timedelta(minutes=chance.randrange(60, 6000))
        customer, country = chance.choice([*map(str, range(12346, 12358)), ""]), chance.choice(list(COUNTRIES))
        kind = chance.choices(("sale", "credit", "stock"), weights=(75, 18, 7))[0]
        name = f"C{536365 + nth}" if kind == "credit" else str(536365 + nth)
        for _ in range(chance.randrange(1, 9)):
            sku = chance.choice([*(f"2{n:04}{chance.choice(['', 'A', 'a'])}" for n in range(20)), *BESIDE])
            price, quantity = Decimal(chance.randrange(1, 2_000)).scaleb(-2), chance.randrange(1, 40)
            if kind == "stock":
                price, customer, sku = Decimal("0.00"), "", f"2{chance.randrange(20):04}"
                quantity = chance.choice((-quantity, quantity))
            quantity = -quantity if kind == "credit" else quantity
            rows.append(Row(name, sku, f"TITLE {sku}", quantity, at, price, customer, country))
    return rows


@pytest.fixture
async def empty(shop: Shop) -> NewShop:
    """A shop as the import makes it."""
    return await made_for(shop, online_retail.SHOP)


Bring = Callable[..., "asyncio.Future[Report]"]


@pytest.fixture
def bring(runtime_url: str, empty: NewShop) -> Bring:
    """Bring a file into the empty shop."""

    def run(file: Path, progress: Callable[[str], None]) -> Report:
        with psycopg.connect(runtime_url, autocommit=True) as connection:
            return import_online_retail(connection, empty.id, file, now=clock.now(), progress=progress)

    def begin(file: Path, progress: Callable[[str], None] = lambda _: None) -> "asyncio.Future[Report]":
        return asyncio.ensure_future(asyncio.to_thread(run, file, progress))

    return begin


def added(rows: Sequence[Row], key: Callable[[Row], str]) -> dict[str, int]:
    sums: dict[str, int] = defaultdict(int)
    for row in rows:
        sums[key(row)] += row.amount
    return {name: amount for name, amount in sums.items() if amount}


# ---- the figures ---------------------------------------------------------------------------------------------------------


async def test_the_analytics_are_those_of_the_file_to_the_penny(
    bring: Bring, empty: NewShop, as_owner: Do, chance: random.Random, tmp_path: Path
) -> None:
    rows = a_year(chance)
    report = await bring(written(tmp_path, rows, "retail.csv.gz"))

    whole = await as_owner(sales_report, **YEAR)
    billed = [row for row in rows if not row.is_credit]
    orders = len({row.invoice for row in billed})
    assert whole.totals.net.amount == sum(row.amount for row in rows)
    assert whole.totals.refunds.amount == -sum(row.amount for row in rows if row.is_credit)
    assert whole.totals.orders == orders
    assert whole.totals.average_order_value is not None
    assert whole.totals.average_order_value.amount == rounded(Decimal(sum(row.amount for row in billed)) / orders)

    months = await as_owner(sales_report, **YEAR, group_by=By.month)
    assert {group.group: group.net.amount for group in months.groups if group.net.amount} == added(
        rows, lambda row: f"{row.at:%Y-%m}-01"
    )
    countries = await as_owner(sales_report, **YEAR, group_by=By.country)
    assert {group.group: group.net.amount for group in countries.groups} == added(
        rows, lambda row: COUNTRIES[row.country]
    )
    products = await as_owner(top_selling_products, **YEAR, by="revenue", limit=100)
    sold = {row.title.removeprefix("TITLE "): row.revenue.amount for row in products.data if row.revenue.amount}
    assert sold == added(rows, lambda row: row.sku)
    assert report.read == len(rows)
    assert await misfits(empty) == {}


async def test_what_customers_spent_is_less_by_their_credits_which_are_no_orders(
    bring: Bring, as_owner: Do, chance: random.Random, tmp_path: Path
) -> None:
    rows = a_year(chance)
    await bring(written(tmp_path, rows))

    found = await as_owner(list_customers, sort="spend", limit=100)

    known = [row for row in rows if row.customer]
    spent = {customer.name: customer.spend.amount for customer in found.data if customer.spend.amount}
    assert spent == added(known, lambda row: f"Customer {row.customer}")
    bought = {customer.name: customer.orders for customer in found.data}
    numbers = {row.customer for row in known}
    assert bought == {
        f"Customer {one}": len({row.invoice for row in known if row.customer == one and not row.is_credit})
        for one in numbers
    }


async def test_what_is_no_sale_of_goods_is_an_adjustment_of_its_order(
    bring: Bring, as_owner: Do, tmp_path: Path
) -> None:
    rows = invoice(536370, ("22728", 24, "3.75"), ("POST", 3, "18.00"), ("M", 1, "0.001"))
    await bring(written(tmp_path, rows))

    order = await as_owner(get_order, order="536370")

    assert [(line.sku, line.quantity, line.total.amount) for line in order.lines] == [("22728", 24, 9_000)]
    assert [(one.kind, one.title, one.quantity, one.amount.amount) for one in order.adjustments] == [
        ("postage", "TITLE POST", 3, 5_400), ("manual", "TITLE M", 1, 0),
    ]  # fmt: skip
    assert (order.subtotal.amount, order.adjusted.amount, order.total.amount) == (9_000, 5_400, 14_400)
    assert (order.status, order.payment_state, order.fulfilment_state) == ("completed", "paid", "fulfilled")


async def test_a_cancellation_is_a_credit_of_its_own_number(bring: Bring, as_owner: Do, tmp_path: Path) -> None:
    rows = invoice(536365, ("71053", 6, "3.39")) + invoice("C536379", ("71053", -2, "3.39"), ("D", -1, "27.50"))
    await bring(written(tmp_path, rows))

    credit = await as_owner(get_order, order="C536379")

    assert (credit.status, credit.total.amount, credit.lines) == ("cancelled", -3_428, [])
    assert [(one.kind, one.amount.amount) for one in credit.adjustments] == [("goods", -678), ("discount", -2_750)]


async def test_units_written_off_or_found_move_no_money_and_are_not_sold(
    bring: Bring, as_owner: Do, tmp_path: Path
) -> None:
    rows = invoice(1, ("22139", 23, "4.25")) + invoice(2, ("22139", -50, "0"), ("22139", 9, "0"), customer="")
    await bring(written(tmp_path, rows))

    report = await as_owner(sales_report, **YEAR)

    assert (report.totals.units, report.totals.net.amount, report.totals.orders) == (23, 9_775, 2)


async def test_a_price_with_fractions_of_a_penny_comes_to_the_amount_of_its_line(
    bring: Bring, as_owner: Do, tmp_path: Path
) -> None:
    report = await bring(written(tmp_path, invoice(1, ("PADS", 1_001, "0.0125"))))

    order = await as_owner(get_order, order="1")

    assert (order.total.amount, order.lines[0].unit_price.amount, report.rounded) == (1_251, 2, 1)


async def test_skus_are_as_written_and_titles_those_under_which_most_was_sold(
    bring: Bring, as_owner: Do, tmp_path: Path
) -> None:
    rows = invoice(1, ("47503j", -4, "0"), customer="") + invoice(2, ("47503J", 1, "2.00"), ("47503j", 1, "3.00"))
    rows[0] = rows[0]._replace(title="damaged?")
    await bring(written(tmp_path, rows))

    products = await as_owner(top_selling_products, **YEAR)

    assert {row.title for row in products.data} == {"TITLE 47503J", "TITLE 47503j"}


# ---- no line lost, none twice --------------------------------------------------------------------------------------------


class Killed(Exception):
    """As far as the database can see, a process that is no more."""


async def test_an_import_that_was_killed_goes_on_where_it_was(
    bring: Bring,
    empty: NewShop,
    as_owner: Do,
    chance: random.Random,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(online_retail, "BATCH", 15)
    rows, said = a_year(chance), list[str]()
    file = written(tmp_path, rows)

    def kill_after(steps: int) -> Callable[[str], None]:
        def told(text: str) -> None:
            said.append(text)
            if len([line for line in said if "invoices" in line]) >= steps:
                raise Killed

        return told

    with pytest.raises(Killed):
        await bring(file, kill_after(2))
    monkeypatch.setattr("importers.intake.Intake.finish", _die)
    with pytest.raises(Killed):
        await bring(file)
    monkeypatch.undo()
    report = await bring(file, said.append)

    assert any(line.startswith("Going on after line") for line in said)
    assert report.read == len(rows)
    assert report.invoices == len({row.invoice for row in rows})
    whole = await as_owner(sales_report, **YEAR)
    assert whole.totals.net.amount == sum(row.amount for row in rows) == sum(report.amounts.values())
    assert await misfits(empty) == {}


def _die(*_: object) -> None:
    raise Killed


async def test_a_file_that_is_in_is_not_brought_in_again(bring: Bring, as_owner: Do, tmp_path: Path) -> None:
    file, said = written(tmp_path, invoice(1, ("71053", 6, "3.39"))), list[str]()
    first = await bring(file)

    assert await bring(file, said.append) == first
    assert said == ["retail.csv was imported before"]
    assert len((await as_owner(list_orders)).data) == 1


async def test_an_invoice_whose_number_comes_again_later_is_one_order(
    bring: Bring, empty: NewShop, as_owner: Do, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(online_retail, "BATCH", 2)
    parts = [("A1", 1, "1.00"), ("A2", 2, "1.00")], [("POST", 1, "5.00"), ("A3", 3, "1.00")]
    between = invoice(8, ("A1", 1, "1.00"), ("A2", 1, "1.00"))
    report = await bring(written(tmp_path, invoice(7, *parts[0]) + between + invoice(7, *parts[1])))

    order = await as_owner(get_order, order="7")

    assert [line.sku for line in order.lines] == ["A1", "A2", "A3"]
    assert (order.total.amount, order.paid.amount, order.payment_state, report.invoices) == (1_100, 1_100, "paid", 2)
    assert await misfits(empty) == {}


async def test_lines_that_cannot_be_read_are_told_with_their_number(bring: Bring, tmp_path: Path) -> None:
    file = written(tmp_path, invoice(1, ("71053", 6, "3.39"), ("22139", 1, "2.00"), ("A/B", 1, "2.00")))
    file.write_text(file.read_text().replace(",1,2011-03-01 08:26:00,2.00", ",many,2011-03-01 08:26:00,2.00", 1))

    report = await bring(file)

    assert report.lines == {"sold": 1, "unreadable": 2}
    assert [line.partition(":")[0] for line in report.unreadable] == ["line 3", "line 4"]
    assert "'many'" in report.unreadable[0]
    assert "'A/B'" in report.unreadable[1]


async def test_a_file_of_something_else_is_refused(bring: Bring, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    for text in ("Handle,Title\nmug,Mug\n", "", "\x00\x01"):
        other.write_text(text)
        with pytest.raises(ImportRefused, match=r"other\.csv is not the Online Retail data"):
            await bring(other)


async def test_a_shop_that_has_other_things_is_left_alone(bring: Bring, empty: NewShop, tmp_path: Path) -> None:
    async with empty.shop.database.transaction(empty.id) as sql:
        make_variant(sql, stock=0)
        await sql.commit()

    with pytest.raises(ImportRefused, match=r"products already, and not from retail\.csv"):
        await bring(written(tmp_path, invoice(1, ("71053", 6, "3.39"))))
