"""Where test rows are invented: only what matters is spelt out, everything else is supplied."""

import itertools
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import argon2
from sqlalchemy import select

from db.model import new_id
from db.models.backoffice import ApiKey, Role, ShippingMethod, TaxRate, User
from db.models.customers import EPOCH, Address, Customer, CustomerFigures
from db.models.inventory import (
    MovementKind,
    PurchaseOrder,
    PurchaseOrderLine,
    PurchaseOrderStatus,
    Reservation,
    ReservationReason,
    ReservationStatus,
    StockLevel,
    StockMovement,
    Supplier,
)
from db.models.orders import COUNTED, CancelReason, Channel, Order, OrderLine, OrderStatus
from db.models.payments import PaymentMethod, SavedMethod
from db.models.products import (
    BundleComponent,
    Category,
    Price,
    Product,
    ProductStatus,
    Promotion,
    PromotionKind,
    PromotionScope,
    PromotionStatus,
    Variant,
    option_key,
    search_text,
)
from db.models.warehouse import Warehouse
from db.references import Kind
from db.seed.merchant import NewMerchant, NewPerson, add_merchant, add_person
from db.session import Transaction
from db.text import fold
from orchestrator.accounts import Visit, open_session
from tests.copied import Pattern, copy, pattern_of
from tools.contract.actors import Caller, Door, Hand, Proof, digest_of
from tools.contract.call import Shop

_numbers = itertools.count(100_001)  # beyond what tools draw in a new shop
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class NewShop:
    """A merchant of a test: its people by role."""

    shop: Shop
    id: uuid.UUID
    slug: str
    users: dict[str, uuid.UUID]

    def caller(self, role: str, *, door: Door = Door.rest, hand: Hand = Hand.person) -> Caller:
        return Caller(self.id, door, hand, Proof.user, str(self.users[role]))

    async def with_password(self, role: str, password: str) -> str:
        """Give a person a password; returns their e-mail."""
        async with self.shop.database.transaction(self.id) as sql:
            person = await sql.session.get_one(User, self.users[role])
            person.password_hash = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(password)
            await sql.commit()
        return person.email

    async def session(self, role: str) -> str:
        """The token of a browser in which the person is signed in."""
        return await open_session(self.shop.database, self.users[role], self.id, Visit("192.0.2.1", "A browser"))

    async def key(self, *, scopes: list[str], per_call: int = 0, per_day: int = 0) -> Caller:
        """The holder of a new API key."""
        return Caller.of_key(await self.key_text(scopes=scopes, per_call=per_call, per_day=per_day), door=Door.rest)

    async def key_text(self, *, scopes: list[str], per_call: int = 0, per_day: int = 0) -> str:
        secret = uuid.uuid4().hex
        async with self.shop.database.transaction(self.id) as sql:
            sql.session.add(
                ApiKey(
                    merchant_id=self.id, reference=Kind.api_key.reference(number()), name="A program",
                    secret_hash=digest_of(secret), last_four=secret[-4:], scopes=scopes, limit_per_call=per_call,
                    limit_per_day=per_day, created_by="USR-1001", created_at=LONG_AGO,
                )
            )  # fmt: skip
            await sql.commit()
        return f"sk_{self.id}_{secret}"


def number() -> int:
    """A number that no other row of this run has."""
    return next(_numbers)


_patterns: dict[tuple[bool, str], tuple[Pattern, list[uuid.UUID]]] = {}


async def new_shop(shop: Shop, *, prices_include_tax: bool = True, currency: str = "EUR") -> NewShop:
    """A merchant with a person for each role, one warehouse (`WH-1`), French VAT and a standard shipping method (4.90).

    The first of its kind is made as the product makes a merchant, the others are copies of it.
    """
    slug, merchant = f"shop-{uuid.uuid4().hex[:12]}", new_id()
    async with shop.database.transaction(merchant) as sql:
        if known := _patterns.get((prices_include_tax, currency)):
            pattern, first = known
            ids = await copy(sql, pattern, slug)
            users = [ids[user] for user in first]
        else:
            profile = NewMerchant(slug, "Test Shop", prices_include_tax=prices_include_tax, currency=currency)
            users = await _make_shop(sql, profile)
            _patterns[prices_include_tax, currency] = await pattern_of(sql, slug), users
        await sql.commit()
    return NewShop(shop, merchant, slug, dict(zip(Role, users, strict=True)))


