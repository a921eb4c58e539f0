"""Invoices written as orders of a shop, some thousand lines at once: what they name is found or made, then come sets of rows."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from typing import NamedTuple

from psycopg.types.json import Jsonb

from db.models.customers import CustomerStatus
from db.models.orders import AdjustmentKind, CancelReason, Channel, OrderStatus
from db.models.payments import PaymentMethod, TransactionKind
from db.models.products import ProductStatus, search_text
from db.models.transport import FulfilmentStatus
from db.references import Kind
from db.text import fold
from importers.intake import ACTOR, Intake
from importers.moved import Entry, Tender, warehouse, write_payments


class Line(NamedTuple):
    """A line of an invoice; `unit_price` in minor units, which may have fractions, `amount` in whole ones."""

    sku: str
    title: str
    quantity: int
    at: datetime
    unit_price: Decimal
    amount: int
    kind: AdjustmentKind | None  # None: goods that were sold


class Invoice(NamedTuple):
    """A document of the file. `region` is a place that is no country."""

    number: str
    customer: str | None
    country: str | None
    region: str | None
    lines: list[Line]

    @property
    def is_credit(self) -> bool:
        return self.number.startswith("C")

    @property
    def at(self) -> datetime:
        return self.lines[0].at


class _Item(NamedTuple):
    """What a SKU stands for."""

    product: str
    variant: str


class _Order(NamedTuple):
    """The order of an invoice, which may be there since an earlier batch: its last position, and whether it has its parcel."""

    id: str
    reference: str
    parcel: str
    taken: int = 0
    new: bool = True
    shipped: bool = False


class _Placed(NamedTuple):
    """A line in its order. A price with fractions is rounded up, and the difference is a discount: the amount counts."""

    order: _Order
    position: int
    line: Line
    item: _Item

    @property
    def unit_price(self) -> int:
        return int(self.line.unit_price.to_integral_value(ROUND_CEILING))

    @property
    def discount(self) -> int:
        return self.unit_price * self.line.quantity - self.line.amount


class _Whole(NamedTuple):
    """An invoice with what it stands for: its order, its customer, its lines by what they are."""

    invoice: Invoice
    order: _Order
    customer: str | None
    sold: list[_Placed]
    beside: list[_Placed]

    @property
    def subtotal(self) -> int:
        return sum(line.unit_price * line.line.quantity for line in self.sold)

    @property
    def total(self) -> int:
        return sum(line.amount for line in self.invoice.lines)

    @property
    def tender(self) -> Tender:
        paid = Entry(TransactionKind.capture, self.total, self.invoice.at)
        return Tender(self.order.id, PaymentMethod.other, [paid])


def write_invoices(intake: Intake, invoices: Sequence[Invoice], source: str, currency: str) -> list[Invoice]:
    """Write the invoices, within the caller's transaction; returns those whose number is new to the shop."""
    if not invoices:
        return []
    customers = _customers(intake, invoices, source)
    items = _items(intake, invoices)
    orders = _orders(intake, invoices, source)
    wholes = [_whole(invoice, orders[invoice.number], customers, items) for invoice in invoices]
    _write_orders(intake, wholes, source, currency)
    _write_parcels(intake, [whole for whole in wholes if whole.sold and not whole.order.shipped], currency)
    # In the order of their titles: the index of their words touches fewer pages then.
    _write_lines(intake, sorted((line for whole in wholes for line in whole.sold), key=lambda line: line.line.title))
    _write_adjustments(intake, [line for whole in wholes for line in whole.beside])
    # The file knows of no debts but the bad ones, which are lines of their own: what was invoiced counts as paid.
    write_payments(intake, [whole.tender for whole in wholes if whole.total > 0], currency)
    new = [whole for whole in wholes if whole.order.new]
    _write_events(intake, new)
    return [whole.invoice for whole in new]


# ---- what the invoices name ----------------------------------------------------------------------------------------------


