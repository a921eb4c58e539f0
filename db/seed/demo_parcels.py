"""What leaves the demo shop's warehouses: reservations until then, parcels with their carriers' news, completed orders."""

from collections import defaultdict
from datetime import date, datetime, timedelta

from db.models.inventory import MovementKind, Reservation, ReservationReason, ReservationStatus
from db.models.orders import Channel, OrderHold, OrderStatus
from db.models.transport import (
    CarrierClaim,
    ClaimKind,
    ClaimStatus,
    Fulfilment,
    FulfilmentLine,
    FulfilmentStatus,
    TrackingCode,
    TrackingEvent,
)
from db.parcel_numbers import parcel_number
from db.seed.demo_events import event
from db.seed.demo_orders import Parcel, Register, Sale, SaleLine
from db.seed.demo_stock import MAIN
from db.seed.draft import Draft, Row

# service: carrier, days on the way (at least, at most), cost and cost per kilogram in minor units
SERVICES = {
    "home": ("colivia", 2, 3, 420, 55),
    "parcel": ("rapidex", 1, 3, 510, 60),
    "europe": ("nordlink", 3, 5, 690, 80),
    "point": ("colivia", 3, 4, 310, 45),
    "express": ("rapidex", 1, 1, 980, 110),
    "collect": ("store", 0, 0, 0, 0),
}
STUCK_SINCE = 9  # days before today: Rapidex's parcels to Germany lie in a depot
PACKING = 150  # grams
COLLECTED, SORTED = timedelta(hours=1), timedelta(hours=11)  # after it left: the carrier has it, and has sorted it
TRACKED_SINCE = 90  # days before today; older scans are not kept


def dispatch(register: Register, sale: Sale) -> None:
    """Ship what is due, reserve what is not, and say how far the order has come."""
    draft = register.draft
    if sale.stopped_at:
        sale.row["status"] = OrderStatus.cancelled if sale.cancelled_at else OrderStatus.expired
        event(draft, sale.row, sale.row["status"], sale.stopped_at)
        return
    for warehouse, lines in _parcels(sale).items():
        leaves = _leaves(draft, sale)
        if leaves is None or leaves > draft.now:
            _reserve(register, sale, lines)
        else:
            _ship(register, sale, warehouse, lines, leaves)
    _settle(draft, sale)


def _parcels(sale: Sale) -> dict[int, list[SaleLine]]:
    """The lines by the warehouse that they leave from; what is not counted travels with the first."""
    first = next((line.warehouse for line in sale.lines if line.warehouse is not None), MAIN)
    parcels: dict[int, list[SaleLine]] = defaultdict(list)
    for line in sale.lines:
        parcels[first if line.warehouse is None else line.warehouse].append(line)
    return parcels


def _leaves(draft: Draft, sale: Sale) -> datetime | None:
    """When the parcel leaves: the same working day or the next. Never, while held, unpaid or waiting for goods."""
    if sale.confirmed_at is None or sale.held or any(line.backordered for line in sale.lines):
        return None
    if sale.channel is Channel.store:
        return sale.confirmed_at
    ready = sale.confirmed_at + timedelta(minutes=90)
    day = draft.day_of(ready) + timedelta(days=draft.random.choices((0, 1, 2), weights=(35, 55, 10))[0])
    while True:
        leaves = draft.at(day, draft.random.uniform(10, 16.5) * 3600)
        if day.weekday() < 5 and leaves >= ready:
            return leaves
        day += timedelta(days=1)


def _reserve(register: Register, sale: Sale, lines: list[SaleLine]) -> None:
    for line in lines:
        if line.warehouse is None:
            continue
        if not line.backordered:
            register.stock.reserved[line.warehouse][line.sku.index] += line.quantity
        register.draft.add(
            Reservation, sale.at, status=ReservationStatus.active, reason=ReservationReason.order,
            warehouse_id=register.catalogue.warehouses[line.warehouse]["id"], variant_id=line.sku.variant["id"],
            quantity=0 if line.backordered else line.quantity, backordered=line.quantity if line.backordered else 0,
            order_id=sale.row["id"], order_line_id=line.row["id"], expires_at=sale.row["expires_at"],
        )  # fmt: skip