async def _make_shop(sql: Transaction, profile: NewMerchant) -> list[uuid.UUID]:
    people = [NewPerson(f"{role}@{profile.slug}.example", role.title(), role) for role in Role]
    users = await add_merchant(sql, profile, people)
    make_warehouse(sql, reference="WH-1", code="MAIN")
    common = {"merchant_id": sql.merchant, "created_at": LONG_AGO}
    sql.session.add(
        TaxRate(reference="TAX-1", name="TVA 20 %", country="FR", rate=Decimal("0.2"), valid_from=LONG_AGO, **common)
    )
    sql.session.add(
        ShippingMethod(
            reference="SHM-1", code="standard", name="Standard", countries=[], currency=profile.currency, price=490,
            free_above=10_000, tiers=[], updated_at=LONG_AGO, **common,
        )
    )  # fmt: skip
    return users


def referenced_row(sql: Transaction, kind: Kind) -> dict[str, object]:
    return {"merchant_id": sql.merchant, "reference": kind.reference(number()), "created_at": LONG_AGO}


def make_warehouse(
    sql: Transaction, *, reference: str | None = None, code: str | None = None, priority: int = 0
) -> Warehouse:
    made = referenced_row(sql, Kind.warehouse) | ({"reference": reference} if reference else {})
    row = Warehouse(
        **made,
        id=new_id(),
        code=code or f"W{number()}",
        name=f"Warehouse {code or number()}",
        line1="1 rue du Quai",
        city="Lille",
        postcode="59000",
        country="FR",
        priority=priority,
        updated_at=LONG_AGO,
    )
    sql.session.add(row)
    return row


def make_category(
    sql: Transaction, name: str = "Mugs", parent: Category | None = None, slug: str | None = None
) -> Category:
    row = Category(
        **referenced_row(sql, Kind.category),
        id=new_id(),
        name=name,
        slug=slug or f"{fold(name).replace(' ', '-')}-{number()}",
        parent_id=parent.id if parent else None,
        updated_at=LONG_AGO,
    )
    sql.session.add(row)
    return row


def make_variant(
    sql: Transaction,
    sku: str | None = None,
    *,
    price: int = 1_999,
    stock: int = 10,
    title: str = "Blue mug",
    warehouse: Warehouse | None = None,
    product: Product | None = None,
    category: Category | None = None,
    tracked: bool = True,
    allow_backorder: bool = False,
    warehouse_id: uuid.UUID | None = None,
    currency: str = "EUR",
) -> Variant:
    """A sellable variant of a product of its own (unless given), with a price, and stock where a warehouse is given."""
    sku = sku or f"SKU-{number()}"
    if product is None:
        product = Product(
            **referenced_row(sql, Kind.product),
            id=new_id(),
            title=title,
            status=ProductStatus.active,
            updated_at=LONG_AGO,
            category_id=category.id if category else None,
            search=search_text(title, None, [], [sku]),
        )
        sql.session.add(product)
    options = {"Style": sku}
    variant = Variant(
        **referenced_row(sql, Kind.variant),
        id=new_id(),
        product_id=product.id,
        sku=sku,
        sku_key=sku.casefold(),
        title=title,
        options=options,
        option_key=option_key(options),
        tracked=tracked,
        allow_backorder=allow_backorder,
        weight_grams=350,
        updated_at=LONG_AGO,
    )
    sql.session.add(variant)
    sql.session.add(
        Price(
            merchant_id=sql.merchant,
            variant_id=variant.id,
            currency=currency,
            amount=price,
            valid_from=LONG_AGO,
            created_at=LONG_AGO,
        )
    )
    if (place := warehouse.id if warehouse else warehouse_id) is not None:
        make_stock(sql, variant, place, stock)
    return variant