def _customers(intake: Intake, invoices: Iterable[Invoice], source: str) -> dict[str, str]:
    """The ids of the customers, by their numbers."""
    first: dict[str, datetime] = {}
    for invoice in invoices:
        if invoice.customer:
            first.setdefault(invoice.customer, invoice.at)
    known = intake.rows(
        "select external_reference, id::text from customers where merchant_id = %(m)s and source = %(source)s"
        " and external_reference = any(%(numbers)s)",
        source=source, numbers=list(first),
    )  # fmt: skip
    found = dict(known)
    new = [number for number in first if number not in found]
    made = {number: intake.id(first[number]) for number in new}
    names = [_name(number) for number in new]
    since = [first[number] for number in new]
    intake.add(
        "customers",
        {
            "id": list(made.values()), "reference": intake.references(Kind.customer, len(new)), "external_reference": new,
            "name": names, "name_key": [fold(name) for name in names], "created_at": since,
        },
        {"source": source, "status": CustomerStatus.active.value, "updated_at": intake.now},
    )  # fmt: skip
    return found | made


def _name(number: str) -> str:
    return f"Customer {number}"


def _items(intake: Intake, invoices: Iterable[Invoice]) -> dict[str, _Item]:
    """Products and their variants, by SKU as it is written: one variant each, which nobody counts."""
    first: dict[str, Line] = {}
    for invoice in invoices:
        for line in invoice.lines:
            first.setdefault(line.sku, line)
    query = "select sku, product_id::text, id::text from variants where merchant_id = %(m)s and sku = any(%(skus)s)"
    found = {sku: _Item(*ids) for sku, *ids in intake.rows(query, skus=list(first))}
    new = [line for sku, line in first.items() if sku not in found]
    made = {line.sku: _Item(intake.id(line.at), intake.id(line.at)) for line in new}
    skus, since = [line.sku for line in new], [line.at for line in new]
    goods = [line.kind in (None, AdjustmentKind.goods, AdjustmentKind.stock) for line in new]
    sold = {True: ProductStatus.active.value, False: ProductStatus.inactive.value}
    intake.add(
        "products",
        {
            "id": [item.product for item in made.values()], "reference": intake.references(Kind.product, len(new)),
            "status": [sold[is_goods] for is_goods in goods], "title": [line.title for line in new],
            "search": [search_text(line.title, None, (), [line.sku]) for line in new], "created_at": since,
        },
        {"updated_at": intake.now},
    )  # fmt: skip
    intake.add(
        "variants",
        {
            "id": [item.variant for item in made.values()], "product_id": [item.product for item in made.values()],
            "reference": intake.references(Kind.variant, len(new)), "sku": skus, "sku_key": [sku.casefold() for sku in skus],
            "title": [line.title for line in new], "sellable": goods, "created_at": since,
        },
        {"tracked": False, "updated_at": intake.now},
    )  # fmt: skip
    return found | made


def _orders(intake: Intake, invoices: Sequence[Invoice], source: str) -> dict[str, _Order]:
    """The orders by invoice number. One that is there already goes on where its lines ended."""
    there = intake.rows(
        """
        select o.external_reference, o.id::text, o.reference, f.id::text, greatest(
            (select max(position) from order_lines l where l.merchant_id = %(m)s and l.order_id = o.id),
            (select max(position) from order_adjustments a where a.merchant_id = %(m)s and a.order_id = o.id))
        from orders o left join fulfilments f on f.merchant_id = %(m)s and f.order_id = o.id
        where o.merchant_id = %(m)s and o.source = %(source)s and o.external_reference = any(%(numbers)s)
        """,
        source=source, numbers=[invoice.number for invoice in invoices],
    )  # fmt: skip
    known = {
        number: _Order(order, reference, parcel or intake.id(intake.now), taken, new=False, shipped=parcel is not None)
        for number, order, reference, parcel, taken in there
    }
    new = [invoice for invoice in invoices if invoice.number not in known]
    return known | {
        invoice.number: _Order(intake.id(invoice.at), reference, intake.id(invoice.at))
        for invoice, reference in zip(new, intake.references(Kind.order, len(new)), strict=True)
    }


