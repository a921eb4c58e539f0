"""A year of a real shop: the invoices of UCI's "Online Retail" (InvoiceNo, StockCode, Description, Quantity, InvoiceDate,
UnitPrice, CustomerID, Country), as csv or csv.gz, into a shop made for it.

An invoice becomes a completed, paid order of its date; its lines of goods are the order's lines, whatever else it charges or
takes off an adjustment. An invoice with C, the shop's cancellation of goods that were sold before, becomes a credit: which
invoice it takes back, the file does not say. Units written off or found, at no price and for nobody, are adjustments without
money. The file has no tax, parcels, stock or names: prices are as they stand, variants are not counted.
"""

import csv
import gzip
import io
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import groupby, islice
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import TupleRow

from db.models.orders import AdjustmentKind
from db.money import rounded
from db.seed.merchant import NewMerchant
from db.statistics import refresh_statistics
from importers.intake import ImportRefused, Intake
from importers.invoices import Invoice, Line, finish_catalogue, write_invoices

SOURCE = "online_retail"
SHOP = NewMerchant("online-retail", "Online Retail", "GBP", "Europe/London", "GB", prices_include_tax=False)
BATCH = 10_000  # lines, and the rest of the last invoice
SHOWN = 20  # unreadable lines that the report names
_ZONE = ZoneInfo(SHOP.zone)
_COLUMNS = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
_LARGEST = 2**31 - 1

# Codes that are no goods. All others are, gift vouchers among them.
_BESIDE_GOODS = {
    "POST": AdjustmentKind.postage,
    "DOT": AdjustmentKind.postage,
    "C2": AdjustmentKind.postage,
    "D": AdjustmentKind.discount,
    "S": AdjustmentKind.sample,
    "B": AdjustmentKind.bad_debt,
    "BANK CHARGES": AdjustmentKind.bank_charge,
    "AMAZONFEE": AdjustmentKind.fee,
    "CRUK": AdjustmentKind.fee,
    "M": AdjustmentKind.manual,
    "m": AdjustmentKind.manual,
}
_COUNTRIES = {
    "Australia": "AU", "Austria": "AT", "Bahrain": "BH", "Belgium": "BE", "Brazil": "BR", "Canada": "CA", "Cyprus": "CY",
    "Czech Republic": "CZ", "Denmark": "DK", "EIRE": "IE", "Finland": "FI", "France": "FR", "Germany": "DE", "Greece": "GR",
    "Hong Kong": "HK", "Iceland": "IS", "Israel": "IL", "Italy": "IT", "Japan": "JP", "Lebanon": "LB", "Lithuania": "LT",
    "Malta": "MT", "Netherlands": "NL", "Norway": "NO", "Poland": "PL", "Portugal": "PT", "RSA": "ZA", "Saudi Arabia": "SA",
    "Singapore": "SG", "Spain": "ES", "Sweden": "SE", "Switzerland": "CH", "USA": "US", "United Arab Emirates": "AE",
    "United Kingdom": "GB",
}  # fmt: skip


@dataclass
class Report:
    """What became of the file: each of its lines is in one of the counts of `lines`, with its money in `amounts`."""

    lines: dict[str, int] = field(default_factory=dict[str, int])
    amounts: dict[str, int] = field(default_factory=dict[str, int])
    invoices: int = 0
    credits: int = 0
    rounded: int = 0
    unreadable: list[str] = field(default_factory=list[str])

    @property
    def read(self) -> int:
        return sum(self.lines.values())

    def count(self, name: str, amount: int) -> None:
        self.lines[name] = self.lines.get(name, 0) + 1
        self.amounts[name] = self.amounts.get(name, 0) + amount

    def note(self, invoice: Invoice) -> None:
        """Count an invoice's lines: goods sold, credits, and adjustments by their kind."""
        for line in invoice.lines:
            self.count("credit" if invoice.is_credit else str(line.kind or "sold"), line.amount)
            self.rounded += line.amount != line.unit_price * line.quantity


class Unreadable(NamedTuple):
    """A line that is none of an invoice."""

    line: int
    why: str


