"""The demo shop's bundles. One was bought ever since by whoever took two of its mugs; the other one is new."""

from datetime import datetime, timedelta

from db.models.orders import OrderBundle
from db.models.products import BundleComponent, Price, Product, ProductStatus, Variant, search_text
from db.seed.demo_catalogue import Catalogue, Sku
from db.seed.demo_orders import SaleLine
from db.seed.draft import Draft, Row

# SKU: title, what the shop says of it, shelf, price today (none: what its parts cost), and units of what
BUNDLES: dict[str, tuple[str, str, str, int | None, dict[str, int]]] = {
    "SET-FOR-TWO": (
        "Morning for two", "Two of our white mugs in a gift box.", "Kitchen > Mugs", None, {"MUG-WHITE": 2},
    ),
    "SET-AFTERNOON": (
        "Afternoon hamper", "A white pot, Earl Grey and lavender honey in a basket.", "Pantry > Tea", 6_490,
        {"TEAPOT-WHITE": 1, "TEA-EARLGREY-100G": 1, "HONEY-LAVENDER-250G": 1, "BASKET-SMALL": 1},
    ),
}  # fmt: skip


def write_bundles(draft: Draft, catalogue: Catalogue, opened: datetime) -> dict[str, Row]:
    """The bundles on the shelves; returns their variants by the only SKU that is in them."""
    skus = {sku.code: sku for sku in catalogue.skus}
    alone: dict[str, Row] = {}
    for code, (title, says, shelf, price, in_it) in BUNDLES.items():
        parts = [(skus[name], units) for name, units in in_it.items()]
        since = opened if price is None else draft.at(draft.today - timedelta(days=9), 8 * 3600)
        product = draft.add(
            Product, since, status=ProductStatus.active, title=title, description=says, brand="Fernway",
            category_id=catalogue.categories[shelf]["id"], tags=["gift"], search=search_text(title, "Fernway", ["gift"], [code]),
            media=[{"url": f"https://images.fernway.example/{code}.jpg", "alt": title}],
        )  # fmt: skip
        variant = draft.add(
            Variant,
            since,
            product_id=product["id"],
            sku=code,
            sku_key=code.casefold(),
            title=title,
            tracked=False,
            bundle=True,
        )
        for position, (sku, units) in enumerate(parts):
            draft.add(
                BundleComponent, since, variant_id=variant["id"], component_id=sku.variant["id"], quantity=units,
                position=position,
            )  # fmt: skip
        _prices(draft, variant, [(since, price)] if price else _of_all(parts[0]))
        if len(parts) == 1:
            alone[parts[0][0].code] = variant
    return alone


def _of_all(part: tuple[Sku, int]) -> list[tuple[datetime, int]]:
    sku, units = part
    return [(since, amount * units) for since, amount in sku.prices]


def _prices(draft: Draft, variant: Row, history: list[tuple[datetime, int]]) -> None:
    ends = [since for since, _ in history[1:]] + [None]
    for (since, amount), until in zip(history, ends, strict=True):
        draft.add(
            Price, since, variant_id=variant["id"], currency="EUR", amount=amount, valid_from=since, valid_until=until
        )


def bought_as_bundle(draft: Draft, alone: dict[str, Row], line: SaleLine, at: datetime) -> None:
    """Two of one thing, or four, were bought as the bundle that is two of it, where they cost the same."""
    variant = alone.get(line.sku.code)
    price = line.sku.price_at(at, False)
    if variant is None or line.quantity % 2 or line.row["unit_price"] != price:
        return
    bundle = draft.add(
        OrderBundle, at, order_id=line.row["order_id"], variant_id=variant["id"], product_id=variant["product_id"],
        sku=variant["sku"], title=variant["title"], quantity=line.quantity // 2, unit_price=price * 2,
    )  # fmt: skip
    line.row |= {"bundle_id": bundle["id"], "per_bundle": 2}