# ---- the rows ------------------------------------------------------------------------------------------------------------


def _whole(invoice: Invoice, order: _Order, customers: dict[str, str], items: dict[str, _Item]) -> _Whole:
    placed = [
        _Placed(order, position, line, items[line.sku]) for position, line in enumerate(invoice.lines, order.taken + 1)
    ]
    sold, beside = [line for line in placed if not line.line.kind], [line for line in placed if line.line.kind]
    return _Whole(invoice, order, customers[invoice.customer] if invoice.customer else None, sold, beside)


# What of an invoice comes later is added to what was there.
_ADDED = "on conflict (merchant_id, id) do update set " + ", ".join(
    f"{name} = orders.{name} + excluded.{name}"
    for name in ("subtotal", "discount", "adjustments", "total", "authorized", "paid", "units", "units_fulfilled")
)


def _write_orders(intake: Intake, wholes: Sequence[_Whole], source: str, currency: str) -> None:
    placed = [whole.invoice.at for whole in wholes]
    credits = [whole.invoice.is_credit for whole in wholes]
    status = {True: OrderStatus.cancelled.value, False: OrderStatus.completed.value}
    reason = {True: CancelReason.unspecified.value, False: None}
    units = [sum(line.line.quantity for line in whole.sold) for whole in wholes]
    subtotals, paid = [whole.subtotal for whole in wholes], [max(whole.total, 0) for whole in wholes]
    intake.add(
        "orders",
        {
            "id": [whole.order.id for whole in wholes],
            "reference": [whole.order.reference for whole in wholes],
            "external_reference": [whole.invoice.number for whole in wholes],
            "customer_id": [whole.customer for whole in wholes],
            "customer_name": [whole.invoice.customer and _name(whole.invoice.customer) for whole in wholes],
            "status": [status[credit] for credit in credits],
            "cancel_reason": [reason[credit] for credit in credits],
            "placed_at": placed,
            "completed_at": [None if whole.invoice.is_credit else whole.invoice.at for whole in wholes],
            "cancelled_at": [whole.invoice.at if whole.invoice.is_credit else None for whole in wholes],
            "subtotal": subtotals,
            "discount": [sum(line.discount for line in whole.sold) for whole in wholes],
            "adjustments": [sum(line.line.amount for line in whole.beside) for whole in wholes],
            "total": [whole.total for whole in wholes],
            "authorized": paid,
            "paid": paid,
            "units": units,
            "units_fulfilled": units,
            "ship_country": [whole.invoice.country for whole in wholes],
            "ship_region": [whole.invoice.region for whole in wholes],
        },
        {
            "source": source, "channel": Channel.web.value, "currency": currency, "prices_include_tax": False,
            "updated_at": intake.now,
        },
        {"created_at": "placed_at", "confirmed_at": "completed_at"},
        _ADDED,
    )  # fmt: skip


def _write_lines(intake: Intake, sold: Sequence[_Placed]) -> None:
    ids = [intake.id(line.line.at) for line in sold]
    quantities = [line.line.quantity for line in sold]
    intake.add(
        "order_lines",
        {
            "id": ids, "order_id": [line.order.id for line in sold], "position": [line.position for line in sold],
            "variant_id": [line.item.variant for line in sold], "product_id": [line.item.product for line in sold],
            "sku": [line.line.sku for line in sold], "title": [line.line.title for line in sold], "quantity": quantities,
            "unit_price": [line.unit_price for line in sold], "discount": [line.discount for line in sold],
            "created_at": [line.line.at for line in sold],
        },
        {"tax_rate": 0},
        {
            "fulfilled": "quantity", "subtotal": "unit_price * quantity", "total": "unit_price * quantity - discount",
        },
    )  # fmt: skip
    intake.add(
        "fulfilment_lines",
        {
            "id": [intake.id(line.line.at) for line in sold], "fulfilment_id": [line.order.parcel for line in sold],
            "order_line_id": ids, "quantity": quantities, "created_at": [line.line.at for line in sold],
        },
    )  # fmt: skip