def import_online_retail(
    connection: psycopg.Connection[TupleRow],
    merchant: uuid.UUID,
    file: Path,
    *,
    now: datetime,
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """Bring the file in, or what of it is not in yet; returns what became of all its lines.

    Raises `ImportRefused` for a shop that has other things, and for a file that is none of these.
    """
    with opened(file) as rows:
        intake = Intake(connection, merchant, SHOP.country, now)
        kept = intake.begin(SOURCE, file)
        if kept is None:
            progress(f"{file.name} was imported before")
            return _report_of(intake)
        report = Report(**kept)
        if intake.lines:
            progress(f"Going on after line {intake.lines:,}")
        for nth, batch in enumerate(_ahead(_batches(islice(rows, intake.lines, None), intake.lines))):
            _bring_in(intake, batch, report)
            if nth in (0, 8, 64):  # look-ups are planned for the size that the shop has
                refresh_statistics(connection)
            if nth % 5 == 0:
                progress(f"{intake.lines:,} lines, {report.invoices:,} invoices")
        progress("Titles, prices and what each customer bought")
        with intake.transaction():
            finish_catalogue(intake, SHOP.currency)
            intake.finish()
        refresh_statistics(connection)
    return report


def _report_of(intake: Intake) -> Report:
    with intake.transaction():
        ((report,),) = intake.rows(
            "select report from imports where merchant_id = %(m)s and id = %(id)s", id=intake.import_id
        )
    return Report(**report)


def _bring_in(intake: Intake, batch: "Batch", report: Report) -> None:
    """A batch of invoices, with the record of it, or nothing of them."""
    with intake.transaction():
        for invoice in write_invoices(intake, batch.invoices, SOURCE, SHOP.currency):
            report.invoices += 1
            report.credits += invoice.is_credit
        for invoice in batch.invoices:
            report.note(invoice)
        for line in batch.unreadable:
            report.count("unreadable", 0)
            report.unreadable = [*report.unreadable, f"line {line.line:,}: {line.why}"][:SHOWN]
        intake.keep(batch.lines, vars(report))


class Batch(NamedTuple):
    """Whole invoices, as far as their lines stand together, and what between them could not be read."""

    lines: int
    invoices: list[Invoice]
    unreadable: list[Unreadable]


def _batches(rows: Iterable[list[str]], before: int) -> Iterator[Batch]:
    """The rows, some thousand at a time; `before` so many were skipped. An invoice's number may come again later."""
    lines, invoices, unreadable = 0, dict[str, Invoice](), list[Unreadable]()
    for number, group in groupby(rows, key=lambda row: row[0] if row else ""):
        for row in group:
            lines += 1
            try:
                line = _line(row)
            except ValueError as wrong:
                unreadable.append(Unreadable(before + lines + 1, str(wrong)))  # the header is line 1
                continue
            if number not in invoices:
                invoices[number] = Invoice(number, _customer(row[6]), *_place(row[7]), lines=[])
            invoices[number].lines.append(line)
        if lines >= BATCH:
            yield Batch(lines, list(invoices.values()), unreadable)
            before, lines, invoices, unreadable = before + lines, 0, {}, []
    if lines:
        yield Batch(lines, list(invoices.values()), unreadable)


def _ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same, the next one read while the database writes the one before."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, batches, None)
        while batch := coming.result():
            coming = reader.submit(next, batches, None)
            yield batch


def _line(row: list[str]) -> Line:
    """Raises ValueError, saying what is wrong with it."""
    if len(row) != len(_COLUMNS):
        raise ValueError(f"{len(row)} columns instead of {len(_COLUMNS)}")
    number, sku, title, written, date, price, customer, _ = row
    try:
        quantity, unit_price, at = int(written), Decimal(price).scaleb(2), _moment(date)
    except (ValueError, InvalidOperation):
        raise ValueError(f"quantity {written!r}, price {price!r} or date {date!r} cannot be read") from None
    if not number or not sku or "/" in sku:
        raise ValueError(f"no invoice with the number {number!r} and the code {sku!r}")
    if not (0 < abs(quantity) <= _LARGEST and abs(unit_price) <= _LARGEST):
        raise ValueError(f"{written} at {price} is no quantity at a price")
    amount = rounded(unit_price * quantity)
    return Line(
        sku, title.strip() or sku, quantity, at, unit_price, amount, _kind(number, sku, quantity, unit_price, customer)
    )


def _kind(number: str, sku: str, quantity: int, price: Decimal, customer: str) -> AdjustmentKind | None:
    """What a line is beside goods; None for goods that were sold, at no price too, where somebody got them."""
    if sku in _BESIDE_GOODS:
        return _BESIDE_GOODS[sku]
    if number.startswith("C"):
        return AdjustmentKind.goods
    if price == 0 and (quantity < 0 or not customer):
        return AdjustmentKind.stock
    return AdjustmentKind.manual if price < 0 or quantity < 0 else None


@lru_cache(maxsize=64)
def _moment(written: str) -> datetime:
    """The clock of the shop's wall."""
    return datetime.fromisoformat(written).replace(tzinfo=_ZONE).astimezone(UTC)


def _customer(written: str) -> str | None:
    """Some spreadsheet has made a fraction of the number."""
    return written.removesuffix(".0") or None


def _place(country: str) -> tuple[str | None, str | None]:
    """The country's code; what is no country is kept as a region."""
    if country in _COUNTRIES:
        return _COUNTRIES[country], None
    return None, None if country in ("", "Unspecified") else country


@contextmanager
def opened(file: Path) -> Generator[Iterator[list[str]]]:
    """The rows below the header. Raises `ImportRefused` for another header, or none."""
    with file.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        unpacked: Any = gzip.GzipFile(fileobj=raw) if packed else raw
        rows = csv.reader(io.TextIOWrapper(unpacked, "utf-8-sig", newline=""))
        try:
            header = next(rows, None)
        except (UnicodeDecodeError, gzip.BadGzipFile, csv.Error):
            header = None
        if header != _COLUMNS:
            raise ImportRefused(
                f"{file.name} is not the Online Retail data.", hint=f"Its first line has to be {','.join(_COLUMNS)}."
            )
        yield rows
