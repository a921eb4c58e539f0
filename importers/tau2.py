"""The retail world of tau2-bench as a shop: customers with their ways of paying, products, orders in all their states.

Its ids are kept as foreign references, item ids as SKUs. Its variants are sold while they are `available`, and nobody counts them.
Pending is confirmed, paid and unfulfilled; processed is on its way; delivered is completed; the parcel of a cancelled order is
void. Gift cards keep the balance that they have, as an opening entry: it does not follow from the orders. The world has no dates:
all happens when it is imported, one after the other.
"""

import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from db.models.customers import CustomerStatus
from db.models.orders import CancelReason, Channel, OrderStatus
from db.models.payments import CreditReason, LedgerAccount, PaymentMethod, TransactionKind
from db.models.products import ProductStatus, option_key, search_text
from db.models.transport import FulfilmentStatus
from db.money import rounded
from db.references import Kind
from db.seed.merchant import NewMerchant
from db.statistics import refresh_statistics
from db.text import fold
from importers.intake import ACTOR, ImportRefused, Intake
from importers.moved import Entry, Tender, warehouse, write_payments
from tools.contract.shop_settings import SHOP_SETTINGS

SOURCE = "tau2"
SHOP = NewMerchant("tau2-retail", "Tau2 Retail", "USD", "America/New_York", "US", prices_include_tax=False)
COUNTRIES = {"USA": "US"}
METHODS = {
    "credit_card": PaymentMethod.card,
    "paypal": PaymentMethod.paypal,
    "gift_card": PaymentMethod.gift_card,
}
MOVES = {"payment": TransactionKind.capture, "refund": TransactionKind.refund}
REASONS = {
    "no longer needed": CancelReason.no_longer_needed,
    "ordered by mistake": CancelReason.ordered_by_mistake,
    None: CancelReason.unspecified,
}
# With these, our rules are that world's; those that a version does not know are left out.
RULES: Mapping[str, Any] = {
    "orders.cancel_reasons": [reason for theirs, reason in REASONS.items() if theirs],
    "orders.lines_change_once": True,
    "orders.swaps_stay_within_product": True,
    "orders.swaps_for_the_same_variant": False,
    "orders.payment_changes_once": True,
    "after_sales.one_return_for_an_order": True,
    "after_sales.returns_once_delivered": True,
    "after_sales.exchanges_stay_within_product": True,
}


class Standing(NamedTuple):
    """How far an order is, and its parcel."""

    status: OrderStatus
    parcel: FulfilmentStatus | None


STANDINGS = {
    "pending": Standing(OrderStatus.confirmed, None),
    "processed": Standing(OrderStatus.confirmed, FulfilmentStatus.in_transit),
    "delivered": Standing(OrderStatus.completed, FulfilmentStatus.delivered),
    "cancelled": Standing(OrderStatus.cancelled, FulfilmentStatus.voided),
}


@dataclass
class World:
    """The file, and the ids of what is in the shop already, by its own."""

    intake: Intake
    products: Mapping[str, Any]
    users: Mapping[str, Any]
    orders: Sequence[Mapping[str, Any]]
    ids: dict[str, str] = field(default_factory=dict[str, str])
    moments: int = 0

    def moment(self) -> datetime:
        """Later than the one before, and not later than now."""
        self.moments += 1
        return self.intake.now - timedelta(seconds=1) + timedelta(microseconds=self.moments)

    def name(self, theirs: Iterable[str]) -> list[str]:
        """New ids for theirs, in their order."""
        made = {their: self.intake.id(self.intake.now) for their in theirs}
        self.ids |= made
        return list(made.values())