def _write_adjustments(intake: Intake, beside: Sequence[_Placed]) -> None:
    intake.add(
        "order_adjustments",
        {
            "id": [intake.id(line.line.at) for line in beside], "order_id": [line.order.id for line in beside],
            "position": [line.position for line in beside], "kind": [line.line.kind for line in beside],
            "product_id": [line.item.product for line in beside], "sku": [line.line.sku for line in beside],
            "title": [line.line.title for line in beside], "quantity": [line.line.quantity for line in beside],
            "unit_price": [line.line.unit_price for line in beside], "amount": [line.line.amount for line in beside],
            "occurred_at": [line.line.at for line in beside],
        },
        computed={"created_at": "occurred_at"},
    )  # fmt: skip


def _write_parcels(intake: Intake, wholes: Sequence[_Whole], currency: str) -> None:
    """A parcel for each order: what left is known, when and by whom is not."""
    intake.add(
        "fulfilments",
        {
            "id": [whole.order.parcel for whole in wholes], "order_id": [whole.order.id for whole in wholes],
            "reference": intake.references(Kind.shipment, len(wholes)),
            "created_at": [whole.invoice.at for whole in wholes],
        },
        {
            "warehouse_id": warehouse(intake), "status": FulfilmentStatus.delivered.value, "carrier": "unknown",
            "currency": currency, "updated_at": intake.now,
        },
    )  # fmt: skip


def _write_events(intake: Intake, wholes: Sequence[_Whole]) -> None:
    """An order's timeline begins with what it was."""
    intake.add(
        "events",
        {
            "id": [intake.id(whole.invoice.at) for whole in wholes],
            "kind": ["cancelled" if whole.invoice.is_credit else "placed" for whole in wholes],
            "subject_id": [whole.order.id for whole in wholes], "created_at": [whole.invoice.at for whole in wholes],
        },
        {"subject_kind": "order", "actor": ACTOR, "data": Jsonb({})},
        {"order_id": "subject_id"},
    )  # fmt: skip


# ---- at the end ----------------------------------------------------------------------------------------------------------

# What a product is mostly called where it was sold: descriptions of units written off are remarks ("damaged?").
_TITLES = """
select product_id::text, mode() within group (order by title), min(sku) from order_lines
where merchant_id = %(m)s and product_id is not null group by product_id
"""
_TITLED = """
update {table} t set title = given.title{more}
from unnest(%(ids)s::uuid[], %(titles)s::text[], %(searches)s::text[]) as given (id, title, search)
where t.merchant_id = %(m)s and t.{column} = given.id
"""
# The price that was asked last.
_PRICES = """
select distinct on (l.variant_id) l.variant_id::text, l.unit_price, o.placed_at
from order_lines l join orders o on o.merchant_id = %(m)s and o.id = l.order_id
where l.merchant_id = %(m)s and l.unit_price > 0 and l.variant_id is not null
order by l.variant_id, o.placed_at desc, l.id desc
"""


def finish_catalogue(intake: Intake, currency: str) -> None:
    """Products get the titles and prices under which they were sold."""
    titles = intake.rows(_TITLES)
    params = {
        "m": intake.merchant, "ids": [id_ for id_, _, _ in titles], "titles": [title for _, title, _ in titles],
        "searches": [search_text(title, None, (), [sku]) for _, title, sku in titles],
    }  # fmt: skip
    for table, column, more in (("products", "id", ", search = given.search"), ("variants", "product_id", "")):
        intake.connection.execute(_TITLED.format(table=table, column=column, more=more).encode(), params)
    prices = intake.rows(_PRICES)
    since = [at for _, _, at in prices]
    intake.add(
        "prices",
        {
            "id": [intake.id(at) for at in since], "variant_id": [id_ for id_, _, _ in prices],
            "amount": [amount for _, amount, _ in prices], "valid_from": since,
        },
        {"currency": currency},
        {"created_at": "valid_from"},
    )  # fmt: skip
