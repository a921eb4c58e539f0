"""Orders: what was bought, at which prices, and how far it has come.

Amounts are minor units of the order's currency. Where `prices_include_tax`, unit prices, subtotal, discount and shipping contain
tax, else they do not; `tax` is always all the tax in the order and `total` always what the customer pays. So total - tax is the
revenue, whichever way the shop quotes its prices:

    total = subtotal - discount + shipping + adjustments (+ tax, where prices do not include it)

`discount` is the sum of the lines' shares; `shipping` is what is charged after any promotion; `shipping_tax` its part of `tax`.
An order keeps names, prices and addresses as they were when it was placed. Its amounts stay when it is cancelled.

`adjustments` is what was charged or taken off beside the goods, in records that came from elsewhere. A credit (the invoice that
took another one back) is a cancelled order of nothing else, its total below zero: no order in any count, and money all the same.
"""

import uuid
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import CheckConstraint, Computed, Index, Integer, Numeric, text
from sqlalchemy.orm import Mapped, mapped_column

from db.columns import count, details, folded, items, many, minor_units, one, words
from db.model import Base, Referenced, Stateful, Tenant, Versioned, by_words, index, one_of, referenced, to, unique

if TYPE_CHECKING:
    from db.models.after_sales import Return
    from db.models.customers import Customer
    from db.models.inventory import Reservation
    from db.models.payments import Payment, SavedMethod
    from db.models.products import Product, Variant
    from db.models.transport import Fulfilment


class OrderStatus(StrEnum):
    draft = "draft"
    pending = "pending"
    confirmed = "confirmed"
    completed = "completed"
    cancelled = "cancelled"
    expired = "expired"


COUNTED = (OrderStatus.pending, OrderStatus.confirmed, OrderStatus.completed)  # as sold, in every figure


class PaymentState(StrEnum):
    """How far an order is paid; the database derives it from the amounts."""

    unpaid = "unpaid"
    authorized = "authorized"
    partly_paid = "partly_paid"
    paid = "paid"
    partly_refunded = "partly_refunded"
    refunded = "refunded"


class FulfilmentState(StrEnum):
    """How much of an order has left; the database derives it from the counts."""

    unfulfilled = "unfulfilled"
    partly_fulfilled = "partly_fulfilled"
    fulfilled = "fulfilled"


class ReturnState(StrEnum):
    """How much of what left came back; the database derives it from the counts."""

    none = "none"
    partly_returned = "partly_returned"
    returned = "returned"


class Channel(StrEnum):
    web = "web"
    phone = "phone"
    email = "email"
    store = "store"
    marketplace = "marketplace"
    api = "api"


class CancelReason(StrEnum):
    customer_request = "customer_request"
    no_longer_needed = "no_longer_needed"
    ordered_by_mistake = "ordered_by_mistake"
    duplicate = "duplicate"
    out_of_stock = "out_of_stock"
    not_paid = "not_paid"
    suspected_fraud = "suspected_fraud"
    undeliverable = "undeliverable"
    other = "other"
    unspecified = "unspecified"  # nobody said why


class AdjustmentKind(StrEnum):
    goods = "goods"  # taken back, by a credit
    postage = "postage"
    discount = "discount"
    sample = "sample"
    fee = "fee"
    bank_charge = "bank_charge"
    bad_debt = "bad_debt"
    stock = "stock"  # units written off or found: no money
    manual = "manual"  # entered by hand, for whatever reason


class HoldReason(StrEnum):
    customer_request = "customer_request"
    fraud_review = "fraud_review"
    payment_review = "payment_review"
    address_check = "address_check"
    out_of_stock = "out_of_stock"
    other = "other"
    unspecified = "unspecified"  # nobody said why


class NoteVisibility(StrEnum):
    internal = "internal"
    customer = "customer"


_PAYMENT_STATE = """
case when refunded > 0 and refunded >= paid then 'refunded'
     when refunded > 0 then 'partly_refunded'
     when paid >= total then 'paid'
     when paid > 0 then 'partly_paid'
     when authorized > 0 then 'authorized'
     else 'unpaid' end
"""
_FULFILMENT_STATE = """
case when units_fulfilled = 0 then 'unfulfilled' when units_fulfilled < units then 'partly_fulfilled' else 'fulfilled' end
"""
_RETURN_STATE = """
case when units_returned = 0 then 'none' when units_returned < units_fulfilled then 'partly_returned' else 'returned' end
"""


