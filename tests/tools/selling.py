"""Orders with tax, discounts, shipping and refunds, for the tests of reports: each amount as the shop would have written it."""

import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from db.model import new_id
from db.models.customers import Customer
from db.models.orders import (
    AdjustmentKind,
    CancelReason,
    Channel,
    Order,
    OrderAdjustment,
    OrderLine,
    OrderStatus,
)
from db.models.payments import (
    Payment,
    PaymentMethod,
    PaymentStatus,
    PaymentTransaction,
    TransactionKind,
    TransactionOutcome,
)
from db.models.products import Category, Variant
from db.money import rounded
from db.references import Kind
from db.session import Transaction
from tests.conftest import Do
from tests.factories import NewShop, make_variant, number
from tools.contract.call import Shop

TAX = Decimal("0.2")


def at(shop: NewShop, moment: str) -> Do:
    """Calls of the owner at a moment, in ISO 8601 with its offset."""
    return Do(Shop(shop.shop.database, clock=lambda: utc(moment)), shop.caller("owner"))


def utc(moment: str) -> datetime:
    return datetime.fromisoformat(moment).astimezone(UTC)


@asynccontextmanager
async def rows_of(mine: NewShop) -> AsyncGenerator[Transaction]:
    """A transaction in which rows are arranged, committed at its end."""
    async with mine.shop.database.transaction(mine.id) as sql:
        yield sql
        await sql.commit()


@dataclass(frozen=True)
class Sold:
    """Units of a variant; price and discount contain tax where the order's prices do."""

    variant: Variant
    units: int = 1
    price: int = 1_200
    discount: int = 0
    tax_rate: Decimal = TAX
    cancelled: int = 0

    def tax(self, included: bool) -> int:
        paid = self.price * self.units - self.discount
        return rounded(paid * self.tax_rate / (1 + self.tax_rate)) if included else rounded(paid * self.tax_rate)


def make_sale(
    sql: Transaction,
    *sold: Sold,
    placed_at: str | datetime = "2026-03-10T12:00:00+00:00",
    shipping: int = 0,
    included: bool = True,
    currency: str = "EUR",
    status: OrderStatus = OrderStatus.confirmed,
    channel: Channel = Channel.web,
    country: str | None = "FR",
    region: str | None = None,
    city: str | None = "Lyon",
) -> Order:
    """An order of those lines; `included`: its prices and its shipping contain the tax."""
    moment = utc(placed_at) if isinstance(placed_at, str) else placed_at
    taxes = [line.tax(included) for line in sold]
    subtotal, discount = sum(line.price * line.units for line in sold), sum(line.discount for line in sold)
    shipping_tax = rounded(shipping * TAX / (1 + TAX)) if included else rounded(shipping * TAX)
    tax = sum(taxes) + shipping_tax
    cancelled = status is OrderStatus.cancelled
    order = Order(
        merchant_id=sql.merchant, id=new_id(), reference=Kind.order.reference(number()), status=status, channel=channel,
        placed_at=moment, cancelled_at=moment if cancelled else None,
        cancel_reason=CancelReason.other if cancelled else None, currency=currency, prices_include_tax=included,
        subtotal=subtotal, discount=discount, shipping=shipping, shipping_tax=shipping_tax, tax=tax,
        total=subtotal - discount + shipping + (0 if included else tax), units=sum(line.units for line in sold),
        paid=0, refunded=0, units_fulfilled=0, units_returned=0, ship_country=country, ship_region=region, ship_city=city,
        created_at=moment, updated_at=moment,
    )  # fmt: skip
    sql.session.add(order)
    for position, (line, tax) in enumerate(zip(sold, taxes, strict=True), start=1):
        paid = line.price * line.units - line.discount
        sql.session.add(
            OrderLine(
                merchant_id=sql.merchant, order_id=order.id, position=position, variant_id=line.variant.id,
                product_id=line.variant.product_id, sku=line.variant.sku, title=line.variant.title, created_at=moment,
                quantity=line.units + line.cancelled, cancelled=line.cancelled, unit_price=line.price, tax=tax,
                subtotal=line.price * line.units, discount=line.discount, tax_rate=line.tax_rate,
                total=paid if included else paid + tax,
            )
        )  # fmt: skip
    return order


