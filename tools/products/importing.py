"""What a product sheet means for the catalogue as it is: batch by batch, first looked at, then written in sets.

`Batch.look` reads what the shop has of the batch's handles and SKUs, and works out what would become of it; `write` does it.
Both halves of an import come through here, so that what was checked is what is done.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from db.model import new_id
from db.models.inventory import MovementKind
from db.models.products import Product, ProductStatus, option_key, search_text
from db.references import Kind
from db.text import fold, slug
from tools.contract.context import Context
from tools.contract.errors import Conflict
from tools.contract.jobs import Numbers
from tools.contract.plain import as_jsonb
from tools.products.attributes import AttributeNotOfType, Types, as_text, typed
from tools.products.creation import BarcodeNotGtin, gtin
from tools.products.repricing import Wish, held, reprice, window_of
from tools.products.sheet import Group, SheetProduct, SheetVariant, status_after
from tools.products.sheet_shelves import Shelves
from tools.rules import stock
from tools.rules.lookup import HOLDS_NOW
from tools.rules.tax import STANDARD

HANDLE = "handle"  # the source of a product's name from a sheet


class CatalogueChanged(Conflict):
    """Somebody changed the catalogue between the look and the deed."""

    retryable = True
    hint = "It is begun anew by itself."


@dataclass
class Counts:
    """What an import does, counted."""

    lines: int = 0
    products: int = 0
    products_new: int = 0
    products_changed: int = 0
    products_unchanged: int = 0
    variants_new: int = 0
    variants_changed: int = 0
    prices_changed: int = 0
    categories_new: int = 0
    skus_made: int = 0


class Found(NamedTuple):
    """A product of the shop that the batch may speak of."""

    id: UUID
    reference: str
    handle: str | None
    status: ProductStatus
    title: str
    description: str
    brand: str | None
    category_id: UUID | None
    tags: list[str]
    attributes: dict[str, Any]
    tax_class: str
    options: list[dict[str, Any]]
    media: list[dict[str, Any]]
    variants: list[dict[str, Any]]


# Locked in the order of their ids, by the deed alone; a look locks nothing.
_FIND = f"""
select p.id, p.reference, case when p.source = '{HANDLE}' then p.external_reference end as handle, p.status, p.title,
       p.description, p.brand, p.category_id, p.tags, p.attributes, p.tax_class, p.options, p.media,
       coalesce((select jsonb_agg(to_jsonb(v) order by v.position, v.id) from (
           select v.id, v.reference, v.sku, v.sku_key, v.options, v.option_key, v.barcode, v.weight_grams, v.cost::text as cost,
                  v.cost_currency, v.tracked, v.bundle, v.allow_backorder, v.position,
                  coalesce(v.tax_class, p.tax_class) as tax_class, h.amount as price, h.compare_at,
                  exists (select from stock_levels s where s.merchant_id = %(m)s and s.variant_id = v.id
                          and (s.on_hand > 0 or s.reserved > 0)) as held
           from variants v left join lateral (
               select r.amount, r.compare_at from prices r
               where r.variant_id = v.id and r.currency = %(home)s and {HOLDS_NOW}
               order by r.valid_from desc limit 1
           ) h on true
           where v.merchant_id = %(m)s and v.product_id = p.id
       ) v), '[]') as variants
from products p
where p.merchant_id = %(m)s and (
    (p.source = '{HANDLE}' and p.external_reference = any(%(handles)s))
    or p.id in (select v.product_id from variants v where v.merchant_id = %(m)s and v.sku_key = any(%(skus)s)))