class Order(Tenant, Referenced, Versioned, Stateful, Base):
    """An order. `placed_at` of a draft is when it was written, until it is placed.

    Caches of other rows: `authorized` (payments' authorizations less voids), `paid` (captures), `refunded` (refunds and
    chargebacks), `units` (bought and not taken out), `units_fulfilled`, `units_returned`. On hold is an order with an open hold.
    """

    __tablename__ = "orders"
    __table_args__ = referenced(
        to("customers", "customer_id"),
        index("placed_at", "id"),
        index("status", "placed_at", "id"),
        index("customer_id", "placed_at"),
        index("status", "expires_at"),
        index("currency", "total", "id"),
        index("units", "id"),
        by_words("words_key"),
        Index(
            "ix_orders_kinds",
            "merchant_id",
            "payment_state",
            "fulfilment_state",
            "return_state",
            "channel",
            "ship_country",
        ),
        Index("ix_orders_city", "merchant_id", text("folded(ship_city)"), "channel"),
        Index(
            "ix_orders_region",
            "merchant_id",
            text("folded(ship_region)"),
            "channel",
            postgresql_where=text("ship_region is not null"),
        ),
        CheckConstraint(
            "total = subtotal - discount + shipping + adjustments + case when prices_include_tax then 0 else tax end",
            name="total",
        ),
        CheckConstraint("discount >= 0 and discount <= subtotal and shipping >= 0", name="amounts"),
        CheckConstraint("shipping_tax >= 0 and shipping_tax <= tax", name="tax"),
        CheckConstraint("refunded >= 0 and refunded <= paid and authorized >= 0", name="never_over_refunded"),
        CheckConstraint(
            "units >= 0 and units_returned >= 0 and units_returned <= units_fulfilled and units_fulfilled <= units",
            name="units",
        ),
        CheckConstraint("(status = 'cancelled') = (cancelled_at is not null)", name="cancelled_at"),
        CheckConstraint(
            "status <> 'cancelled' or (cancel_reason is not null and units_fulfilled = 0)", name="cancelled"
        ),
        {"postgresql_with": {"fillfactor": 80}},
    )
    MOVES: ClassVar[dict[OrderStatus, frozenset[OrderStatus]]] = {
        OrderStatus.draft: frozenset({OrderStatus.pending, OrderStatus.cancelled}),
        OrderStatus.pending: frozenset({OrderStatus.confirmed, OrderStatus.cancelled, OrderStatus.expired}),
        OrderStatus.confirmed: frozenset({OrderStatus.completed, OrderStatus.cancelled}),
        OrderStatus.completed: frozenset(),
        OrderStatus.cancelled: frozenset(),
        OrderStatus.expired: frozenset(),
    }

    customer_id: Mapped[uuid.UUID | None]
    status: Mapped[OrderStatus] = mapped_column(one_of(OrderStatus, "status"))
    channel: Mapped[Channel] = mapped_column(one_of(Channel, "channel"))
    placed_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    cancel_reason: Mapped[CancelReason | None] = mapped_column(one_of(CancelReason, "cancel_reason"))
    expires_at: Mapped[datetime | None]

    currency: Mapped[str]
    prices_include_tax: Mapped[bool]
    subtotal: Mapped[int] = minor_units()
    discount: Mapped[int] = minor_units()
    shipping: Mapped[int] = minor_units()
    shipping_tax: Mapped[int] = minor_units()
    adjustments: Mapped[int] = minor_units()
    tax: Mapped[int] = minor_units()
    total: Mapped[int] = minor_units()
    promotion_codes: Mapped[list[str]] = words()

    authorized: Mapped[int] = minor_units()
    paid: Mapped[int] = minor_units()
    refunded: Mapped[int] = minor_units()
    units: Mapped[int] = count()
    units_fulfilled: Mapped[int] = count()
    units_returned: Mapped[int] = count()
    payment_state: Mapped[PaymentState] = mapped_column(
        one_of(PaymentState, "payment_state"), Computed(_PAYMENT_STATE, persisted=True)
    )
    fulfilment_state: Mapped[FulfilmentState] = mapped_column(
        one_of(FulfilmentState, "fulfilment_state"), Computed(_FULFILMENT_STATE, persisted=True)
    )
    return_state: Mapped[ReturnState] = mapped_column(
        one_of(ReturnState, "return_state"), Computed(_RETURN_STATE, persisted=True)
    )

    customer_name: Mapped[str | None]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    shipping_method: Mapped[str | None]
    shipping_address: Mapped[dict[str, Any]] = details()
    billing_address: Mapped[dict[str, Any]] = details()
    ship_city: Mapped[str | None]
    ship_region: Mapped[str | None]
    ship_postcode: Mapped[str | None]
    ship_country: Mapped[str | None]
    promised_on: Mapped[date | None]
    note: Mapped[str | None]
    words_key: Mapped[str] = folded(
        "reference || ' ' || coalesce(external_reference, '') || ' ' || coalesce(customer_name, '') || ' ' || coalesce(email, '')"
    )

    customer: Mapped["Customer | None"] = one("Order", "customer_id", "Customer")
    lines: Mapped[list["OrderLine"]] = many("OrderLine", "order_id", "Order", "order", order_by="OrderLine.position")
    notes: Mapped[list["OrderNote"]] = many("OrderNote", "order_id", "Order", "order", order_by="OrderNote.id")
    holds: Mapped[list["OrderHold"]] = many("OrderHold", "order_id", "Order", "order", order_by="OrderHold.id")
    changes: Mapped[list["OrderChange"]] = many(
        "OrderChange", "order_id", "Order", "order", order_by="OrderChange.version"
    )
    reservations: Mapped[list["Reservation"]] = many(
        "Reservation", "order_id", "Order", "order", order_by="Reservation.id"
    )
    payments: Mapped[list["Payment"]] = many("Payment", "order_id", "Order", "order", order_by="Payment.id")
    fulfilments: Mapped[list["Fulfilment"]] = many("Fulfilment", "order_id", "Order", "order", order_by="Fulfilment.id")
    returns: Mapped[list["Return"]] = many("Return", "order_id", "Order", "order", order_by="Return.id")


