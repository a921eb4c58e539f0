"""The product sheet: the columns of Shopify's product CSV, and what their cells mean here, whichever way they go.

A product is the lines with one handle, one after the other. Its own columns are read from the first of them; each line is a
variant, a picture, or both.
"""

import csv
import re
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import IO, Annotated, Any, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from db.models.products import ProductStatus
from db.money import exponent
from db.text import slug
from tools.contract.declare import Input
from tools.contract.errors import Invalid
from tools.contract.fields import MinorUnits, Name, NotOurs, Written
from tools.contract.jobs import LineError
from tools.products.creation import Prose, Sku, is_above
from tools.products.detail import Medium
from tools.products.shelves import LEVELS
from tools.rules.spreadsheets import SEPARATORS, Row, rows, text_of

MOST_OPTIONS, MOST_ROWS = 5, 400  # of a product: more lines than 250 variants and 100 pictures can need
WRITTEN_OPTIONS = 3  # as many as Shopify has; further ones follow where a product needs them
COLUMNS = (
    "Handle", "Title", "Body (HTML)", "Vendor", "Product Category", "Type", "Tags", "Published",
    *(f"Option{number} {part}" for number in range(1, WRITTEN_OPTIONS + 1) for part in ("Name", "Value")),
    "Variant SKU", "Variant Grams", "Variant Inventory Tracker", "Variant Inventory Qty", "Variant Inventory Policy",
    "Variant Fulfillment Service", "Variant Price", "Variant Compare At Price", "Variant Requires Shipping",
    "Variant Taxable", "Variant Barcode", "Image Src", "Image Position", "Image Alt Text", "Gift Card", "SEO Title",
    "SEO Description", "Variant Weight Unit", "Cost per item", "Status",
)  # fmt: skip
# The same columns as Shopify's newer template calls them.
_ALIASES = {
    "url handle": "Handle", "description": "Body (HTML)", "published on online store": "Published", "sku": "Variant SKU",
    "weight value (grams)": "Variant Grams", "inventory tracker": "Variant Inventory Tracker", "price": "Variant Price",
    "inventory quantity": "Variant Inventory Qty", "continue selling when out of stock": "Variant Inventory Policy",
    "compare-at price": "Variant Compare At Price", "charge tax": "Variant Taxable", "barcode": "Variant Barcode",
    "product image url": "Image Src", "requires shipping": "Variant Requires Shipping",
    "weight unit for display": "Variant Weight Unit", "fulfillment service": "Variant Fulfillment Service",
}  # fmt: skip
_FURTHER = [
    f"Option{number} {part}" for number in range(WRITTEN_OPTIONS + 1, MOST_OPTIONS + 1) for part in ("Name", "Value")
]
_KNOWN = {name.casefold(): name for name in (*COLUMNS, *_FURTHER)} | _ALIASES
# Read by nobody: what they say has no place here, or is said by another column.
_WITHOUT_MEANING = {"Variant Fulfillment Service", "Variant Weight Unit", "Variant Requires Shipping"}
_TRUE, _FALSE = {"true", "yes", "1", "continue"}, {"false", "no", "0", "deny"}
_OF_A_VARIANT = [name for name in COLUMNS if name.startswith(("Variant ", "Cost ")) and name not in _WITHOUT_MEANING]
ATTRIBUTES = {"Type": "type", "SEO Title": "seo_title", "SEO Description": "seo_description"}
_METAFIELD = re.compile(r"(?P<name>.*)\(product\.metafields\.[\w$-]+\.(?P<key>[\w-]+)\)", re.IGNORECASE | re.DOTALL)
NO_CHOICE = ("Title", "Default Title")  # Shopify's option of a product that has none


class NotAProductSheet(Invalid):
    """The file lacks a column without which no product can be told from another."""

    hint = "Begin with a line of column names, as Shopify's product CSV has them: Handle, Title, Variant SKU, Variant Price."


class SheetVariant(Input):
    """What a line says of a variant; a field without its column is not set."""

    sku: Sku | None = None
    options: dict[Written, Name] = Field(default={}, max_length=MOST_OPTIONS)
    price: MinorUnits | None = Field(default=None, ge=0, le=10**12)
    compare_at: MinorUnits | None = Field(default=None, ge=0, le=10**12)
    cost: Decimal | None = Field(default=None, ge=0, le=10**12)
    barcode: Written | None = None
    weight_grams: int | None = Field(default=None, ge=0, le=10_000_000)
    tracked: bool = True
    allow_backorder: bool = False
    quantity: int = Field(default=0, ge=-10_000_000, le=10_000_000)
    taxable: bool = True
    line: int

    @model_validator(mode="after")
    def _compares_with_more(self) -> Self:
        is_above(self.compare_at, self.price)
        return self