def make_bundle(sql: Transaction, sku: str, *parts: tuple[Variant, int], price: int = 4_900, **more: Any) -> Variant:
    """A bundle on sale, of so many units of each variant."""
    bundle = make_variant(sql, sku, price=price, tracked=False, title=more.pop("title", "A set"), **more)
    bundle.bundle = True
    for position, (variant, units) in enumerate(parts):
        sql.session.add(
            BundleComponent(
                merchant_id=sql.merchant, variant_id=bundle.id, component_id=variant.id, quantity=units,
                position=position, created_at=LONG_AGO,
            )
        )  # fmt: skip
    return bundle


def make_stock(sql: Transaction, variant: Variant, warehouse_id: uuid.UUID, units: int) -> StockLevel:
    """Units on the shelf, with the movement that brought them."""
    level = StockLevel(
        merchant_id=sql.merchant,
        id=new_id(),
        warehouse_id=warehouse_id,
        variant_id=variant.id,
        product_id=variant.product_id,
        on_hand=units,
        created_at=LONG_AGO,
        updated_at=LONG_AGO,
    )
    sql.session.add(level)
    if units:
        sql.session.add(
            StockMovement(
                merchant_id=sql.merchant,
                warehouse_id=warehouse_id,
                variant_id=variant.id,
                kind=MovementKind.opening,
                quantity=units,
                actor="system:test",
                occurred_at=LONG_AGO,
                created_at=LONG_AGO,
            )
        )
    return level


def make_customer(
    sql: Transaction, name: str = "Ana Torres", *, email: str | None = None, city: str = "Lyon"
) -> Customer:
    """A customer with a default address in France."""
    email = email or f"customer{number()}@example.com"
    first, _, last = name.partition(" ")
    customer = Customer(
        **referenced_row(sql, Kind.customer),
        id=new_id(),
        name=name,
        name_key=fold(name),
        first_name=first,
        last_name=last,
        email=email,
        email_key=email.casefold(),
        updated_at=LONG_AGO,
    )
    sql.session.add(customer)
    figures = CustomerFigures(
        merchant_id=sql.merchant, id=customer.id, orders=0, spend=0, last_order_at=EPOCH, created_at=LONG_AGO
    )
    sql.session.add(figures)
    sql.session.sync_session.info[customer.id] = figures
    sql.session.add(
        Address(
            **referenced_row(sql, Kind.address),
            customer_id=customer.id,
            name=name,
            line1="5 rue des Lilas",
            city=city,
            postcode="69001",
            country="FR",
            is_default_shipping=True,
            is_default_billing=True,
            updated_at=LONG_AGO,
        )
    )
    return customer


async def warehouse_of(sql: Transaction, reference: str = "WH-1") -> Warehouse:
    """A warehouse that the shop has: the one that every new shop has, unless said."""
    query = select(Warehouse).where(Warehouse.merchant_id == sql.merchant, Warehouse.reference == reference)
    return (await sql.session.scalars(query)).one()


def make_supplier(sql: Transaction, name: str | None = None) -> Supplier:
    """Somebody who delivers."""
    supplier = Supplier(
        **referenced_row(sql, Kind.supplier),
        id=new_id(),
        name=name or f"Supplier {number()}",
        currency="EUR",
        updated_at=LONG_AGO,
    )
    sql.session.add(supplier)
    return supplier


def make_purchase_order(
    sql: Transaction,
    level: StockLevel,
    units: int,
    *,
    expected_on: date | None = None,
    status: PurchaseOrderStatus = PurchaseOrderStatus.sent,
) -> PurchaseOrder:
    """Units ordered from a new supplier for a warehouse; while the order is open, its level has them as incoming."""
    supplier = make_supplier(sql)
    order = PurchaseOrder(
        **referenced_row(sql, Kind.purchase_order),
        id=new_id(),
        status=status,
        supplier_id=supplier.id,
        warehouse_id=level.warehouse_id,
        currency="EUR",
        expected_on=expected_on,
        updated_at=LONG_AGO,
    )
    line = PurchaseOrderLine(
        merchant_id=sql.merchant,
        purchase_order_id=order.id,
        variant_id=level.variant_id,
        quantity=units,
        unit_cost=Decimal("400"),
        created_at=LONG_AGO,
    )
    if status is PurchaseOrderStatus.sent:
        level.incoming = (level.incoming or 0) + units
    sql.session.add_all([supplier, order, line])
    return order