def make_credit(
    sql: Transaction, variant: Variant, units: int, amount: int, *, on: str | datetime, customer: Customer | None = None
) -> Order:
    """An invoice that takes goods back, as records from elsewhere have it."""
    order = make_sale(sql, placed_at=on, status=OrderStatus.cancelled)
    order.adjustments, order.total = -amount, order.total - amount
    order.customer_id = customer.id if customer else None
    sql.session.add(
        OrderAdjustment(
            merchant_id=sql.merchant, order_id=order.id, position=1, kind=AdjustmentKind.goods, quantity=-units,
            product_id=variant.product_id, sku=variant.sku, title=variant.title, unit_price=Decimal(amount) / units,
            amount=-amount, occurred_at=order.placed_at, created_at=order.placed_at,
        )
    )  # fmt: skip
    return order


def give_back(
    sql: Transaction,
    order: Order,
    amount: int,
    on: str | datetime = "2026-03-20T12:00:00+00:00",
    kind: TransactionKind = TransactionKind.refund,
    outcome: TransactionOutcome = TransactionOutcome.succeeded,
) -> None:
    """Money that went back to the customer, of a payment as large."""
    moment = utc(on) if isinstance(on, str) else on
    payment = Payment(
        merchant_id=sql.merchant, id=new_id(), reference=Kind.payment.reference(number()), order_id=order.id,
        status=PaymentStatus.captured, method=PaymentMethod.card, provider="test", currency=order.currency,
        authorized=amount, captured=amount, created_at=moment, updated_at=moment,
    )  # fmt: skip
    transaction = PaymentTransaction(
        merchant_id=sql.merchant, payment_id=payment.id, order_id=order.id, kind=kind, outcome=outcome, amount=amount,
        currency=order.currency, provider="test", actor="system:test", occurred_at=moment, created_at=moment,
    )  # fmt: skip
    sql.session.add_all([payment, transaction])


@dataclass(frozen=True)
class Refund:
    order: Order
    amount: int
    moment: datetime


@dataclass(frozen=True)
class Year:
    """What a shop of chance sold and gave back, to be added up in another way than the report does."""

    sales: list[tuple[Order, Sequence[Sold]]]
    refunds: list[Refund]
    shelves: dict[UUID, str]  # the category of each variant


def year_of_chance(sql: Transaction, categories: Sequence[Category], seed: int = 7) -> Year:
    """A hundred orders over 2026, of all kinds, with discounts and refunds."""
    chance = random.Random(seed)
    stands = [chance.choice(categories) for _ in range(6)]
    variants = [make_variant(sql, title=f"Thing {nth}", category=category) for nth, category in enumerate(stands)]
    sales: list[tuple[Order, Sequence[Sold]]] = []
    refunds: list[Refund] = []
    for _ in range(100):
        lines: list[Sold] = []
        for variant in chance.sample(variants, chance.randint(1, 3)):
            units, price = chance.randint(1, 4), chance.randint(99, 9_999)
            discount = chance.choice([0, 0, chance.randint(1, price)])
            rate = chance.choice([TAX, Decimal("0.055")])
            lines.append(Sold(variant, units, price, discount, rate, cancelled=chance.choice([0, 0, 1])))
        order = make_sale(
            sql, *lines, placed_at=_some_time(chance), shipping=chance.choice([0, 490, 1_290]), included=chance.random() < 0.5,
            currency=chance.choice(["EUR", "EUR", "EUR", "USD"]), channel=chance.choice(list(Channel)),
            status=chance.choice([*OrderStatus, OrderStatus.confirmed, OrderStatus.completed, OrderStatus.completed]),
            country=chance.choice(["FR", "DE", None]), region=chance.choice(["Nord", None]),
            city=chance.choice(["Lille", "LILLE", "Köln", None]),
        )  # fmt: skip
        sales.append((order, lines))
        if chance.random() < 0.4:
            refund = Refund(order, chance.randint(1, order.total), _some_time(chance))
            give_back(sql, order, refund.amount, refund.moment)
            refunds.append(refund)
    shelves = {variant.id: category.name for variant, category in zip(variants, stands, strict=True)}
    return Year(sales, refunds, shelves)


def _some_time(chance: random.Random) -> datetime:
    return datetime.fromtimestamp(chance.randint(1_767_222_000, 1_798_758_000), UTC)