class SheetProduct(Input):
    """What the lines of a handle say of a product; a field without its column is not set."""

    handle: Annotated[Written, NotOurs]
    title: Name | None = None
    description: Prose = ""
    brand: Name | None = None
    category: list[Name] = Field(default=[], max_length=LEVELS)
    tags: list[Written] = Field(default=[], max_length=100)
    attributes: dict[Written, Annotated[str, StringConstraints(max_length=20_000)]] = Field(default={}, max_length=100)
    media: list[Medium] = Field(default=[], max_length=100)
    status: ProductStatus | None = None
    published: bool | None = None
    variants: list[SheetVariant] = Field(max_length=250)
    line: int


_COLUMN_OF = {
    "handle": "Handle", "title": "Title", "description": "Body (HTML)", "brand": "Vendor", "category": "Product Category",
    "tags": "Tags", "media": "Image Src", "status": "Status", "published": "Published", "sku": "Variant SKU",
    "options": "Option1 Value", "price": "Variant Price", "compare_at": "Variant Compare At Price", "cost": "Cost per item",
    "barcode": "Variant Barcode", "weight_grams": "Variant Grams", "tracked": "Variant Inventory Tracker",
    "allow_backorder": "Variant Inventory Policy", "quantity": "Variant Inventory Qty", "taxable": "Variant Taxable",
    "attributes": "SEO Title", "variants": "Handle",
}  # fmt: skip


@dataclass
class Group:
    """The lines of one handle: a product, or what is wrong with them."""

    line: int
    handle: str
    lines: int = 1
    product: SheetProduct | None = None
    errors: list[LineError] = field(default_factory=list[LineError])

    def refuse(self, line: int, column: str, code: str, message: str, hint: str = "") -> None:
        self.errors.append(
            LineError(line, column, code, message, hint or "Correct the cell, and import the file again.")
        )


class Sheet:
    """A file, read product by product."""

    def __init__(self, file: IO[bytes], currency: str) -> None:
        self._rows = rows(file, separator_of)
        self._currency = currency
        self.line = 1  # as far as it was read
        self._columns = _columns(next(self._rows, Row(1, [])).cells)
        self.ignored = [name for name in self._columns if name not in _KNOWN.values() and not attribute_of(name)]

    def products(self) -> Generator[Group]:
        """Raises `NotReadable` at a line that cannot be read."""
        together: list[Row] = []
        for row in self._rows:
            if together and (self._handle(row) != self._handle(together[0]) or not self._handle(row)):
                yield self._group(together)
                together = []
            if len(together) <= MOST_ROWS:
                together.append(row)
        if together:
            yield self._group(together)

    def _handle(self, row: Row) -> str:
        at = self._columns["Handle"]
        return text_of(row.cells[at]) if at < len(row.cells) else ""

    def _group(self, together: list[Row]) -> Group:
        group = Group(together[0].line, self._handle(together[0]), len(together))
        self.line = together[-1].line
        if not group.handle:
            group.refuse(
                group.line,
                "Handle",
                "HandleMissing",
                "The line has no handle.",
                "Give each product a handle of its own.",
            )
        elif len(together) > MOST_ROWS:
            group.refuse(group.line, "Handle", "TooManyLines", f"{group.handle} has more than {MOST_ROWS} lines.")
        else:
            lines = [_Line(row, self._columns, group, self._currency) for row in together]
            group.product = _read(group, lines) if not group.errors else None
        return group


@cache
def attribute_of(column: str) -> str | None:
    """The attribute in a column: one of the sheet's own, or a metafield (`Material (product.metafields.custom.material)`)."""
    found = _METAFIELD.fullmatch(column)
    return ATTRIBUTES.get(column) or (found and (found["name"].strip() or found["key"]))


def metafield_of(attribute: str) -> str:
    """The column of an attribute, as Shopify names it."""
    return f"{attribute} (product.metafields.custom.{slug(attribute).replace('-', '_') or 'attribute'})"


def separator_of(header: str) -> str:
    """What stands between the column names. Raises `NotAProductSheet` where nothing makes columns of them that are known."""

    def known(sign: str) -> int:
        return sum(name.strip().strip('"').casefold() in _KNOWN for name in header.split(sign))

    best = max(SEPARATORS, key=known)
    names = {_KNOWN.get(name.strip().strip('"').casefold()) for name in header.split(best)}
    if missing := {"Handle", "Title"} - names:
        raise NotAProductSheet(
            f"The first line has no column {' and no column '.join(sorted(missing))}: “{header.strip()[:80]}”."
        )
    return best