class OrderLine(Tenant, Base):
    """Units of one variant, as they were named and priced. A line that was taken out stays, with all its units `cancelled`.

    `quantity` counts all units ever asked for; the amounts are those of quantity - cancelled. `unit_price`, `subtotal` and
    `discount` contain tax where the order's prices do; `tax` is the line's tax and `total` what the customer pays for it.
    `tax_rate` is a fraction (0.2000 is 20 %); `unit_cost` is in minor units with four decimals. `discounts` says which promotions
    make up `discount`: [{"promotion": "PRO-1001", "amount": 200}]; it is empty where nobody said, as for orders from elsewhere.
    A line of a bundle is what each of its bundles has `per_bundle` units of, at their share of the bundle's price.
    """

    __tablename__ = "order_lines"
    __table_args__ = (
        to("orders", "order_id"),
        to("variants", "variant_id"),
        to("products", "product_id"),
        unique("order_id", "position"),
        index("variant_id", "order_id"),
        index("product_id", "order_id"),
        to("order_bundles", "bundle_id"),
        index("bundle_id"),
        by_words("words_key"),
        CheckConstraint("(bundle_id is null) = (per_bundle is null) and per_bundle > 0", name="per_bundle"),
        CheckConstraint("quantity > 0 and cancelled >= 0", name="quantity"),
        CheckConstraint("fulfilled >= 0 and fulfilled <= quantity - cancelled", name="fulfilled"),
        CheckConstraint("returned >= 0 and returned <= fulfilled", name="returned"),
        CheckConstraint("unit_price >= 0 and subtotal = unit_price * (quantity - cancelled)", name="subtotal"),
        CheckConstraint("discount >= 0 and discount <= subtotal and tax >= 0", name="amounts"),
        CheckConstraint("total in (subtotal - discount, subtotal - discount + tax)", name="total"),
        {"postgresql_with": {"fillfactor": 80}},
    )

    order_id: Mapped[uuid.UUID]
    position: Mapped[int] = mapped_column(Integer)
    variant_id: Mapped[uuid.UUID | None]
    product_id: Mapped[uuid.UUID | None]
    sku: Mapped[str]
    title: Mapped[str]
    options: Mapped[dict[str, Any]] = details()
    quantity: Mapped[int] = mapped_column(Integer)
    cancelled: Mapped[int] = count()
    fulfilled: Mapped[int] = count()
    returned: Mapped[int] = count()
    unit_price: Mapped[int]
    unit_cost: Mapped[Decimal | None]
    subtotal: Mapped[int]
    discount: Mapped[int] = minor_units()
    discounts: Mapped[list[Any]] = items()
    tax_class: Mapped[str] = mapped_column(default="standard", server_default="standard")
    tax_rate: Mapped[Decimal] = mapped_column(Numeric(7, 5))
    tax: Mapped[int] = minor_units()
    total: Mapped[int]
    bundle_id: Mapped[uuid.UUID | None]
    per_bundle: Mapped[int | None] = mapped_column(Integer)
    words_key: Mapped[str] = folded("title || ' ' || sku")

    order: Mapped[Order] = one("OrderLine", "order_id", "Order", "lines")
    bundle: Mapped["OrderBundle | None"] = one("OrderLine", "bundle_id", "OrderBundle", "lines")
    variant: Mapped["Variant | None"] = one("OrderLine", "variant_id", "Variant")
    product: Mapped["Product | None"] = one("OrderLine", "product_id", "Product")