order by p.id {{lock}}
"""


@dataclass
class Batch:
    """Some products of a sheet, and all that would be written for them."""

    ctx: Context
    shelves: Shelves
    counts: Counts
    warehouse: UUID | None
    types: Types
    made: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {name: [] for name in _TABLES})
    prices: dict[UUID, tuple[int, int | None]] = field(default_factory=dict[UUID, tuple[int, int | None]])
    opening: dict[UUID, int] = field(default_factory=dict[UUID, int])

    async def look(self, groups: Sequence[Group], *, lock: bool) -> None:
        """What would become of each product; a group that cannot be taken gets its errors, and is left out."""
        products = [group.product for group in groups if group.product]
        params = {
            "m": self.ctx.merchant.id, "home": self.ctx.merchant.currency, "now": self.ctx.now(),
            "handles": [product.handle for product in products],
            "skus": [sku.casefold() for product in products for variant in product.variants if (sku := variant.sku or "")]
                    + [made_sku(product, variant).casefold() for product in products for variant in product.variants
                       if not variant.sku],
        }  # fmt: skip
        query = _FIND.format(lock="for no key update of p" if lock else "")
        found = [
            row._replace(status=ProductStatus(row.status)) for row in await self.ctx.sql.rows(query, params, as_=Found)
        ]
        by_handle = {row.handle: row for row in found if row.handle}
        by_sku = {variant["sku_key"]: row for row in found for variant in row.variants}
        for group in groups:
            if group.product:
                known = _known(group, by_handle, by_sku)
                if not group.errors:
                    _Plan(self, group, group.product, known).work_out()

    async def write(self, numbers: "Drawn") -> None:
        for kind, table in ((Kind.product, "new_products"), (Kind.variant, "new_variants")):
            for row in self.made[table]:
                row["reference"] = numbers.next(kind)
        whose = {"m": self.ctx.merchant.id, "now": self.ctx.now(), "actor": self.ctx.actor.reference}
        for table, statement in _TABLES.items():
            rows = self.made[table]
            if rows:
                await self.ctx.sql.execute(statement, whose | {"rows": as_jsonb(rows)})
        if self.prices:
            window = window_of(self.ctx, self.ctx.merchant.currency, None, None)
            before = await held(self.ctx, list(self.prices), window)
            await reprice(self.ctx, window, [Wish(price, *self.prices[price.variant_id]) for price in before])
        if self.opening and self.warehouse:
            levels = await stock.locked(self.ctx, [(variant, self.warehouse) for variant in self.opening], opening=True)
            postings = [stock.Posting(level, on_hand=self.opening[variant]) for (variant, _), level in levels.items()]
            await stock.post(self.ctx, postings, MovementKind.opening)


class Drawn:
    """The references that were taken for an import, handed out one by one."""

    def __init__(self, numbers: Numbers) -> None:
        self._left = numbers

    def next(self, kind: Kind) -> str:
        """Raises `CatalogueChanged` when more are needed than the look counted."""
        reference = next(self._left.get(kind, iter(())), None)
        if reference is None:
            raise CatalogueChanged(f"There are more new {kind.name}s than a moment ago.")
        return reference


def made_sku(product: SheetProduct, variant: SheetVariant) -> str:
    """The SKU of a line without one: the same each time, so that importing it again finds the variant."""
    return slug(product.handle, *variant.options.values())[:100] or product.handle


def _known(group: Group, by_handle: dict[str, Found], by_sku: dict[str, Found]) -> Found | None:
    """The shop's product of that handle, else the one that has its SKUs."""
    product = group.product
    assert product
    owners = {
        (variant.line, variant.sku): owner
        for variant in product.variants if (owner := by_sku.get((variant.sku or "").casefold()))
    }  # fmt: skip
    known = by_handle.get(product.handle) or next(iter(owners.values()), None)
    for (line, sku), owner in owners.items():
        if known and owner.id != known.id:
            message = f"{sku} is a variant of {owner.title} ({owner.reference}), and not of {product.handle}."
            group.refuse(line, "Variant SKU", "SkuTaken", message, "Give another SKU, or that product's handle.")
    if known and known.handle not in (None, product.handle):
        message = f"Its SKUs are those of {known.title} ({known.reference}), whose handle is {known.handle}."
        group.refuse(
            group.line, "Handle", "HandleDiffers", message, f"Write {known.handle}, or give it SKUs of its own."
        )
    return known