def _columns(header: list[str]) -> dict[str, int]:
    """Each column's place, by the name that it has here. Raises `NotAProductSheet` for one that stands there twice."""
    found: dict[str, int] = {}
    for place, written in enumerate(header):
        name = _KNOWN.get(written.strip().casefold(), text_of(written))
        if name and name in found:
            raise NotAProductSheet(f"Two columns are called {name}.", hint="Leave one of them out.")
        if name:
            found[name] = place
    return found


class _Line:
    """A line's cells by column; one whose column the file lacks is None, and one that cannot be read is an error of its group."""

    def __init__(self, row: Row, columns: Mapping[str, int], group: Group, currency: str) -> None:
        self.line = row.line
        self._cells, self._columns, self._group, self._currency = row.cells, columns, group, currency
        if any(cell.strip() for cell in row.cells[max(columns.values()) + 1 :]):
            message = f"The line has {len(row.cells)} cells, and there are {max(columns.values()) + 1} columns."
            group.refuse(row.line, "", "TooManyCells", message, "Put cells that contain a separator into quotes.")

    def text(self, column: str) -> str | None:
        at = self._columns.get(column)
        return None if at is None else text_of(self._cells[at]) if at < len(self._cells) else ""

    def yes(self, column: str) -> bool | None:
        """None for an empty cell, too."""
        written = (self.text(column) or "").casefold()
        if written and written not in _TRUE | _FALSE:
            self._wrong(column, "NotYesOrNo", f"{written[:40]} is neither TRUE nor FALSE.")
        return written in _TRUE if written else None

    def number(self, column: str) -> int | None:
        written = self.text(column)
        if not written:
            return None
        try:
            value = Decimal(written)
            if value.is_finite() and value == value.to_integral_value() and abs(value) < 10**15:
                return int(value)
        except InvalidOperation:
            pass
        return self._wrong(column, "NotANumber", f"{written[:40]} is not a whole number.")

    def money(self, column: str, *, decimals: int = 0) -> Decimal | None:
        """Minor units. `12.90`, `12,90` and `1,234.50` are read; what could mean two amounts is not."""
        written = self.text(column)
        if not written:
            return None
        plain = re.sub(r",(?=\d{3}\b)", "", written) if "." in written else re.sub(r",(?=\d{1,2}$)", ".", written)
        places = exponent(self._currency)
        if not re.fullmatch(r"\d{1,12}(\.\d+)?", plain):
            return self._wrong(
                column,
                "NotAnAmount",
                f"{written[:40]} is not an amount.",
                "Write it as 1234.50, without a currency sign.",
            )
        minor = Decimal(plain).scaleb(places)
        if minor != minor.quantize(Decimal(1).scaleb(-decimals)):
            return self._wrong(
                column, "TooManyDecimals", f"{written[:40]} has more decimals than {self._currency} has ({places})."
            )
        return minor

    def attributes(self) -> dict[str, str]:
        """What stands in the columns of attributes; of two columns of one attribute, what stands in the last that has anything."""
        cells = {column: self.text(column) or "" for column in self._columns if attribute_of(column)}
        named: dict[str, str] = {}
        for column, text in cells.items():
            name = attribute_of(column) or ""
            named[name] = text or named.get(name, "")
        return named

    @property
    def is_a_variant(self) -> bool:
        """Whether more than a picture stands on it."""
        return any(self.text(column) for column in ("Option1 Value", *_OF_A_VARIANT))

    @property
    def place_of_picture(self) -> tuple[int, int]:
        return self.number("Image Position") or 10**6, self.line

    def variant(self) -> dict[str, Any]:
        """Its columns of a variant, as fields; an empty cell of a price, a cost or a SKU says nothing."""
        given: dict[str, Any] = {
            "sku": self.text("Variant SKU") or None, "price": self.money("Variant Price"),
            "compare_at": self.money("Variant Compare At Price"), "cost": self.money("Cost per item", decimals=4),
            "barcode": self.text("Variant Barcode") or None, "weight_grams": self.number("Variant Grams"),
            "tracked": self.text("Variant Inventory Tracker") != "", "quantity": self.number("Variant Inventory Qty"),
            "allow_backorder": self.yes("Variant Inventory Policy"), "taxable": self.yes("Variant Taxable"),
        }  # fmt: skip
        clears = {"compare_at", "barcode", "weight_grams"}
        return {
            name: part for name, part in given.items()
            if self.text(_COLUMN_OF[name]) is not None and (part is not None or name in clears)
        }  # fmt: skip

    def _wrong(self, column: str, code: str, message: str, hint: str = "") -> None:
        self._group.refuse(self.line, column, code, message, hint)


def _read(group: Group, lines: list[_Line]) -> SheetProduct | None:
    variants = _variants(group, lines)
    given = _of_product(group, lines[0])
    if lines[0].text("Image Src") is not None:
        given["media"] = _media(lines)
    if group.errors:
        return None
    try:
        return SheetProduct(handle=group.handle, line=group.line, variants=variants, **given)
    except ValidationError as invalid:
        _refuse_invalid(group, invalid, group.line)
        return None


