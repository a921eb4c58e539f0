"""The demo shop's shelves: warehouses, suppliers, products with their variants and price history, taxes, shipping, promotions."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product as combinations

from db.models.backoffice import ShippingMethod, TaxRate
from db.models.inventory import Supplier
from db.models.products import Category, Price, Product, ProductStatus, Variant, option_key, search_text
from db.models.warehouse import Warehouse
from db.seed.demo_products import DRAFTS, SEASONS, SHELVES, STATUSES, SUPPLIERS
from db.seed.draft import Draft, Row
from db.text import fold

DAYS = 365  # how far back the shop goes
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
TRADE = "trade"
MISPRICED = "CLOTH-LINEN-140X200-SAGE"  # since three weeks below its cost
UNTRACKED = "untracked"

# country: standard and reduced VAT
TAXES = {
    "FR": ("0.20", "0.055"), "DE": ("0.19", "0.07"), "BE": ("0.21", "0.06"), "ES": ("0.21", "0.10"), "IT": ("0.22", "0.10"),
    "NL": ("0.21", "0.09"), "CH": ("0.081", "0.026"), "PT": ("0.23", "0.06"), "GB": ("0.20", "0.00"), "AT": ("0.20", "0.10"),
    "SE": ("0.25", "0.12"), "PL": ("0.23", "0.05"),
}  # fmt: skip

# code: warehouse's name, street, city, region, postcode, country, and the countries that it serves first
WAREHOUSES = {
    "LYO": ("Lyon", "14 rue de Gerland", "Lyon", "Auvergne-Rhône-Alpes", "69007", "FR", "FR CH"),
    "LIL": ("Lille", "3 avenue du Port Fluvial", "Lille", "Hauts-de-France", "59000", "FR", "BE NL DE GB AT SE PL"),
    "BCN": ("Barcelona", "Carrer de la Llacuna 22", "Barcelona", "Cataluña", "08005", "ES", "ES PT IT"),
}

# code: name, countries, price, free above, grams at most, price from a weight in grams up
SHIPPING: dict[str, tuple[str, str, int, int | None, int, dict[int, int]]] = {
    "standard": ("Standard delivery", "FR BE DE ES IT NL PT AT SE PL", 490, 6_000, 30_000, {10_000: 990}),
    "pickup": ("Pick-up point", "FR BE", 390, 6_000, 15_000, {}),
    "express": ("Express, next working day", "FR BE DE ES IT NL", 1_290, None, 20_000, {}),
    "international": ("International delivery", "CH GB", 1_490, 15_000, 20_000, {}),
}


@dataclass
class Sku:
    """A variant as the sales see it. Prices and cost are minor units; `prices` are (from when, amount), oldest first."""

    index: int
    variant: Row
    product: Row
    shelf: str
    category_id: object
    tags: tuple[str, ...]
    supplier: Row
    cost: Decimal
    share: float
    prices: list[tuple[datetime, int]]
    trade: list[tuple[datetime, int]] = field(default_factory=list[tuple[datetime, int]])

    @property
    def code(self) -> str:
        return self.variant["sku"]

    @property
    def tracked(self) -> bool:
        return self.variant["tracked"]

    @property
    def reordered(self) -> bool:
        return self.product["status"] == ProductStatus.active

    def price_at(self, moment: datetime, trade: bool) -> int:
        history = self.trade if trade and self.trade else self.prices
        return next(amount for since, amount in reversed(history) if since <= moment)

    def season(self, month: int) -> float:
        """How much better than usual it sells in a month, 1 to 12."""
        factor = 1.0
        for tag in self.tags:
            factor *= SEASONS[tag][month - 1] if tag in SEASONS else 1.0
        return factor

    def sold_on(self, day: date, today: date) -> bool:
        """Archived products left a while ago, others are still sold."""
        return self.product["status"] != ProductStatus.archived or (today - day).days > 150


@dataclass
class Catalogue:
    skus: list[Sku]
    warehouses: list[Row]
    suppliers: list[Row]
    taxes: dict[tuple[str, str], Decimal]
    categories: dict[str, Row]


def write_catalogue(draft: Draft) -> Catalogue:
    """All that stands in the shop before the first order."""
    opened = draft.at(draft.today - timedelta(days=DAYS + 30), 9 * 3600)
    suppliers: dict[str, Row] = {}
    for number, line in enumerate(SUPPLIERS.splitlines()):
        name, country, days = (part.strip() for part in line.split("|"))
        suppliers[name] = draft.add(
            Supplier, opened, name=name, country=country, currency="EUR", lead_time_days=int(days),
            email=f"orders@{fold(name).replace(' ', '-')}.example", phone=f"+33 4 72 00 10 {10 + number}",
        )  # fmt: skip
    catalogue = Catalogue([], _warehouses(draft, opened), list(suppliers.values()), _taxes(draft, opened), {})
    _shipping(draft, opened)
    for text, status in ((SHELVES, ProductStatus.active), (DRAFTS, ProductStatus.draft)):
        for shelf, line in _lines(text):
            _product(draft, catalogue, shelf, line, suppliers, status, opened)
    return catalogue


def _lines(text: str) -> Iterator[tuple[list[str], list[str]]]:
    shelf: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if line.startswith(" "):
            yield shelf, cells
        else:
            shelf = cells


def _warehouses(draft: Draft, opened: datetime) -> list[Row]:
    return [
        draft.add(
            Warehouse, opened, code=code, name=name, line1=street, city=city, region=region, postcode=postcode,
            country=country, priority=priority,
        )
        for priority, (code, (name, street, city, region, postcode, country, _)) in enumerate(WAREHOUSES.items(), start=1)
    ]  # fmt: skip


def _taxes(draft: Draft, opened: datetime) -> dict[tuple[str, str], Decimal]:
    rates = {
        (country, tax_class): Decimal(rate)
        for country, both in TAXES.items()
        for tax_class, rate in zip(("standard", "reduced"), both, strict=True)
    }
    for (country, tax_class), rate in rates.items():
        name = f"VAT {country} {tax_class} {rate * 100:.1f} %"
        draft.add(TaxRate, opened, name=name, country=country, tax_class=tax_class, rate=rate, valid_from=LONG_AGO)
    return rates


def _shipping(draft: Draft, opened: datetime) -> None:
    for position, (code, (name, countries, price, free, grams, tiers)) in enumerate(SHIPPING.items()):
        draft.add(
            ShippingMethod, opened, code=code, name=name, countries=countries.split(), currency="EUR", price=price,
            free_above=free, max_weight_grams=grams, position=position,
            tiers=[{"above_weight": above, "price": more} for above, more in tiers.items()],
        )  # fmt: skip


def _category(draft: Draft, catalogue: Catalogue, path: str, opened: datetime) -> Row:
    if path not in catalogue.categories:
        above, _, name = path.rpartition(" > ")
        parent = _category(draft, catalogue, above, opened) if above else None
        slug = fold(path).replace(" > ", "-").replace(" ", "-")
        catalogue.categories[path] = draft.add(
            Category,
            opened,
            name=name,
            slug=slug,
            parent_id=parent and parent["id"],
            position=len(catalogue.categories),
        )
    return catalogue.categories[path]


def _product(
    draft: Draft, catalogue: Catalogue, shelf: list[str], cells: list[str], suppliers: dict[str, Row],
    status: ProductStatus, opened: datetime,
) -> None:  # fmt: skip
    path, brand, material, supplier, _ = shelf
    title, base, price, _, _, pull, choices, tag_list = cells
    options = [
        (name.strip(), [value.strip() for value in values.split(",")])
        for name, _, values in (choice.partition(":") for choice in choices.split(";") if choice)
    ]
    tags = [tag.strip() for tag in tag_list.split(",")]
    category = _category(draft, catalogue, path, opened)
    row = draft.add(
        Product, opened, status=ProductStatus(STATUSES.get(base, status)), title=title, brand=brand,
        description=f"{title} in {material}, by {brand}.", category_id=category["id"], tags=tags,
        attributes={"material": material, "origin": suppliers[supplier]["country"]},
        tax_class="reduced" if path.startswith("Pantry") else "standard",
        options=[{"name": name, "values": values} for name, values in options],
        media=[] if base == "BRUSH-BODY" else [{"url": f"https://images.fernway.example/{base}.jpg", "alt": title}],
        search="",
    )  # fmt: skip
    for position, chosen in enumerate(combinations(*(values for _, values in options))):
        choice = dict(zip((name for name, _ in options), chosen, strict=True))
        variant = _variant(draft, row, shelf, cells, choice, position, opened)
        sku = Sku(
            len(catalogue.skus), variant, row, path, category["id"], tuple(tags), suppliers[supplier], variant["cost"],
            float(pull) ** 1.5 / max(1, len(options)) * draft.random.uniform(0.35, 1.25), [],
        )  # fmt: skip
        _prices(draft, sku, round(Decimal(price) * 100), opened)
        if status is not ProductStatus.draft:
            catalogue.skus.append(sku)
    row["search"] = search_text(
        title, brand, tags, [v["sku"] for v in draft.rows["variants"] if v["product_id"] == row["id"]]
    )


def _variant(
    draft: Draft,
    product: Row,
    shelf: list[str],
    cells: list[str],
    choice: dict[str, str],
    position: int,
    opened: datetime,
) -> Row:
    _, base, _, cost, grams, _, _, tags = cells
    sku = "-".join([base, *(_code(value) for value in choice.values())])
    length, width, height = (int(side) for side in shelf[4].split("x"))
    scale = Decimal("1") + Decimal("0.22") * _step(product, choice)
    return draft.add(
        Variant, opened, product_id=product["id"], sku=sku, sku_key=sku.lower(), position=position,
        title=" / ".join(choice.values()) or product["title"], options=choice, option_key=option_key(choice),
        barcode=None if base == "TEALIGHT-24" else _gtin(len(draft.rows["variants"])),
        weight_grams=None if base == "FEEDER-BIRD" else round(int(grams) * scale),
        length_mm=length, width_mm=width, height_mm=height, cost=Decimal(cost) * 100 * scale, cost_currency="EUR",
        tracked=UNTRACKED not in tags, allow_backorder=base in ("COCOTTE", "RUG-WOOL"),
    )  # fmt: skip


def _step(product: Row, choice: dict[str, str]) -> int:
    """How many sizes above the smallest: a larger one costs more. Clothes of all sizes cost the same."""
    sizes: list[str] = next((option["values"] for option in product["options"] if option["name"] == "Size"), [""])
    return 0 if sizes[0] in ("", "S", "XS", "30", "36-37", "36-40") else sizes.index(choice["Size"])


def _code(value: str) -> str:
    """An option's value inside an SKU: `Blue stripe` is BLUESTRIPE, `140 x 200` 140X200."""
    return "".join(letter for letter in value.upper() if letter.isalnum() or letter in ".-")