def make_order(
    sql: Transaction,
    variant: Variant | None = None,
    units: int = 1,
    *,
    customer: Customer | None = None,
    unit_price: int = 1_999,
    currency: str = "EUR",
    status: OrderStatus = OrderStatus.confirmed,
    placed_at: datetime = LONG_AGO,
) -> Order:
    """An order of one line, without tax, shipping, payment or stock: for those who ask what it adds up to.

    Its customer was made in the same transaction.
    """
    variant = variant or make_variant(sql, currency=currency)
    total = unit_price * units
    cancelled = status is OrderStatus.cancelled
    order = Order(
        **referenced_row(sql, Kind.order),
        id=new_id(),
        customer_id=customer.id if customer else None,
        status=status,
        channel=Channel.web,
        placed_at=placed_at,
        cancelled_at=placed_at if cancelled else None,
        cancel_reason=CancelReason.other if cancelled else None,
        currency=currency,
        prices_include_tax=True,
        subtotal=total,
        total=total,
        units=units,
        updated_at=LONG_AGO,
    )
    line = OrderLine(
        merchant_id=sql.merchant,
        order_id=order.id,
        position=1,
        variant_id=variant.id,
        product_id=variant.product_id,
        sku=variant.sku,
        title=variant.title,
        quantity=units,
        unit_price=unit_price,
        subtotal=total,
        total=total,
        tax_rate=Decimal("0"),
        created_at=LONG_AGO,
    )
    sql.session.add_all([order, line])
    if customer and status in COUNTED:
        figures: CustomerFigures = sql.session.sync_session.info[customer.id]
        figures.orders += 1
        figures.spend += total if currency == "EUR" else 0
        figures.last_order_at = max(figures.last_order_at, placed_at)
    return order


def make_saved_card(sql: Transaction, customer: Customer) -> SavedMethod:
    """A card that records from elsewhere have of a customer."""
    row = SavedMethod(
        **referenced_row(sql, Kind.saved_method), id=new_id(), customer_id=customer.id, method=PaymentMethod.card,
        brand="visa", last_four="4242", currency="EUR", source="elsewhere", external_reference=f"card {number()}",
        updated_at=LONG_AGO,
    )  # fmt: skip
    sql.session.add(row)
    return row


def make_order_reservation(sql: Transaction, level: StockLevel, order: Order, units: int) -> Reservation:
    """Units that an order holds."""
    level.reserved = (level.reserved or 0) + units
    held = Reservation(
        **referenced_row(sql, Kind.reservation),
        id=new_id(),
        status=ReservationStatus.active,
        reason=ReservationReason.order,
        warehouse_id=level.warehouse_id,
        variant_id=level.variant_id,
        quantity=units,
        order_id=order.id,
    )
    sql.session.add(held)
    return held


def make_promotion(
    sql: Transaction, code: str | None = None, *, percent: int | None = None, amount: int | None = None, **more: Any
) -> Promotion:
    """An active promotion on everything: a percentage or an amount off, else free shipping; automatic without a code."""
    kind = PromotionKind.percentage if percent else PromotionKind.amount if amount else PromotionKind.free_shipping
    values: dict[str, Any] = {
        **referenced_row(sql, Kind.promotion),
        "id": new_id(),
        "status": PromotionStatus.active,
        "name": code or "Automatic promotion",
        "code": code,
        "code_key": code.casefold() if code else None,
        "automatic": code is None,
        "kind": kind,
        "percent": percent,
        "amount": amount,
        "currency": "EUR" if amount else None,
        "applies_to": PromotionScope.everything,
        "starts_at": LONG_AGO,
        "updated_at": LONG_AGO,
    }
    row = Promotion(**(values | more))
    sql.session.add(row)
    return row


async def add_colleague(mine: NewShop, role: Role, name: str = "Second") -> tuple[str, Caller]:
    """Another person of the shop: their reference, and a caller that is them."""
    serial = 5_000 + number()
    async with mine.shop.database.transaction(mine.id) as sql:
        person = NewPerson(f"colleague{serial}@{mine.slug}.example", name, role)
        user = await add_person(sql, person, serial, LONG_AGO)
        await sql.commit()
    return Kind.user.reference(serial), Caller(mine.id, Door.rest, Hand.person, Proof.user, str(user))