def import_tau2(
    connection: psycopg.Connection[TupleRow],
    merchant: uuid.UUID,
    file: Path,
    *,
    now: datetime,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, int]:
    """Bring the world in, in one transaction; returns how much there is of what.

    Raises `ImportRefused` for a shop that has other things, and for what the shop could not give back as it was.
    """
    intake = Intake(connection, merchant, SHOP.country, now)
    world = read(file, intake)
    counts = {name: len(getattr(world, name)) for name in ("products", "users", "orders")}
    if intake.begin(SOURCE, file) is None:
        progress(f"{file.name} was imported before")
        return counts
    progress(", ".join(f"{count:,} {name}" for name, count in counts.items()))
    with intake.transaction():
        _write_products(world)
        _write_customers(world)
        _write_methods(world)
        _write_orders(world)
        _write_lines(world)
        _write_payments(world)
        _write_rules(world)
        intake.keep(sum(counts.values()), counts)
        intake.finish()
    refresh_statistics(connection)
    return counts


def read(file: Path, intake: Intake) -> World:
    """The world of a file, its orders as its users have them. Raises `ImportRefused`."""
    try:
        read = json.loads(file.read_bytes())
        users, orders = read["users"], read["orders"]
        listed = [orders[number] for user in users.values() for number in user["orders"]]
        world = World(intake, read["products"], users, listed)
    except (ValueError, KeyError, TypeError) as wrong:
        raise ImportRefused(
            f"{file.name} is not the retail world of tau2: {wrong!r}.",
            hint="It is a JSON object of products, users and orders, and each user lists orders that are there.",
        ) from None
    for order in world.orders:
        _refuse_unknown(order)
    if len(listed) != len(orders):
        raise ImportRefused("Some orders are on no user's list.", hint="Each order has to be on the list of one user.")
    return world


def _refuse_unknown(order: Mapping[str, Any]) -> None:
    """What could not be given back as it was is not taken in."""
    parcels = order["fulfillments"]
    if order["status"] not in STANDINGS or order["address"]["country"] not in COUNTRIES or len(parcels) > 1:
        raise ImportRefused(
            f"Order {order['order_id']} is {order['status']}, with {len(parcels)} parcels to {order['address']['country']}.",
            hint=f"An order is {', '.join(STANDINGS)}, with at most one parcel, to {', '.join(COUNTRIES)}.",
        )


def cents(amount: float) -> int:
    """Its amounts are floats."""
    return rounded(Decimal(repr(amount)).scaleb(2))


# ---- the catalogue -------------------------------------------------------------------------------------------------------


def _write_products(world: World) -> None:
    intake, products = world.intake, list(world.products.values())
    variants = [(product, variant) for product in products for variant in product["variants"].values()]
    intake.add(
        "products",
        {
            "id": world.name(product["product_id"] for product in products),
            "reference": intake.references(Kind.product, len(products)),
            "external_reference": [product["product_id"] for product in products],
            "title": [product["name"] for product in products],
            "options": [_json(_choices(product)) for product in products],
            "search": [search_text(product["name"], None, (), product["variants"]) for product in products],
        },
        {"source": SOURCE, "status": ProductStatus.active.value, "created_at": intake.now, "updated_at": intake.now},
    )
    ids, skus = (
        world.name(variant["item_id"] for _, variant in variants),
        [variant["item_id"] for _, variant in variants],
    )
    intake.add(
        "variants",
        {
            "id": ids, "reference": intake.references(Kind.variant, len(variants)), "sku": skus, "sku_key": skus,
            "product_id": [world.ids[product["product_id"]] for product, _ in variants],
            "title": [" / ".join(variant["options"].values()) for _, variant in variants],
            "options": [_json(variant["options"]) for _, variant in variants],
            "option_key": [option_key(variant["options"]) for _, variant in variants],
            "sellable": [variant["available"] for _, variant in variants],
        },
        {"tracked": False, "created_at": intake.now, "updated_at": intake.now},
    )  # fmt: skip
    intake.add(
        "prices",
        {
            "id": [intake.id(intake.now) for _ in variants], "variant_id": ids,
            "amount": [cents(variant["price"]) for _, variant in variants],
        },
        {"currency": SHOP.currency, "valid_from": intake.now, "created_at": intake.now},
    )  # fmt: skip