def _gtin(number: int) -> str:
    """A GTIN-13 with its check digit (GS1 General Specifications, 7.9)."""
    digits = f"3760{27_000_000 + number * 7:08d}"
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-weighted % 10}"


def _prices(draft: Draft, sku: Sku, base: int, opened: datetime) -> None:
    """A price since the opening, raised for some in the meantime; trade prices for what trade buys."""
    scale = Decimal("1") + Decimal("0.25") * _step(sku.product, sku.variant["options"])
    amount = round(base * scale / 100) * 100 - (10 if base % 100 == 90 else 0)
    raised = draft.at(draft.today - timedelta(days=150), 7 * 3600)
    history = [(opened, amount)]
    if draft.random.random() < 0.25:
        history.append((raised, round(amount * 1.06 / 50) * 50 - 10))
    if sku.code == MISPRICED:
        history = [(opened, amount), (draft.at(draft.today - timedelta(days=21), 10 * 3600), 1_990)]
    sku.prices = history
    if sku.shelf.startswith(("Kitchen", "Pantry")):
        sku.trade = [(opened, round(amount * 0.88))]
    for group, prices in ((None, sku.prices), (TRADE, sku.trade)):
        ends = [since for since, _ in prices[1:]] + [None]
        for (since, price), until in zip(prices, ends, strict=False):
            draft.add(
                Price, since, variant_id=sku.variant["id"], currency="EUR", amount=price, customer_group=group,
                valid_from=since, valid_until=until,
            )  # fmt: skip