def _ship(register: Register, sale: Sale, warehouse: int, lines: list[SaleLine], leaves: datetime) -> None:
    draft, service = register.draft, _service(sale)
    carrier, fastest, slowest, base, per_kilogram = SERVICES[service]
    grams = sum((line.sku.variant["weight_grams"] or 0) * line.quantity for line in lines)
    promised = draft.at(_working_days(draft, leaves, slowest), 20 * 3600)
    arrives = draft.at(
        _working_days(draft, leaves, draft.random.randint(fastest, slowest)), draft.random.uniform(9, 18) * 3600
    )
    if draft.random.random() < 0.04:
        arrives += timedelta(days=2)
    stuck = carrier == "rapidex" and sale.country == "DE" and leaves > draft.now - timedelta(days=STUCK_SINCE)
    arrives += timedelta(days=15 if stuck else 0)
    if service == "collect":
        promised = arrives = leaves
    delivered = arrives if arrives <= draft.now else None
    moving = FulfilmentStatus.delayed if stuck and promised < draft.now else _moving(draft, leaves)
    carried_by = register.carriers.get(carrier)
    row = draft.add(
        Fulfilment, leaves, order_id=sale.row["id"], warehouse_id=register.catalogue.warehouses[warehouse]["id"],
        status=FulfilmentStatus.delivered if delivered else moving, currency="EUR", service=service,
        carrier=carried_by["name"] if carried_by else carrier, carrier_id=carried_by and carried_by["id"],
        tracking_number=carried_by and parcel_number(
            carried_by["tracking_prefix"], 50_000_000 + sale.serial * 17 + warehouse, "FR"
        ),
        ship_to=sale.row["shipping_address"], parcels=[{"weight_grams": grams + PACKING}],
        cost=base + per_kilogram * grams // 1000, weight_grams=grams + PACKING, shipped_at=leaves, promised_at=promised,
        delivered_at=delivered,
    )  # fmt: skip
    sale.row["promised_on"] = draft.day_of(promised)
    for line in lines:
        draft.add(FulfilmentLine, leaves, fulfilment_id=row["id"], order_line_id=line.row["id"], quantity=line.quantity)
        line.row["fulfilled"] = line.quantity
        sale.row["units_fulfilled"] += line.quantity
        if line.warehouse is not None:
            register.stock.move(
                MovementKind.sale, line.warehouse, line.sku, -line.quantity, leaves, subject_kind="shipment",
                subject_id=row["id"], order_id=sale.row["id"],
            )  # fmt: skip
    sale.parcels.append(Parcel(row, lines, delivered))
    event(draft, sale.row, "shipped", leaves, subject=("shipment", row), carrier=row["carrier"])
    if delivered:
        event(draft, sale.row, "delivered", delivered, subject=("shipment", row))
    if leaves > draft.now - timedelta(days=TRACKED_SINCE) and service != "collect":
        _track(draft, row, sale, stuck)


def _moving(draft: Draft, leaves: datetime) -> FulfilmentStatus:
    """As far as the carrier has scanned it."""
    if draft.now < leaves + COLLECTED:
        return FulfilmentStatus.label_purchased
    return FulfilmentStatus.picked_up if draft.now < leaves + SORTED else FulfilmentStatus.in_transit


def _service(sale: Sale) -> str:
    if sale.channel is Channel.store:
        return "collect"
    if sale.row["shipping_method"] in ("express", "pickup"):
        return {"express": "express", "pickup": "point"}[sale.row["shipping_method"]]
    return {"FR": "home", "DE": "parcel"}.get(sale.country, "europe")


def _working_days(draft: Draft, since: datetime, days: int) -> date:
    day = draft.day_of(since)
    while days or day.weekday() == 6:
        day += timedelta(days=1)
        days -= days > 0 and day.weekday() < 6
    return day


def _track(draft: Draft, row: Row, sale: Sale, stuck: bool) -> None:
    shipped, delivered = row["shipped_at"], row["delivered_at"]
    scans: list[tuple[TrackingCode, datetime, str | None, str]] = [
        (TrackingCode.picked_up, shipped + COLLECTED, None, "Picked up")
    ]
    scans.append((TrackingCode.in_transit, shipped + SORTED, None, "Left the sorting centre"))
    if stuck:
        late = shipped + timedelta(days=2)
        scans.append((TrackingCode.delivery_delayed, late, "Kehl", "Held at the depot: no vehicle"))
    elif delivered:
        scans.append(
            (TrackingCode.out_for_delivery, delivered - timedelta(hours=3), sale.row["ship_city"], "On the van")
        )
    if delivered:
        scans.append((TrackingCode.delivered, delivered, sale.row["ship_city"], "Delivered"))
    for code, at, place, description in scans:
        if at <= draft.now:
            draft.add(
                TrackingEvent,
                at,
                fulfilment_id=row["id"],
                code=code,
                place=place,
                description=description,
                occurred_at=at,
            )


def _settle(draft: Draft, sale: Sale) -> None:
    """Confirmed orders are completed when all has arrived and is paid; a held one gets its hold."""
    order = sale.row
    if sale.confirmed_at is None:
        return
    order["status"] = OrderStatus.confirmed
    event(draft, order, "confirmed", sale.confirmed_at)
    arrivals = [parcel.delivered_at for parcel in sale.parcels if parcel.delivered_at]
    if sale.paid_at and len(arrivals) == len(sale.parcels) and order["units_fulfilled"] == order["units"]:
        order["status"] = OrderStatus.completed
        order["completed_at"] = order["updated_at"] = max([sale.paid_at, *arrivals])
        event(draft, order, "completed", order["completed_at"])
    if sale.held:
        at = min(sale.at + timedelta(minutes=7), draft.now)
        draft.add(
            OrderHold, at, order_id=order["id"], reason=sale.held, owner="support", placed_at=at,
            note="The card's country is not the parcel's." if sale.held == "fraud_review" else "No house number.",
        )  # fmt: skip
        event(draft, order, "held", at, reason=sale.held)


def lose_one(draft: Draft) -> None:
    """Of the parcels that lie in the depot, one is not found there any more, and the shop asks for its worth."""
    stuck = [row for row in draft.rows["fulfilments"] if row["status"] is FulfilmentStatus.delayed]
    if len(stuck) < 2:
        return
    lost = min(stuck, key=lambda row: (row["shipped_at"], row["id"]))
    since = draft.now - timedelta(hours=20)
    lost["status"] = FulfilmentStatus.lost
    order = next(row for row in draft.rows["orders"] if row["id"] == lost["order_id"])
    event(draft, order, "lost", since, subject=("shipment", lost))
    draft.add(
        CarrierClaim, since, status=ClaimStatus.open, kind=ClaimKind.lost, fulfilment_id=lost["id"], currency="EUR",
        amount=order["total"], note="Not found in the depot at Kehl.",
        evidence=[f"Tracking number {lost['tracking_number']}", f"Value of {order['reference']}"],
    )  # fmt: skip