def _choices(product: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The product's options with the values that its variants have, as they first come."""
    values: dict[str, dict[str, None]] = {}
    for variant in product["variants"].values():
        for name, value in variant["options"].items():
            values.setdefault(name, {})[value] = None
    return [{"name": name, "values": list(found)} for name, found in values.items()]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


# ---- the customers -------------------------------------------------------------------------------------------------------


def _write_customers(world: World) -> None:
    intake, users = world.intake, list(world.users.values())
    ids, names = world.name(user["user_id"] for user in users), [full_name(user) for user in users]
    intake.add(
        "customers",
        {
            "id": ids, "reference": intake.references(Kind.customer, len(users)),
            "external_reference": [user["user_id"] for user in users], "name": names, "name_key": [fold(name) for name in names],
            "first_name": [user["name"]["first_name"] for user in users],
            "last_name": [user["name"]["last_name"] for user in users],
            "email": [user["email"] for user in users], "email_key": [user["email"].lower() for user in users],
        },
        {"source": SOURCE, "status": CustomerStatus.active.value, "created_at": intake.now, "updated_at": intake.now},
    )  # fmt: skip
    addresses = [address_of(user["address"], name) for user, name in zip(users, names, strict=True)]
    intake.add(
        "addresses",
        {
            "id": [intake.id(intake.now) for _ in users], "reference": intake.references(Kind.address, len(users)),
            "customer_id": ids, **{name: [address[name] for address in addresses] for name in addresses[0]},
        },
        {
            "is_default_shipping": True, "is_default_billing": True, "created_at": intake.now, "updated_at": intake.now,
        },
    )  # fmt: skip


def full_name(user: Mapping[str, Any]) -> str:
    return f"{user['name']['first_name']} {user['name']['last_name']}"


def address_of(theirs: Mapping[str, str], name: str) -> dict[str, str | None]:
    """An address in our words. Their second line is empty where ours is not there."""
    return {
        "name": name, "line1": theirs["address1"], "line2": theirs["address2"] or None, "city": theirs["city"],
        "region": theirs["state"], "postcode": theirs["zip"], "country": COUNTRIES[theirs["country"]],
    }  # fmt: skip


def _write_methods(world: World) -> None:
    """Cards, accounts and gift cards; what is left on these is owed since before the shop was here."""
    intake = world.intake
    methods = [(user, method) for user in world.users.values() for method in user["payment_methods"].values()]
    balances = [cents(method["balance"]) if "balance" in method else None for _, method in methods]
    intake.add(
        "saved_methods",
        {
            "id": world.name(method["id"] for _, method in methods),
            "reference": intake.references(Kind.saved_method, len(methods)),
            "external_reference": [method["id"] for _, method in methods],
            "customer_id": [world.ids[user["user_id"]] for user, _ in methods],
            "method": [METHODS[method["source"]].value for _, method in methods],
            "brand": [method.get("brand") for _, method in methods],
            "last_four": [method.get("last_four") for _, method in methods],
            "balance": balances,
        },
        {"source": SOURCE, "currency": SHOP.currency, "created_at": intake.now, "updated_at": intake.now},
    )
    owed = [(method["id"], balance) for (_, method), balance in zip(methods, balances, strict=True) if balance]
    journals = [intake.id(intake.now) for _ in owed]
    intake.add(
        "credit_entries",
        {
            "id": [intake.id(intake.now) for _ in owed], "journal_id": journals,
            "saved_method_id": [world.ids[card] for card, _ in owed], "amount": [balance for _, balance in owed],
        },
        {
            "reason": CreditReason.opening.value, "actor": ACTOR, "occurred_at": intake.now, "created_at": intake.now,
        },
    )  # fmt: skip
    for account, sign in ((LedgerAccount.opening, 1), (LedgerAccount.gift_cards, -1)):
        intake.add(
            "journal_entries",
            {
                "id": [intake.id(intake.now) for _ in owed], "journal_id": journals,
                "amount": [sign * balance for _, balance in owed],
                "description": [f"opening balance of {card}" for card, _ in owed],
            },
            {"account": account.value, "currency": SHOP.currency, "occurred_at": intake.now, "created_at": intake.now},
        )  # fmt: skip


# ---- the orders ----------------------------------------------------------------------------------------------------------


def _write_orders(world: World) -> None:
    intake, orders = world.intake, world.orders
    placed = [world.moment() for _ in orders]
    standings = [STANDINGS[order["status"]] for order in orders]
    sums = [sum(cents(item["price"]) for item in order["items"]) for order in orders]
    addresses = [address_of(order["address"], full_name(world.users[order["user_id"]])) for order in orders]
    users = [world.users[order["user_id"]] for order in orders]
    paid = [_sum(order, "payment") for order in orders]
    intake.add(
        "orders",
        {
            "id": world.name(order["order_id"] for order in orders), "reference": intake.references(Kind.order, len(orders)),
            "external_reference": [order["order_id"] for order in orders],
            "customer_id": [world.ids[order["user_id"]] for order in orders],
            "customer_name": [address["name"] for address in addresses], "email": [user["email"] for user in users],
            "status": [standing.status.value for standing in standings],
            "cancel_reason": [
                REASONS[order.get("cancel_reason")].value if order["status"] == "cancelled" else None for order in orders
            ],
            "placed_at": placed,
            "completed_at": _where(standings, OrderStatus.completed, placed),
            "cancelled_at": _where(standings, OrderStatus.cancelled, placed),
            "subtotal": sums, "authorized": paid, "refunded": [_sum(order, "refund") for order in orders],
            "units": [len(order["items"]) for order in orders], "units_fulfilled": [_left(order) for order in orders],
            "shipping_address": [_json(address) for address in addresses],
            "ship_city": [address["city"] for address in addresses], "ship_region": [address["region"] for address in addresses],
            "ship_postcode": [address["postcode"] for address in addresses],
            "ship_country": [address["country"] for address in addresses],
        },
        {
            "source": SOURCE, "channel": Channel.web.value, "currency": SHOP.currency, "prices_include_tax": False,
            "updated_at": intake.now,
        },
        {
            "created_at": "placed_at", "confirmed_at": "placed_at", "total": "subtotal", "paid": "authorized",
            "billing_address": "shipping_address",
        },
    )  # fmt: skip
    intake.add(
        "events",
        {
            "id": [intake.id(intake.now) for _ in orders], "subject_id": [world.ids[order["order_id"]] for order in orders],
            "created_at": placed,
        },
        {"kind": "placed", "subject_kind": "order", "actor": ACTOR, "data": Jsonb({})},
        {"order_id": "subject_id"},
    )  # fmt: skip


def _where(standings: Sequence[Standing], status: OrderStatus, moments: Sequence[datetime]) -> list[datetime | None]:
    return [at if standing.status is status else None for standing, at in zip(standings, moments, strict=True)]


def _sum(order: Mapping[str, Any], kind: str) -> int:
    return sum(cents(entry["amount"]) for entry in order["payment_history"] if entry["transaction_type"] == kind)


def _left(order: Mapping[str, Any]) -> int:
    """How many units have left: those in a parcel that is not void."""
    if STANDINGS[order["status"]].parcel in (None, FulfilmentStatus.voided):
        return 0
    return sum(len(parcel["item_ids"]) for parcel in order["fulfillments"])


def _write_lines(world: World) -> None:
    """A line for each unit, and those that are in a parcel."""
    intake = world.intake
    shipped = [order for order in world.orders if order["fulfillments"]]
    intake.add(
        "fulfilments",
        {
            "id": world.name(_parcel(order) for order in shipped), "reference": intake.references(Kind.shipment, len(shipped)),
            "order_id": [world.ids[order["order_id"]] for order in shipped],
            "status": [(STANDINGS[order["status"]].parcel or FulfilmentStatus.draft).value for order in shipped],
            "tracking_number": [" ".join(order["fulfillments"][0]["tracking_id"]) for order in shipped],
        },
        {
            "warehouse_id": warehouse(intake), "carrier": "unknown", "currency": SHOP.currency, "created_at": intake.now,
            "updated_at": intake.now,
        },
    )  # fmt: skip
    lines = [
        _Line(order, position, item, packed)
        for order in world.orders
        for position, (item, packed) in enumerate(_packed(order), 1)
    ]
    ids = [intake.id(intake.now) for _ in lines]
    intake.add(
        "order_lines",
        {
            "id": ids, "order_id": [world.ids[line.order["order_id"]] for line in lines],
            "position": [line.position for line in lines], "variant_id": [world.ids[line.item["item_id"]] for line in lines],
            "product_id": [world.ids[line.item["product_id"]] for line in lines], "sku": [line.item["item_id"] for line in lines],
            "title": [line.item["name"] for line in lines], "options": [_json(line.item["options"]) for line in lines],
            "fulfilled": [int(line.packed and _left(line.order) > 0) for line in lines],
            "unit_price": [cents(line.item["price"]) for line in lines],
        },
        {"quantity": 1, "tax_rate": 0, "created_at": intake.now},
        {"subtotal": "unit_price", "total": "unit_price"},
    )  # fmt: skip
    packed = [(line, id_) for line, id_ in zip(lines, ids, strict=True) if line.packed]
    intake.add(
        "fulfilment_lines",
        {
            "id": [intake.id(intake.now) for _ in packed], "order_line_id": [id_ for _, id_ in packed],
            "fulfilment_id": [world.ids[_parcel(line.order)] for line, _ in packed],
        },
        {"quantity": 1, "created_at": intake.now},
    )  # fmt: skip


class _Line(NamedTuple):
    order: Mapping[str, Any]
    position: int
    item: Mapping[str, Any]
    packed: bool


def _parcel(order: Mapping[str, Any]) -> str:
    return f"parcel of {order['order_id']}"


def _packed(order: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], bool]]:
    """The items, each with whether it is in the order's parcel; of two alike the first is."""
    left = [item for parcel in order["fulfillments"] for item in parcel["item_ids"]]
    packed: list[tuple[Mapping[str, Any], bool]] = []
    for item in order["items"]:
        inside = item["item_id"] in left
        if inside:
            left.remove(item["item_id"])
        packed.append((item, inside))
    return packed