def _of_product(group: Group, first: _Line) -> dict[str, Any]:
    """The product's own columns, as fields; those that the file lacks are left out."""
    texts = {"title": "Title", "description": "Body (HTML)", "brand": "Vendor"}
    given: dict[str, Any] = {
        name: first.text(column) for name, column in texts.items() if first.text(column) is not None
    }
    given = {name: part or ("" if name == "description" else None) for name, part in given.items()}
    if (tags := first.text("Tags")) is not None:
        given["tags"] = list(dict.fromkeys(listed(tags)))
    shelf = first.text("Product Category")
    shelf = first.text("Type") if shelf is None else shelf  # older sheets have no other
    if shelf is not None:
        given["category"] = [part.strip() for part in shelf.split(" > ") if part.strip()]
    if attributes := first.attributes():
        given["attributes"] = attributes
    if first.yes("Gift Card"):
        group.refuse(
            first.line,
            "Gift Card",
            "GiftCard",
            "Gift cards are no products here.",
            "Leave their lines out of the file.",
        )
    given |= {"published": first.yes("Published"), "status": _status(group, first)}
    return given


def _status(group: Group, first: _Line) -> ProductStatus | None:
    written = (first.text("Status") or "").casefold()
    known = {
        "": None,
        "unlisted": ProductStatus.inactive,
        **{name: ProductStatus(name) for name in ("active", "draft", "archived")},
    }
    if written not in known:
        group.refuse(
            first.line, "Status", "UnknownStatus", f"{written[:40]} is no status.", "Write active, draft or archived."
        )
    return known.get(written)


def _media(lines: Iterable[_Line]) -> list[dict[str, str]]:
    """The pictures in the order of their positions; those without one keep the order of their lines."""
    ordered = sorted((line for line in lines if line.text("Image Src")), key=lambda line: line.place_of_picture)
    return [{"url": line.text("Image Src") or "", "alt": line.text("Image Alt Text") or ""} for line in ordered]


def _variants(group: Group, lines: list[_Line]) -> list[SheetVariant]:
    names = [lines[0].text(f"Option{number} Name") or "" for number in range(1, MOST_OPTIONS + 1)]
    found: list[SheetVariant] = []
    for line in lines:
        if not line.is_a_variant:
            continue
        values = [line.text(f"Option{number} Value") or "" for number in range(1, MOST_OPTIONS + 1)]
        options = {
            name: value
            for name, value in zip(names, values, strict=True)
            if (name or value) and (name, value) != NO_CHOICE
        }
        given = line.variant()
        if group.errors:
            continue
        try:
            found.append(SheetVariant(options=options, line=line.line, **given))
        except ValidationError as invalid:
            _refuse_invalid(group, invalid, line.line)
    return found


def _refuse_invalid(group: Group, invalid: ValidationError, line: int) -> None:
    for error in invalid.errors(include_url=False, include_input=False):
        name = str(error["loc"][0]) if error["loc"] else "compare_at"
        message = error["msg"].removeprefix("Value error, ")
        group.refuse(line, _COLUMN_OF.get(name, ""), "InvalidCell", f"{message}.")


def listed(tags: str) -> list[str]:
    """`gift, "red, white", new`: a tag that has a comma stands in quotes."""
    return [
        tag.strip()
        for tag in next(csv.reader([tags.replace("\n", " ")], skipinitialspace=True), list[str]())
        if tag.strip()
    ]


def as_listed(tags: Iterable[str]) -> str:
    return ", ".join('"' + tag.replace('"', '""') + '"' if re.search(r'[,"]', tag) else tag for tag in tags)


def shown_status(status: ProductStatus) -> tuple[str, bool]:
    """Status and Published, as the sheet has them. What sells off is active there, what is taken offline is not published."""
    match ProductStatus(status):
        case ProductStatus.active | ProductStatus.discontinued:
            return "active", True
        case ProductStatus.inactive:
            return "active", False
        case ProductStatus.draft | ProductStatus.archived:
            return str(status), False


def status_after(before: ProductStatus | None, product: SheetProduct) -> ProductStatus:
    """What becomes of a product by the sheet; what the sheet would show in the same way stays as it is."""
    match product.status, product.published:
        case None, None:
            return before or ProductStatus.draft
        case None, False if before not in (ProductStatus.active, ProductStatus.discontinued):
            return before or ProductStatus.draft
        case ((None | ProductStatus.active), False):
            after = ProductStatus.inactive
        case (ProductStatus.draft | ProductStatus.inactive | ProductStatus.archived) as status, _:
            after = status
        case _:
            after = ProductStatus.active
    return before if before and shown_status(before) == shown_status(after) else after