class OrderBundle(Tenant, Base):
    """Bundles on an order as they were named and priced: `quantity` of them stand now. What they consist of are lines of the order,
    whose unit prices add up to `unit_price`.
    """

    __tablename__ = "order_bundles"
    __table_args__ = (
        to("orders", "order_id"),
        to("variants", "variant_id"),
        to("products", "product_id"),
        index("order_id"),
        index("variant_id", "order_id"),
        index("product_id"),
        CheckConstraint("quantity >= 0 and unit_price >= 0", name="amounts"),
    )

    order_id: Mapped[uuid.UUID]
    variant_id: Mapped[uuid.UUID]
    product_id: Mapped[uuid.UUID]
    sku: Mapped[str]
    title: Mapped[str]
    quantity: Mapped[int] = mapped_column(Integer)
    unit_price: Mapped[int]

    order: Mapped[Order] = one("OrderBundle", "order_id", "Order")
    variant: Mapped["Variant"] = one("OrderBundle", "variant_id", "Variant")
    product: Mapped["Product"] = one("OrderBundle", "product_id", "Product")
    lines: Mapped[list[OrderLine]] = many(
        "OrderLine", "bundle_id", "OrderBundle", "bundle", order_by="OrderLine.position"
    )


class OrderAdjustment(Tenant, Base):
    """An amount beside an order's lines: charged above zero, credited below, in minor units of the order's currency. Append-only.

    `sku` and `title` are as they were written; `product_id` is what has that SKU, so that figures tell each apart. Units here
    are no units of the order: nothing of them is shipped. `unit_price` is in minor units with four decimals.
    """

    __tablename__ = "order_adjustments"
    __table_args__ = (
        to("orders", "order_id"),
        to("products", "product_id"),
        unique("order_id", "position"),
        index("occurred_at", "id"),
        index("product_id"),
    )

    order_id: Mapped[uuid.UUID]
    position: Mapped[int] = mapped_column(Integer)
    kind: Mapped[AdjustmentKind] = mapped_column(one_of(AdjustmentKind, "kind"))
    product_id: Mapped[uuid.UUID | None]
    sku: Mapped[str]
    title: Mapped[str]
    quantity: Mapped[int] = mapped_column(Integer)
    unit_price: Mapped[Decimal]
    amount: Mapped[int]
    occurred_at: Mapped[datetime]

    order: Mapped[Order] = one("OrderAdjustment", "order_id", "Order")
    product: Mapped["Product | None"] = one("OrderAdjustment", "product_id", "Product")


class OrderNote(Tenant, Base):
    """A remark on an order; `customer` notes may be shown to the buyer."""

    __tablename__ = "order_notes"
    __table_args__ = (to("orders", "order_id"), index("order_id", "id"))

    order_id: Mapped[uuid.UUID]
    visibility: Mapped[NoteVisibility] = mapped_column(one_of(NoteVisibility, "visibility"))
    text: Mapped[str]
    author: Mapped[str]

    order: Mapped[Order] = one("OrderNote", "order_id", "Order", "notes")


class OrderHold(Tenant, Base):
    """While a hold is open, its order is not picked, captured or shipped. `owner` looks after it."""

    __tablename__ = "order_holds"
    __table_args__ = (
        to("orders", "order_id"),
        index("order_id", "id"),
        Index("ix_order_holds_open", "merchant_id", "order_id", postgresql_where=text("released_at is null")),
        CheckConstraint("(released_at is null) = (released_by is null)", name="released_by_somebody"),
    )

    order_id: Mapped[uuid.UUID]
    reason: Mapped[HoldReason] = mapped_column(one_of(HoldReason, "reason"))
    note: Mapped[str | None]
    owner: Mapped[str]
    placed_at: Mapped[datetime]
    released_at: Mapped[datetime | None]
    released_by: Mapped[str | None]

    order: Mapped[Order] = one("OrderHold", "order_id", "Order", "holds")


class OrderChange(Tenant, Base):
    """A change of an order's lines after it was written: what became of which units, and what it did to the total. Append-only.

    `version` is the order's from then on. `lines` are rows of {sku, before, after}, in units; a swap is two of them.
    `saved_method_id` is what the customer wanted the difference to be settled by.
    """

    __tablename__ = "order_changes"
    __table_args__ = (
        to("orders", "order_id"),
        to("saved_methods", "saved_method_id"),
        unique("order_id", "version"),
        CheckConstraint("total_before >= 0 and total_after >= 0", name="totals"),
    )

    order_id: Mapped[uuid.UUID]
    version: Mapped[int] = mapped_column(Integer)
    lines: Mapped[list[Any]] = items()
    total_before: Mapped[int]
    total_after: Mapped[int]
    saved_method_id: Mapped[uuid.UUID | None]
    actor: Mapped[str]

    order: Mapped[Order] = one("OrderChange", "order_id", "Order", "changes")
    saved_method: Mapped["SavedMethod | None"] = one("OrderChange", "saved_method_id", "SavedMethod")