class _Plan:
    """One product: what of it is new or changes."""

    def __init__(self, batch: Batch, group: Group, product: SheetProduct, known: Found | None) -> None:
        self.batch, self.group, self.product, self.known = batch, group, product, known
        self.ours = known.variants if known else list[dict[str, Any]]()
        self.new_variants: list[dict[str, Any]] = []
        self.changed_variants: list[dict[str, Any]] = []
        self.prices: dict[UUID, tuple[int, int | None]] = {}  # with the price that it is reduced from
        self.opening: dict[UUID, int] = {}
        self.made_skus = 0

    def work_out(self) -> None:
        """Add what is to be written to the batch, unless something is wrong."""
        id_ = self.known.id if self.known else new_id()
        wanted = self.product.variants or ([] if self.known else [SheetVariant(line=self.group.line)])
        variants = [self._variant(id_, variant) for variant in wanted]
        self._refuse_odd_choices(variants)
        before = self._before()
        after = self._after(before, variants)
        if self.group.errors:
            return
        counts, made = self.batch.counts, self.batch.made
        changed = after != before
        if self.known is None:
            made["new_products"].append({"id": id_, "handle": self.product.handle, **after})
            counts.products_new += 1
        elif changed:
            made["changed_products"].append({"id": id_, **after})
        if self.known and (changed or self.new_variants or self.changed_variants or self.prices):
            counts.products_changed += 1
        elif self.known:
            counts.products_unchanged += 1
        self._add(id_, changed)

    def _add(self, id_: UUID, changed: bool) -> None:
        counts, made = self.batch.counts, self.batch.made
        made["new_variants"] += self.new_variants
        made["changed_variants"] += self.changed_variants
        self.batch.prices |= self.prices
        self.batch.opening |= self.opening
        counts.variants_new += len(self.new_variants)
        counts.variants_changed += len(self.changed_variants)
        counts.prices_changed += len(self.prices)
        counts.skus_made += self.made_skus
        if self.known is None or changed or self.new_variants or self.changed_variants or self.prices:
            kind = "changed" if self.known else "created"
            made["events"].append({"id": new_id(), "kind": kind, "subject": id_, "key": self.batch.ctx.key})

    # ---- the product -----------------------------------------------------------------------------------------------------

    def _before(self) -> dict[str, Any]:
        if self.known is None:
            return {}
        names = ("status", "title", "description", "brand", "category_id", "tags", "attributes", "options", "media")
        return {name: getattr(self.known, name) for name in names} | {"search": None}

    def _after(self, before: dict[str, Any], variants: Sequence[dict[str, Any]]) -> dict[str, Any]:
        product, given = self.product, self.product.model_fields_set
        after = before or {
            "description": "", "brand": None, "category_id": None, "tags": [], "attributes": {}, "options": [], "media": [],
        }  # fmt: skip
        after = after | {name: getattr(product, name) for name in ("description", "brand", "tags") if name in given}
        after |= {"title": product.title or after.get("title"), "status": self._status()}
        if "media" in given:
            after["media"] = [medium.model_dump() for medium in product.media]
        if "category" in given:
            after["category_id"] = self.batch.shelves.place(product.category, after["category_id"])
        if product.attributes:
            after["attributes"] = self._attributes(after["attributes"])
        if not after["title"]:
            self.group.refuse(self.group.line, "Title", "TitleMissing", f"{product.handle} is new, and has no title.")
        known = {variant["option_key"] for variant in self.ours}
        if not {variant["option_key"] for variant in variants} <= known:
            after["options"] = _choices(after["options"], variants)
        searched = ("title", "brand", "tags")
        if not before or self.new_variants or any(after[name] != before[name] for name in searched):
            skus = dict.fromkeys(variant["sku"] for variant in (*self.ours, *variants))
            after["search"] = search_text(after["title"] or "", after["brand"], after["tags"], skus)
        return after

    def _attributes(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """The product's with those of the sheet: an empty cell takes one away, and what is written as it is stays so."""
        after, own = dict(before), {fold(name): name for name in before}
        for written, text in self.product.attributes.items():
            name = own.get(fold(written), written)
            if text == "":
                after.pop(name, None)
            elif name not in before or as_text(before[name]) != text:
                try:
                    named, value = typed(self.batch.types, name, text)
                    after[named] = value
                except AttributeNotOfType as wrong:
                    self.group.refuse(self.group.line, written, "AttributeNotOfType", wrong.message, wrong.advice)
        return after

    def _status(self) -> ProductStatus:
        before = self.known.status if self.known else None
        after = status_after(before, self.product)
        if before is None or before is after:
            return after
        if after is ProductStatus.archived:
            message, hint = (
                f"{self.product.handle} would be archived.",
                "Use archive_product, which looks for open orders.",
            )
            self.group.refuse(self.group.line, "Status", "ArchivesByHand", message, hint)
        elif after not in Product.MOVES[before]:
            message = f"{self.product.handle} is {before.value}, and cannot become {after.value}."
            allowed = ", ".join(sorted(move.value for move in Product.MOVES[before]))
            self.group.refuse(self.group.line, "Status", "IllegalMove", message, f"It can become {allowed}.")
        return after

    # ---- its variants ----------------------------------------------------------------------------------------------------

    def _variant(self, product: UUID, wanted: SheetVariant) -> dict[str, Any]:
        """The variant as it will be."""
        sku = wanted.sku or made_sku(self.product, wanted)
        key = option_key(wanted.options)
        known = next((one for one in self.ours if one["sku_key"] == sku.casefold()), None)
        if known is None and not wanted.sku:
            known = next((one for one in self.ours if one["option_key"] == key), None)
        self._refuse_what_nobody_taxes(wanted, known)
        if known is None:
            return self._new_variant(product, wanted, sku, key)
        after = known | self._given(wanted, known)
        after["tracked"] &= not known["bundle"]
        if wanted.options and option_key(wanted.options) != known["option_key"]:
            after |= {"options": wanted.options, "option_key": key}
        fields = {
            name: part for name, part in after.items() if part != known[name] and name not in ("price", "compare_at")
        }
        if fields:
            self.changed_variants.append({name: after[name] for name in ("id", *_OF_A_VARIANT)})
            if known["held"] and not after["tracked"]:
                message = (
                    f"{known['sku']} would not be counted any more, and units of it lie in a warehouse or are reserved."
                )
                hint = "Write `shopify`, or take these units out first with adjust_stock."
                self.group.refuse(wanted.line, "Variant Inventory Tracker", "StockIsCounted", message, hint)
        self._price(UUID(known["id"]), wanted, (known["price"], known["compare_at"]))
        return after

    def _new_variant(self, product: UUID, wanted: SheetVariant, sku: str, key: str) -> dict[str, Any]:
        variant: dict[str, Any] = {
            "id": new_id(), "product_id": product, "sku": sku, "sku_key": sku.casefold(),
            "options": wanted.options, "option_key": key, "position": len(self.ours) + len(self.new_variants),
            "title": " / ".join(wanted.options.values()) or self.product.title or (self.known.title if self.known else ""),
            "barcode": None, "weight_grams": None, "cost": None, "cost_currency": None, "tracked": wanted.tracked,
            "allow_backorder": wanted.allow_backorder,
        }  # fmt: skip
        variant |= self._given(wanted, variant)
        self.new_variants.append(variant)
        self.made_skus += not wanted.sku
        self._price(variant["id"], wanted, (None, None))
        if wanted.quantity > 0 and wanted.tracked:
            self.opening[variant["id"]] = wanted.quantity
        return variant

    def _given(self, wanted: SheetVariant, before: dict[str, Any]) -> dict[str, Any]:
        names = ("weight_grams", "tracked", "allow_backorder")
        given: dict[str, Any] = {name: getattr(wanted, name) for name in names if name in wanted.model_fields_set}
        if wanted.cost is not None and (before["cost"] is None or Decimal(before["cost"]) != wanted.cost):
            given |= {"cost": str(wanted.cost), "cost_currency": self.batch.ctx.merchant.currency}
        if "barcode" in wanted.model_fields_set and wanted.barcode != before["barcode"]:
            try:
                given["barcode"] = wanted.barcode and gtin(wanted.barcode)
            except BarcodeNotGtin as wrong:
                shortened = "e+" in (wanted.barcode or "").casefold()
                hint = "A spreadsheet program shortened it: format the column as text, and enter it anew."
                hint = hint if shortened else wrong.advice
                self.group.refuse(wanted.line, "Variant Barcode", "BarcodeNotGtin", wrong.message, hint)
        return given

    def _price(self, variant: UUID, wanted: SheetVariant, before: tuple[int | None, int | None]) -> None:
        if wanted.price is None:
            return
        compare_at = wanted.compare_at if "compare_at" in wanted.model_fields_set else before[1]
        compare_at = compare_at if compare_at is not None and compare_at > wanted.price else None
        if (wanted.price, compare_at) != before:
            self.prices[variant] = (wanted.price, compare_at)

    def _refuse_what_nobody_taxes(self, wanted: SheetVariant, known: dict[str, Any] | None) -> None:
        taxed_as = known["tax_class"] if known else self.known.tax_class if self.known else STANDARD
        if not wanted.taxable and taxed_as == STANDARD:
            message = "Taxable is FALSE, and here a product's tax class says how it is taxed."
            hint = "Write TRUE, and give the product a tax class with the rate 0 (set_tax_rate, update_product)."
            self.group.refuse(wanted.line, "Variant Taxable", "TaxClassNeeded", message, hint)

    def _refuse_odd_choices(self, variants: Sequence[dict[str, Any]]) -> None:
        """Every variant chooses all of the product's options, and no two choose the same."""
        told = {variant["id"]: variant for variant in self.ours} | {str(variant["id"]): variant for variant in variants}
        lines = {variant.sku or made_sku(self.product, variant): variant.line for variant in self.product.variants}
        seen: dict[str, str] = {}
        names = set(variants[0]["options"]) if variants else set[str]()
        for variant in told.values():
            line = lines.get(variant["sku"], self.group.line)
            if variants and set(variant["options"]) != names:
                chosen, others = (", ".join(sorted(of)) or "nothing" for of in (variant["options"], names))
                message = f"{variant['sku']} chooses {chosen}, and others {others}."
                self.group.refuse(
                    line, "Option1 Value", "OptionsDiffer", message, "Give every variant a value for each option."
                )
            elif variant["option_key"] in seen:
                message = f"{variant['sku']} and {seen[variant['option_key']]} are not told apart by any option."
                self.group.refuse(
                    line, "Option1 Value", "VariantTwice", message, "Change an option of one of them, or its SKU."
                )
            seen[variant["option_key"]] = variant["sku"]


def _choices(before: Sequence[dict[str, Any]], variants: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The options with their values: those that there were keep their order, new ones follow."""
    values: dict[str, list[str]] = {option["name"]: list(option["values"]) for option in before}
    for variant in variants:
        for name, value in variant["options"].items():
            known = values.setdefault(name, [])
            known += [value] if value not in known else []
    return [{"name": name, "values": known} for name, known in values.items()]


_OF_A_VARIANT = (
    "options",
    "option_key",
    "barcode",
    "weight_grams",
    "cost",
    "cost_currency",
    "tracked",
    "allow_backorder",
)
_PRODUCT = """id uuid, reference text, handle text, status text, title text, description text, brand text, category_id uuid,
tags text[], attributes jsonb, options jsonb, media jsonb, search text"""
_VARIANT = """id uuid, reference text, product_id uuid, sku text, sku_key text, title text, options jsonb, option_key text,
barcode text, weight_grams int, cost numeric, cost_currency text, tracked bool, allow_backorder bool, position int"""
# What is written of a batch, in this order; rows come as one JSON parameter.
_TABLES = {
    "new_products": f"""
        insert into products (merchant_id, id, reference, source, external_reference, status, title, description, brand,
                              category_id, tags, attributes, options, media, search, created_at, updated_at)
        select %(m)s, r.id, r.reference, '{HANDLE}', r.handle, r.status, r.title, r.description, r.brand, r.category_id,
               r.tags, r.attributes, r.options, r.media, r.search, %(now)s, %(now)s
        from jsonb_to_recordset(%(rows)s) as r({_PRODUCT})
        """,
    "changed_products": f"""
        update products p
        set status = r.status, title = r.title, description = r.description, brand = r.brand, category_id = r.category_id,
            tags = r.tags, attributes = r.attributes, options = r.options, media = r.media, search = coalesce(r.search, p.search),
            version = p.version + 1, updated_at = %(now)s
        from jsonb_to_recordset(%(rows)s) as r({_PRODUCT}) where p.merchant_id = %(m)s and p.id = r.id
        """,
    "new_variants": f"""
        insert into variants (merchant_id, id, reference, product_id, sku, sku_key, title, options, option_key, barcode,
                              weight_grams, cost, cost_currency, tracked, allow_backorder, position, created_at, updated_at)
        select %(m)s, r.id, r.reference, r.product_id, r.sku, r.sku_key, r.title, r.options, r.option_key, r.barcode,
               r.weight_grams, r.cost, r.cost_currency, r.tracked, r.allow_backorder, r.position, %(now)s, %(now)s
        from jsonb_to_recordset(%(rows)s) as r({_VARIANT})
        """,
    "changed_variants": f"""
        update variants v
        set options = r.options, option_key = r.option_key, barcode = r.barcode, weight_grams = r.weight_grams, cost = r.cost,
            cost_currency = r.cost_currency, tracked = r.tracked, allow_backorder = r.allow_backorder,
            version = v.version + 1, updated_at = %(now)s
        from jsonb_to_recordset(%(rows)s) as r({_VARIANT}) where v.merchant_id = %(m)s and v.id = r.id
        """,
    "events": """
        insert into events (merchant_id, id, kind, subject_kind, subject_id, actor, data, created_at)
        select %(m)s, e.id, e.kind, 'product', e.subject, %(actor)s, jsonb_build_object('import', e.key), %(now)s
        from jsonb_to_recordset(%(rows)s) as e(id uuid, kind text, subject uuid, key text)
        """,
}  # fmt: skip