def _write_payments(world: World) -> None:
    """A payment for each method that an order was paid with; what happened keeps its order."""
    tenders: list[Tender] = []
    for order in world.orders:
        methods = world.users[order["user_id"]]["payment_methods"]
        entries: dict[str, list[Entry]] = {}
        for entry in order["payment_history"]:
            moved = Entry(MOVES[entry["transaction_type"]], cents(entry["amount"]), world.moment())
            entries.setdefault(entry["payment_method_id"], []).append(moved)
        for their, history in entries.items():
            label, method = label_of(methods[their]), METHODS[methods[their]["source"]]
            tenders.append(Tender(world.ids[order["order_id"]], method, history, world.ids[their], label))
    write_payments(world.intake, tenders, SHOP.currency)


def label_of(method: Mapping[str, Any]) -> str:
    """A way of paying as people tell it apart."""
    if method["source"] == "credit_card":
        return f"{method['brand'].title()} ending {method['last_four']}"
    return method["source"].replace("_", " ").capitalize()


def _write_rules(world: World) -> None:
    intake = world.intake
    rules = {key: value for key, value in RULES.items() if key in SHOP_SETTINGS}
    intake.add(
        "settings",
        {
            "id": [intake.id(intake.now) for _ in rules], "key": list(rules),
            "value": [_json({"value": value}) for value in rules.values()],
        },
        {"created_at": intake.now, "updated_at": intake.now},
    )  # fmt: skip
