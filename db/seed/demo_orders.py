"""A year of orders in the demo shop, up to this moment: who bought what, at which price, from which warehouse."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from db.models.orders import CancelReason, Channel, HoldReason, Order, OrderLine, OrderStatus
from db.models.payments import PaymentMethod
from db.models.products import PromotionKind, PromotionUse
from db.money import rounded
from db.seed.demo_catalogue import DAYS, SHIPPING, WAREHOUSES, Catalogue, Sku
from db.seed.demo_customers import Buyer, Buyers
from db.seed.demo_demand import ORDERS, Demand
from db.seed.demo_promotions import Offer
from db.seed.demo_stock import MAIN, Stock
from db.seed.draft import Draft, Row

BUSY = (2, 1, 0.5, 0.5, 0.5, 1, 1, 2, 4, 5, 6, 6, 7, 6, 5, 5, 5, 6, 7, 9, 11, 11, 8, 4)  # of each hour
STAFFED = range(9, 19)  # hours in which the store is open and somebody takes calls, except on Sundays
LINES = (38, 30, 18, 9, 5)  # of a hundred orders have one line, two, …
NEAREST = {country: number for number, place in enumerate(WAREHOUSES.values()) for country in place[6].split()}
METHODS = {
    Channel.web: ((PaymentMethod.card, 68), (PaymentMethod.paypal, 22), (PaymentMethod.bank_transfer, 10)),
    Channel.email: ((PaymentMethod.bank_transfer, 60), (PaymentMethod.card, 40)),
    Channel.phone: ((PaymentMethod.card, 75), (PaymentMethod.bank_transfer, 25)),
    Channel.store: ((PaymentMethod.card, 70), (PaymentMethod.cash, 30)),
    Channel.marketplace: ((PaymentMethod.marketplace, 100),),
}
CHANNELS = ((Channel.web, 72), (Channel.marketplace, 14), (Channel.phone, 6), (Channel.store, 5), (Channel.email, 3))
SNAPSHOT = ("name", "company", "line1", "line2", "city", "region", "postcode", "country", "phone")
REASONS = (
    CancelReason.customer_request,
    CancelReason.no_longer_needed,
    CancelReason.ordered_by_mistake,
    CancelReason.other,
)


@dataclass
class SaleLine:
    sku: Sku
    quantity: int
    warehouse: int | None
    backordered: bool = False
    row: Row = field(default_factory=dict[str, Any])


@dataclass
class Parcel:
    """What left: its row, its lines, when it arrived."""

    row: Row
    lines: list[SaleLine]
    delivered_at: datetime | None


@dataclass
class Sale:
    """An order and what became of it. Moments that have not come yet are None."""

    serial: int
    day: int
    buyer: Buyer
    at: datetime
    channel: Channel
    method: PaymentMethod
    lines: list[SaleLine] = field(default_factory=list[SaleLine])
    confirmed_at: datetime | None = None
    paid_at: datetime | None = None
    cancelled_at: datetime | None = None
    expired_at: datetime | None = None
    held: HoldReason | None = None
    row: Row = field(default_factory=dict[str, Any])
    parcels: list[Parcel] = field(default_factory=list[Parcel])

    @property
    def stopped_at(self) -> datetime | None:
        return self.cancelled_at or self.expired_at

    @property
    def country(self) -> str:
        return "FR" if self.channel is Channel.store else self.buyer.country


@dataclass
class Register:
    """What selling needs."""

    draft: Draft
    catalogue: Catalogue
    buyers: Buyers
    stock: Stock
    demand: Demand
    offers: list[Offer]
    carriers: dict[str, Row]
    welcomed: set[str] = field(default_factory=set[str])  # who used the promotion for the first order


def sell(register: Register) -> Iterator[Sale]:
    """The sales of the year and of today, in their order, with their rows of `orders` and `order_lines`."""
    serial = count(1)
    for number in range(len(register.demand.days)):
        register.stock.new_day(number)
        for at in _moments(register, number):
            sale = _sale(register, next(serial), number, at)
            _write(register, sale)
            yield sale


def _moments(register: Register, number: int) -> list[datetime]:
    """When the orders of a day come, as far as they have come. Today, one of them comes soon after midnight."""
    draft, day, orders = register.draft, register.demand.days[number], register.demand.orders[number]
    hours = draft.random.choices(range(24), weights=BUSY, k=orders)
    seconds = [hour * 3600 + draft.random.uniform(0, 3599) for hour in hours]
    if day == draft.today:
        seconds[0] = draft.random.uniform(120, 600)
    return [at for at in sorted(draft.at(day, second) for second in seconds) if at <= draft.now]


def _sale(register: Register, serial: int, number: int, at: datetime) -> Sale:
    rng = register.draft.random
    buyer = register.buyers.pick(at, rng.random())
    channel = rng.choices([kind for kind, _ in CHANNELS], weights=[part for _, part in CHANNELS])[0]
    if channel in (Channel.store, Channel.phone) and not _staffed(register.draft, at):
        channel = Channel.web
    methods = METHODS[channel]
    method = rng.choices([kind for kind, _ in methods], weights=[part for _, part in methods])[0]
    if _hold(serial):
        channel, method = Channel.web, PaymentMethod.card
    elif buyer.trade and channel is not Channel.marketplace and rng.random() < 0.5:
        channel, method = Channel.email, PaymentMethod.invoice
    sale = Sale(serial, number, buyer, at, channel, method, held=_hold(serial))
    _fate(register.draft, sale)
    for _ in range(12):
        wanted = rng.choices(range(1, 6), weights=LINES)[0]
        sale.lines = list(_basket(register, sale, wanted))
        if sale.lines:
            break
    return sale


def _staffed(draft: Draft, at: datetime) -> bool:
    here = at.astimezone(draft.zone)
    return here.hour in STAFFED and here.weekday() < 6


def _hold(serial: int) -> HoldReason | None:
    """Two of the last evening's orders wait for somebody's look."""
    return {ORDERS - 3: HoldReason.fraud_review, ORDERS - 9: HoldReason.address_check}.get(serial)


def _fate(draft: Draft, sale: Sale) -> None:
    """When it is confirmed and paid, or why not. Invoices are confirmed at once and paid a fortnight later."""
    rng, at = draft.random, sale.at
    if sale.method is PaymentMethod.bank_transfer:
        unpaid = rng.random() < 0.07
        paid = at + timedelta(days=30 if unpaid else rng.uniform(0.6, 3.2))
        expires = at + timedelta(days=7)
        sale.paid_at = sale.confirmed_at = paid if paid <= min(draft.now, expires) else None
        sale.expired_at = expires if unpaid and expires <= draft.now else None
    elif sale.method is PaymentMethod.invoice:
        paid = at + timedelta(days=rng.uniform(10, 26))
        sale.confirmed_at = min(at + timedelta(minutes=rng.uniform(3, 90)), draft.now)
        sale.paid_at = paid if paid <= draft.now else None
    else:
        sale.paid_at = sale.confirmed_at = min(at + timedelta(seconds=rng.uniform(5, 240)), draft.now)
    if rng.random() < 0.04 and sale.channel is not Channel.store and not sale.expired_at and not sale.held:
        cancelled = (sale.confirmed_at or at) + timedelta(minutes=rng.uniform(20, 400))
        sale.cancelled_at = cancelled if cancelled <= draft.now else None


def _basket(register: Register, sale: Sale, wanted: int) -> Iterator[SaleLine]:
    """So many different variants, as far as some warehouse has them; nothing leaves for an order that stops."""
    rng, seen = register.draft.random, set[int]()
    day = register.demand.days[sale.day]
    for _ in range(wanted):
        sku = register.demand.pick(day)
        many = (1, 2, 4, 6) if sku.shelf.startswith(("Kitchen", "Pantry")) else (1, 1, 2, 2)
        quantity = rng.choices(many, weights=(74, 16, 7, 3))[0] * (2 if sale.buyer.trade else 1)
        if sku.index in seen or not sku.sold_on(day, register.draft.today):
            continue
        seen.add(sku.index)
        if sale.stopped_at or not sku.tracked:
            yield SaleLine(sku, quantity, None)
        elif (warehouse := register.stock.take(sku, quantity, NEAREST[sale.country], sale.day)) is not None:
            yield SaleLine(sku, quantity, warehouse)
        elif sku.variant["allow_backorder"] and sale.day >= DAYS - 6:
            yield SaleLine(sku, quantity, MAIN, backordered=True)


# ---- amounts -------------------------------------------------------------------------------------------------------------


def _write(register: Register, sale: Sale) -> None:
    """The order with its lines: prices contain tax."""
    draft, at = register.draft, sale.at
    prices = [line.sku.price_at(at, sale.buyer.trade) for line in sale.lines]
    subtotals = [price * line.quantity for price, line in zip(prices, sale.lines, strict=True)]
    offer, discounts = _discounts(register, sale, subtotals)
    shipping, method = _shipping(draft, sale, sum(subtotals) - sum(discounts), offer)
    rates = register.catalogue.taxes
    shipping_tax = _included(shipping, rates[sale.country, "standard"])
    order = sale.row = draft.add(
        Order, at, **_customer(sale), status=OrderStatus.pending, channel=sale.channel, placed_at=at, currency="EUR",
        prices_include_tax=True, subtotal=sum(subtotals), discount=sum(discounts), shipping=shipping,
        shipping_tax=shipping_tax, tax=shipping_tax, total=sum(subtotals) - sum(discounts) + shipping,
        promotion_codes=[offer.row["code"]] if offer and offer.row["code"] else [], shipping_method=method,
        units=sum(line.quantity for line in sale.lines), confirmed_at=sale.confirmed_at, cancelled_at=sale.cancelled_at,
        cancel_reason=draft.random.choice(REASONS) if sale.cancelled_at else None,
        expires_at=at + timedelta(days=7) if sale.method is PaymentMethod.bank_transfer else None,
    )  # fmt: skip
    for position, (line, price, subtotal, discount) in enumerate(
        zip(sale.lines, prices, subtotals, discounts, strict=True), start=1
    ):
        rate = rates[sale.country, line.sku.product["tax_class"]]
        tax = _included(subtotal - discount, rate)
        order["tax"] += tax
        line.row = draft.add(
            OrderLine, at, order_id=order["id"], position=position, variant_id=line.sku.variant["id"],
            product_id=line.sku.product["id"], sku=line.sku.code, title=line.sku.product["title"],
            options=line.sku.variant["options"], quantity=line.quantity, unit_price=price, unit_cost=line.sku.cost,
            subtotal=subtotal, discount=discount,
            discounts=_shares(offer, discount), tax_class=line.sku.product["tax_class"], tax_rate=rate, tax=tax,
            total=subtotal - discount,
        )  # fmt: skip
    if offer:
        _use(register, sale, offer)


def _included(amount: int, rate: Decimal) -> int:
    """The tax inside an amount that contains it."""
    return rounded(amount * rate / (1 + rate))


def _discounts(register: Register, sale: Sale, subtotals: list[int]) -> tuple[Offer | None, list[int]]:
    """The first promotion that holds and takes something off, or makes delivery free."""
    priced = [(line.sku, subtotal) for line, subtotal in zip(sale.lines, subtotals, strict=True)]
    for offer in register.offers:
        if not offer.holds(sale.at) or sale.buyer.trade or register.draft.random.random() >= offer.chance:
            continue
        if offer.row["usage_limit_per_customer"] and sale.buyer.customer["id"] in register.welcomed:
            continue
        discounts = offer.discounts(priced)
        if sum(discounts) or offer.row["kind"] is PromotionKind.free_shipping:
            return offer, discounts
    return None, [0] * len(subtotals)


def _shares(offer: Offer | None, discount: int) -> list[dict[str, Any]]:
    return [{"promotion": offer.row["reference"], "amount": discount}] if offer and discount else []


def _shipping(draft: Draft, sale: Sale, goods: int, offer: Offer | None) -> tuple[int, str | None]:
    """What delivery costs, and its method."""
    if sale.channel is Channel.store:
        return 0, None
    method = "international" if sale.country in ("CH", "GB") else "standard"
    roll = draft.random.random()
    if roll < 0.08 and sale.country in SHIPPING["express"][1]:
        method = "express"
    elif roll < 0.3 and sale.country in ("FR", "BE"):
        method = "pickup"
    _, _, price, free_above, _, heavier = SHIPPING[method]
    grams = sum((line.sku.variant["weight_grams"] or 0) * line.quantity for line in sale.lines)
    price = max([price, *(more for above, more in heavier.items() if grams >= above)])
    free = (free_above is not None and goods >= free_above) or (
        offer is not None and offer.row["kind"] is PromotionKind.free_shipping
    )
    return 0 if free else price, method


def _use(register: Register, sale: Sale, offer: Offer) -> None:
    offer.row["used"] += sale.stopped_at is None
    if offer.row["usage_limit_per_customer"]:
        register.welcomed.add(sale.buyer.customer["id"])
    register.draft.add(
        PromotionUse, sale.at, promotion_id=offer.row["id"], order_id=sale.row["id"], amount=sale.row["discount"],
        customer_id=sale.buyer.customer["id"], released_at=sale.stopped_at,
    )  # fmt: skip


def _customer(sale: Sale) -> Row:
    """Who ordered and where it goes, as it was then. What is bought in the store goes nowhere."""
    person, home = sale.buyer.customer, sale.buyer.address
    snapshot = {key: home[key] for key in SNAPSHOT}
    values: Row = {key: person[key] for key in ("email", "phone")}
    values |= {"customer_id": person["id"], "customer_name": person["name"], "billing_address": snapshot}
    if sale.channel is Channel.store:
        return values | {"ship_city": "Lyon", "ship_country": "FR"}
    if sale.channel is Channel.marketplace:
        values |= {"source": "marketplace", "external_reference": f"MP-{700_000 + sale.serial * 7}"}
    places = {f"ship_{key}": home[key] for key in ("city", "region", "postcode", "country")}
    return values | {"shipping_address": snapshot} | places
