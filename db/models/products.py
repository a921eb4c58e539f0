"""Products: what is sold, in which variants, at which prices, under which promotions."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import CheckConstraint, Index, Integer, Numeric, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.columns import count, details, flag, folded, items, many, one, words
from db.model import Base, Referenced, Stateful, Tenant, Versioned, by_words, index, one_of, referenced, to, unique
from db.text import fold

if TYPE_CHECKING:
    from db.models.customers import Customer, Segment
    from db.models.orders import Order


class ProductStatus(StrEnum):
    draft = "draft"
    active = "active"
    inactive = "inactive"
    discontinued = "discontinued"
    archived = "archived"


ON_SALE = (ProductStatus.active, ProductStatus.discontinued)  # discontinued goods are sold while they last


class Repriced(StrEnum):
    """What a price change did to a variant; `floored` went no further than its floor, and without a cost there is none."""

    changed = "changed"
    floored = "floored"
    unchanged = "unchanged"
    without_cost = "without_cost"


class PromotionKind(StrEnum):
    percentage = "percentage"
    amount = "amount"
    free_shipping = "free_shipping"


class PromotionScope(StrEnum):
    everything = "everything"
    products = "products"
    categories = "categories"


class DiscountClass(StrEnum):
    """What promotions take their discount from; which of them go together is said by class."""

    products = "products"
    order = "order"
    shipping = "shipping"


class PromotionStatus(StrEnum):
    draft = "draft"
    active = "active"
    paused = "paused"
    ended = "ended"


class Category(Tenant, Referenced, Versioned, Base):
    """A shelf of the shop; shelves stand in a tree."""

    __tablename__ = "categories"
    __table_args__ = referenced(
        to("categories", "parent_id"),
        unique("slug"),
        index("parent_id"),
        CheckConstraint("parent_id <> id", name="not_its_own_parent"),
    )

    parent_id: Mapped[uuid.UUID | None]
    name: Mapped[str]
    slug: Mapped[str]
    position: Mapped[int] = count()

    parent: Mapped["Category | None"] = one("Category", "parent_id", "Category")


class Product(Tenant, Referenced, Versioned, Stateful, Base):
    """What a page of the shop describes; what is bought is one of its variants.

    `options` are the choices in their order: [{"name": "Colour", "values": ["Blue", "White"]}]. `media` are {"url", "alt"}.
    `search` is `search_text()` of the product; who changes a title, brand, tag or SKU writes it anew.
    """

    __tablename__ = "products"
    __table_args__ = referenced(
        to("categories", "category_id"),
        index("status", "id"),
        index("category_id", "status"),
        index("brand"),
        index("title"),
        index("title_key"),
        Index("ix_products_title", "merchant_id", text("lower(title)"), "id"),
        index("updated_at", "id"),
        index("search", postgresql_using="gin", postgresql_ops={"search": "gin_trgm_ops"}),
    )
    MOVES: ClassVar[dict[ProductStatus, frozenset[ProductStatus]]] = {
        ProductStatus.draft: frozenset({ProductStatus.active, ProductStatus.archived}),
        ProductStatus.active: frozenset({ProductStatus.inactive, ProductStatus.discontinued, ProductStatus.archived}),
        ProductStatus.inactive: frozenset({ProductStatus.active, ProductStatus.discontinued, ProductStatus.archived}),
        ProductStatus.discontinued: frozenset({ProductStatus.active, ProductStatus.archived}),
        ProductStatus.archived: frozenset({ProductStatus.draft}),
    }

    status: Mapped[ProductStatus] = mapped_column(one_of(ProductStatus, "status"))
    title: Mapped[str]
    description: Mapped[str] = mapped_column(default="", server_default="")
    brand: Mapped[str | None]
    category_id: Mapped[uuid.UUID | None]
    tags: Mapped[list[str]] = words()
    attributes: Mapped[dict[str, Any]] = details()
    tax_class: Mapped[str] = mapped_column(default="standard", server_default="standard")
    options: Mapped[list[Any]] = items()
    media: Mapped[list[Any]] = items()
    search: Mapped[str]
    title_key: Mapped[str] = folded("title")

    category: Mapped[Category | None] = one("Product", "category_id", "Category")
    variants: Mapped[list["Variant"]] = many("Variant", "product_id", "Product", "product", order_by="Variant.position")


class Variant(Tenant, Referenced, Versioned, Base):
    """What is counted, priced and shipped: one choice of each of its product's options.

    An untracked variant (made to order, digital) is sold while `sellable` and never reserved. A bundle is one from its beginning:
    it has a price and no stock, and what is held and sent for it are its components. `cost` is in minor units of `cost_currency`
    and keeps four decimals: 412.5000 EUR is 4.125 EUR. It is taxed as its product where it has no `tax_class` of its own.
    """

    __tablename__ = "variants"
    __table_args__ = referenced(
        to("products", "product_id"),
        unique("sku"),
        unique("product_id", "option_key"),
        index("sku_key"),
        index("barcode"),
        by_words("title_key"),
        Index(
            "ix_variants_apart",
            "merchant_id",
            "product_id",
            "id",
            postgresql_where=text("archived_at is not null or not tracked or not sellable"),
        ),
        CheckConstraint("sku <> '' and sku not like '%/%'", name="sku_has_no_slash"),
        CheckConstraint("(cost is null) = (cost_currency is null)", name="cost_has_a_currency"),
        CheckConstraint("cost >= 0", name="cost_is_not_negative"),
        CheckConstraint("not (bundle and tracked)", name="bundles_are_not_counted"),
    )

    product_id: Mapped[uuid.UUID]
    sku: Mapped[str]
    sku_key: Mapped[str]
    title: Mapped[str]
    title_key: Mapped[str] = folded("title")
    options: Mapped[dict[str, Any]] = details()
    option_key: Mapped[str] = mapped_column(default="", server_default="")
    barcode: Mapped[str | None]
    weight_grams: Mapped[int | None] = mapped_column(Integer)
    length_mm: Mapped[int | None] = mapped_column(Integer)
    width_mm: Mapped[int | None] = mapped_column(Integer)
    height_mm: Mapped[int | None] = mapped_column(Integer)
    cost: Mapped[Decimal | None]
    cost_currency: Mapped[str | None]
    tax_class: Mapped[str | None]
    tracked: Mapped[bool] = flag(True)
    sellable: Mapped[bool] = flag(True)
    allow_backorder: Mapped[bool] = flag(False)
    bundle: Mapped[bool] = flag(False)
    position: Mapped[int] = count()
    archived_at: Mapped[datetime | None]

    product: Mapped[Product] = one("Variant", "product_id", "Product", "variants")
    prices: Mapped[list["Price"]] = many("Price", "variant_id", "Variant", "variant")
    components: Mapped[list["BundleComponent"]] = many("BundleComponent", "variant_id", "Variant", "variant")


class BundleComponent(Tenant, Base):
    """So many units of a variant are in each bundle. No component is a bundle itself: variants become none later on."""

    __tablename__ = "bundle_components"
    __table_args__ = (
        to("variants", "variant_id"),
        to("variants", "component_id"),
        unique("variant_id", "component_id"),
        index("component_id"),
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("variant_id <> component_id", name="not_in_itself"),
    )

    variant_id: Mapped[uuid.UUID]
    component_id: Mapped[uuid.UUID]
    quantity: Mapped[int] = mapped_column(Integer)
    position: Mapped[int] = count()

    variant: Mapped[Variant] = one("BundleComponent", "variant_id", "Variant", "components")
    component: Mapped[Variant] = one("BundleComponent", "component_id", "Variant")


class Price(Tenant, Base):
    """What a variant costs its buyer, in minor units, from when until when (open: until a next price ends it).

    Whether tax is in it, the merchant's profile says. Of the prices that hold at a moment, the one for the customer's group
    wins over the one for everybody, then the highest `min_quantity` that the line reaches. History is kept: a new price ends
    the one before it.
    """

    __tablename__ = "prices"
    __table_args__ = (
        to("variants", "variant_id"),
        UniqueConstraint(
            "merchant_id", "variant_id", "currency", "customer_group", "min_quantity", "valid_from",
            name="uq_prices_start", postgresql_nulls_not_distinct=True,
        ),
        ExcludeConstraint(
            ("merchant_id", "="), ("variant_id", "="), ("currency", "="), (text("coalesce(customer_group, '')"), "="),
            ("min_quantity", "="), (text("tstzrange(valid_from, valid_until)"), "&&"), name="ex_prices_one_at_a_time",
        ),
        Index(
            "ix_prices_amount", "merchant_id", "currency", "amount", "variant_id",
            postgresql_where=text("customer_group is null and min_quantity = 1"),
        ),
        Index("ix_prices_group", "merchant_id", "customer_group", postgresql_where=text("customer_group is not null")),
        CheckConstraint("amount >= 0", name="amount_is_not_negative"),
        CheckConstraint("compare_at > amount", name="compare_at_is_above"),
        CheckConstraint("valid_until > valid_from", name="ends_after_it_starts"),
        CheckConstraint("min_quantity >= 1", name="min_quantity"),
    )  # fmt: skip

    variant_id: Mapped[uuid.UUID]
    currency: Mapped[str]
    amount: Mapped[int]
    compare_at: Mapped[int | None]
    customer_group: Mapped[str | None]
    min_quantity: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime | None]

    variant: Mapped[Variant] = one("Price", "variant_id", "Variant", "prices")


class PriceChange(Tenant, Referenced, Base):
    """Prices that were set together, in one currency, from one moment on; `told` says by which rule. It can be undone as one.

    They are everybody's of one unit, unless they are a group's, or from a quantity on.
    """

    __tablename__ = "price_changes"
    __table_args__ = referenced(CheckConstraint("(undone_at is null) = (undone_by is null)", name="undone_by_somebody"))

    currency: Mapped[str]
    told: Mapped[str]
    customer_group: Mapped[str | None]
    min_quantity: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    actor: Mapped[str]
    valid_from: Mapped[datetime]
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str | None]

    lines: Mapped[list["PriceChangeLine"]] = many("PriceChangeLine", "change_id", "PriceChange", "change")


class PriceChangeLine(Tenant, Base):
    """What a price change did to a variant: the price that it replaced (null: there was none), which would have held until
    `held_until`, and the one that holds from the change's moment until `valid_until`.
    """

    __tablename__ = "price_change_lines"
    __table_args__ = (
        to("price_changes", "change_id"),
        to("variants", "variant_id"),
        unique("change_id", "variant_id"),
        index("variant_id"),
    )

    change_id: Mapped[uuid.UUID]
    variant_id: Mapped[uuid.UUID]
    sku: Mapped[str]
    outcome: Mapped[Repriced] = mapped_column(one_of(Repriced, "outcome"))
    amount_before: Mapped[int | None]
    compare_at_before: Mapped[int | None]
    held_until: Mapped[datetime | None]
    amount: Mapped[int]
    compare_at: Mapped[int | None]
    valid_until: Mapped[datetime | None]

    change: Mapped[PriceChange] = one("PriceChangeLine", "change_id", "PriceChange", "lines")
    variant: Mapped[Variant] = one("PriceChangeLine", "variant_id", "Variant")


class Promotion(Tenant, Referenced, Versioned, Stateful, Base):
    """A discount, by code or automatic. `percent` is of the lines it applies to (10.0000 is 10 %), `amount` minor units off them.

    A code is one promotion's until that is ended. `minimum_subtotal` and `minimum_quantity` are of the lines it applies to;
    `customer_tags` are of whom it is for, any of them. It goes together with promotions of the classes in `combines_with`, as far
    as those go with its own; without any it is exclusive. `used` counts the rows of `promotion_uses`.
    """

    __tablename__ = "promotions"
    __table_args__ = referenced(
        to("segments", "segment_id"),
        Index(
            "uq_promotions_living_code", "merchant_id", "code_key",
            unique=True, postgresql_where=text("status <> 'ended'"),
        ),
        index("code_key"),
        index("status", "starts_at"),
        Index("ix_promotions_name", "merchant_id", text("folded(name)")),
        by_words("words_key"),
        CheckConstraint("automatic = (code is null)", name="by_code_or_automatic"),
        CheckConstraint("(kind = 'percentage') = (percent is not null)", name="percentage_has_percent"),
        CheckConstraint("(kind = 'amount') = (amount is not null)", name="amount_has_amount"),
        CheckConstraint("percent > 0 and percent <= 100", name="percent"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("ends_at > starts_at", name="ends_after_it_starts"),
        CheckConstraint("used >= 0 and (usage_limit is null or used <= usage_limit)", name="within_its_limit"),
        CheckConstraint("minimum_quantity >= 1", name="minimum_quantity"),
        CheckConstraint("combines_with <@ array['products', 'order', 'shipping']", name="combines_with"),
    )  # fmt: skip
    MOVES: ClassVar[dict[PromotionStatus, frozenset[PromotionStatus]]] = {
        PromotionStatus.draft: frozenset({PromotionStatus.active, PromotionStatus.ended}),
        PromotionStatus.active: frozenset({PromotionStatus.paused, PromotionStatus.ended}),
        PromotionStatus.paused: frozenset({PromotionStatus.active, PromotionStatus.ended}),
        PromotionStatus.ended: frozenset(),
    }

    status: Mapped[PromotionStatus] = mapped_column(one_of(PromotionStatus, "status"))
    name: Mapped[str]
    code: Mapped[str | None]
    code_key: Mapped[str | None]
    automatic: Mapped[bool]
    kind: Mapped[PromotionKind] = mapped_column(one_of(PromotionKind, "kind"))
    percent: Mapped[Decimal | None] = mapped_column(Numeric(7, 4))
    amount: Mapped[int | None]
    currency: Mapped[str | None]
    applies_to: Mapped[PromotionScope] = mapped_column(one_of(PromotionScope, "applies_to"))
    customer_group: Mapped[str | None]
    customer_tags: Mapped[list[str]] = words()
    segment_id: Mapped[uuid.UUID | None]
    minimum_subtotal: Mapped[int | None]
    minimum_quantity: Mapped[int | None] = mapped_column(Integer)
    combines_with: Mapped[list[str]] = mapped_column(
        default=lambda: [value.value for value in DiscountClass], server_default="{products,order,shipping}"
    )
    priority: Mapped[int] = count()
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    usage_limit: Mapped[int | None] = mapped_column(Integer)
    usage_limit_per_customer: Mapped[int | None] = mapped_column(Integer)
    used: Mapped[int] = count()
    words_key: Mapped[str] = folded("name || ' ' || coalesce(code, '')")

    targets: Mapped[list["PromotionTarget"]] = many("PromotionTarget", "promotion_id", "Promotion", "promotion")
    segment: Mapped["Segment | None"] = one("Promotion", "segment_id", "Segment")


class PromotionTarget(Tenant, Base):
    """A product, or a category with all below it, that a promotion applies to."""

    __tablename__ = "promotion_targets"
    __table_args__ = (
        to("promotions", "promotion_id"),
        to("products", "product_id"),
        to("categories", "category_id"),
        Index(
            "uq_promotion_targets_target", "merchant_id", "promotion_id", "product_id", "category_id",
            unique=True, postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint("num_nonnulls(product_id, category_id) = 1", name="one_target"),
    )  # fmt: skip

    promotion_id: Mapped[uuid.UUID]
    product_id: Mapped[uuid.UUID | None]
    category_id: Mapped[uuid.UUID | None]

    promotion: Mapped[Promotion] = one("PromotionTarget", "promotion_id", "Promotion", "targets")
    product: Mapped[Product | None] = one("PromotionTarget", "product_id", "Product")
    category: Mapped[Category | None] = one("PromotionTarget", "category_id", "Category")


class PromotionUse(Tenant, Base):
    """A promotion gave an order that much off, in minor units of the order's currency; released when the order is cancelled."""

    __tablename__ = "promotion_uses"
    __table_args__ = (
        to("promotions", "promotion_id"),
        to("orders", "order_id"),
        to("customers", "customer_id"),
        unique("promotion_id", "order_id"),
        index("order_id"),
        index("promotion_id", "customer_id"),
        CheckConstraint("amount >= 0", name="amount"),
    )

    promotion_id: Mapped[uuid.UUID]
    order_id: Mapped[uuid.UUID]
    customer_id: Mapped[uuid.UUID | None]
    amount: Mapped[int]
    released_at: Mapped[datetime | None]

    promotion: Mapped[Promotion] = one("PromotionUse", "promotion_id", "Promotion")
    order: Mapped["Order"] = one("PromotionUse", "order_id", "Order")
    customer: Mapped["Customer | None"] = one("PromotionUse", "customer_id", "Customer")


def option_key(options: dict[str, Any]) -> str:
    """One choice of options as a key, whatever their order and case: {"Colour": "Blue"} is `colour=blue`."""
    return "|".join(sorted(f"{fold(name)}={fold(str(value))}" for name, value in options.items()))


def search_text(title: str, brand: str | None, tags: Iterable[str], skus: Iterable[str]) -> str:
    """What `search_products` looks through: the words of a product, folded."""
    return fold(" ".join([title, brand or "", *tags, *skus]))
