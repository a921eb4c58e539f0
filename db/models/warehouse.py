"""Warehouses: where stock lies and orders leave from, down to the bin.

The stock levels say how many units a warehouse has; bins subdivide them. What lies in no bin lies on the floor: the dock where
goods arrive, and the table where orders are packed. So on_hand = what is in bins + what is on the floor, and what was picked for
orders that have not left is a part of the floor. Bin movements are the truth of bins: each move is a pair that sums to zero, out
of one place and into the other, where no bin means the floor. Counts on a bin, and `binned` of a stock level, are their caches.
"""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from sqlalchemy import CheckConstraint, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from db.columns import count, flag, many, one
from db.model import Base, Referenced, Stateful, Tenant, Versioned, index, one_of, referenced, to, unique

if TYPE_CHECKING:
    from db.models.inventory import Reservation
    from db.models.orders import Order, OrderLine
    from db.models.products import Variant
    from db.models.transport import Fulfilment


class BinKind(StrEnum):
    picking = "picking"
    bulk = "bulk"  # what does not fit into the picking bins; picked from last


class BinMoveKind(StrEnum):
    put_away = "put_away"
    pick = "pick"
    move = "move"
    counted = "counted"
    mispick = "mispick"
    left = "left"  # left the warehouse, and nobody said from which bin


class PickStatus(StrEnum):
    open = "open"
    picking = "picking"
    picked = "picked"
    cancelled = "cancelled"


class TaskStatus(StrEnum):
    open = "open"
    picked = "picked"
    short = "short"
    dropped = "dropped"  # its order did not want it any more


class PackageStatus(StrEnum):
    sealed = "sealed"
    handed_over = "handed_over"
    opened = "opened"  # does not leave after all


class Warehouse(Tenant, Referenced, Versioned, Base):
    """A place that ships. `priority` is the merchant's order, lowest first: an order is taken from the first that holds it all."""

    __tablename__ = "warehouses"
    __table_args__ = referenced(unique("code"), index("priority", "id"))

    code: Mapped[str]
    name: Mapped[str]
    line1: Mapped[str]
    line2: Mapped[str | None]
    city: Mapped[str]
    region: Mapped[str | None]
    postcode: Mapped[str]
    country: Mapped[str]
    priority: Mapped[int] = count()
    active: Mapped[bool] = flag(True)


class Bin(Tenant, Base):
    """A place on a shelf. `walk` is its place on the way through the warehouse, `capacity` how many units it takes: null is any."""

    __tablename__ = "bins"
    __table_args__ = (
        to("warehouses", "warehouse_id"),
        unique("warehouse_id", "code_key"),
        index("warehouse_id", "walk", "id"),
        CheckConstraint("units >= 0 and walk >= 0", name="counts"),
        CheckConstraint("units <= capacity", name="never_overfull"),
    )

    warehouse_id: Mapped[uuid.UUID]
    code: Mapped[str]
    code_key: Mapped[str]
    kind: Mapped[BinKind] = mapped_column(one_of(BinKind, "kind"))
    zone: Mapped[str | None]
    walk: Mapped[int] = count()
    capacity: Mapped[int | None] = mapped_column(Integer)
    units: Mapped[int] = count()

    warehouse: Mapped[Warehouse] = one("Bin", "warehouse_id", "Warehouse")


class BinStock(Tenant, Base):
    """Units of a variant in a bin. Who changes it has locked the stock level of the variant in that warehouse."""

    __tablename__ = "bin_stock"
    __table_args__ = (
        to("warehouses", "warehouse_id"),
        to("bins", "bin_id"),
        to("variants", "variant_id"),
        unique("bin_id", "variant_id"),
        index("warehouse_id", "variant_id"),
        index("variant_id"),
        CheckConstraint("quantity >= 0", name="quantity"),
    )

    warehouse_id: Mapped[uuid.UUID]
    bin_id: Mapped[uuid.UUID]
    variant_id: Mapped[uuid.UUID]
    quantity: Mapped[int] = count()

    warehouse: Mapped[Warehouse] = one("BinStock", "warehouse_id", "Warehouse")
    bin: Mapped[Bin] = one("BinStock", "bin_id", "Bin")
    variant: Mapped["Variant"] = one("BinStock", "variant_id", "Variant")


class BinMovement(Tenant, Base):
    """One half of a move inside a warehouse: units out of a bin (below zero) or into it; no bin is the floor. Append-only.

    Both halves have the same `move_id`. `subject_kind`, `subject_id` say what it was for: a pick list or a count.
    """

    __tablename__ = "bin_movements"
    __table_args__ = (
        to("warehouses", "warehouse_id"),
        to("bins", "bin_id"),
        to("variants", "variant_id"),
        index("move_id"),
        index("bin_id", "variant_id"),
        index("variant_id"),
        index("warehouse_id", "occurred_at"),
        CheckConstraint("quantity <> 0", name="moves_something"),
    )

    move_id: Mapped[uuid.UUID]
    warehouse_id: Mapped[uuid.UUID]
    bin_id: Mapped[uuid.UUID | None]
    variant_id: Mapped[uuid.UUID]
    kind: Mapped[BinMoveKind] = mapped_column(one_of(BinMoveKind, "kind"))
    quantity: Mapped[int] = mapped_column(Integer)
    subject_kind: Mapped[str | None]
    subject_id: Mapped[uuid.UUID | None]
    actor: Mapped[str]
    occurred_at: Mapped[datetime]

    warehouse: Mapped[Warehouse] = one("BinMovement", "warehouse_id", "Warehouse")
    bin: Mapped[Bin | None] = one("BinMovement", "bin_id", "Bin")
    variant: Mapped["Variant"] = one("BinMovement", "variant_id", "Variant")


class PickList(Tenant, Referenced, Versioned, Stateful, Base):
    """What one person fetches in one walk, for one order or several (`PCK-12`)."""

    __tablename__ = "pick_lists"
    __table_args__ = referenced(
        to("warehouses", "warehouse_id"),
        index("warehouse_id", "id"),
        index("status", "id"),
        index("warehouse_id", "finished_at"),
        index("finished_at"),
        index("picker", "id"),
        CheckConstraint("(status in ('picking', 'picked')) = (started_at is not null)", name="started"),
        CheckConstraint("(status = 'picked') = (finished_at is not null)", name="finished"),
        CheckConstraint("(started_at is null) = (picker is null)", name="started_by_somebody"),
    )
    MOVES: ClassVar[dict[PickStatus, frozenset[PickStatus]]] = {
        PickStatus.open: frozenset({PickStatus.picking, PickStatus.cancelled}),
        PickStatus.picking: frozenset({PickStatus.picked}),
        PickStatus.picked: frozenset(),
        PickStatus.cancelled: frozenset(),
    }

    warehouse_id: Mapped[uuid.UUID]
    status: Mapped[PickStatus] = mapped_column(one_of(PickStatus, "status"))
    picker: Mapped[str | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    warehouse: Mapped[Warehouse] = one("PickList", "warehouse_id", "Warehouse")
    tasks: Mapped[list["PickTask"]] = many(
        "PickTask", "pick_list_id", "PickList", "pick_list", order_by="PickTask.position"
    )


_ALIVE = text("status = 'open' or picked > gone or missing > 0")


class PickTask(Tenant, Stateful, Base):
    """Units of an order line to fetch from a bin, or from the floor, by their place on the walk.

    Of what was `picked`, `gone` has left with a parcel or was put back; the rest waits to be packed. `missing` was not there: those
    units are held back under `held_id` until somebody counts the bin.
    """

    __tablename__ = "pick_tasks"
    __table_args__ = (
        to("pick_lists", "pick_list_id"),
        to("warehouses", "warehouse_id"),
        to("orders", "order_id"),
        to("order_lines", "order_line_id"),
        to("variants", "variant_id"),
        to("bins", "bin_id"),
        to("reservations", "held_id"),
        unique("pick_list_id", "position"),
        index("order_id"),
        Index("ix_pick_tasks_alive", "merchant_id", "variant_id", "warehouse_id", postgresql_where=_ALIVE),
        CheckConstraint("quantity > 0 and picked >= 0 and picked <= quantity", name="picked"),
        CheckConstraint("gone >= 0 and gone <= picked and missing >= 0", name="counts"),
        CheckConstraint("(missing > 0) = (held_id is not null)", name="missing_units_are_held"),
    )
    MOVES: ClassVar[dict[TaskStatus, frozenset[TaskStatus]]] = {
        TaskStatus.open: frozenset({TaskStatus.picked, TaskStatus.short, TaskStatus.dropped}),
        TaskStatus.picked: frozenset(),
        TaskStatus.short: frozenset(),
        TaskStatus.dropped: frozenset(),
    }

    pick_list_id: Mapped[uuid.UUID]
    position: Mapped[int] = mapped_column(Integer)
    status: Mapped[TaskStatus] = mapped_column(one_of(TaskStatus, "status"))
    warehouse_id: Mapped[uuid.UUID]
    order_id: Mapped[uuid.UUID]
    order_line_id: Mapped[uuid.UUID]
    variant_id: Mapped[uuid.UUID]
    bin_id: Mapped[uuid.UUID | None]
    quantity: Mapped[int] = mapped_column(Integer)
    picked: Mapped[int] = count()
    gone: Mapped[int] = count()
    missing: Mapped[int] = count()
    held_id: Mapped[uuid.UUID | None]

    pick_list: Mapped[PickList] = one("PickTask", "pick_list_id", "PickList", "tasks")
    warehouse: Mapped[Warehouse] = one("PickTask", "warehouse_id", "Warehouse")
    order: Mapped["Order"] = one("PickTask", "order_id", "Order")
    order_line: Mapped["OrderLine"] = one("PickTask", "order_line_id", "OrderLine")
    variant: Mapped["Variant"] = one("PickTask", "variant_id", "Variant")
    bin: Mapped[Bin | None] = one("PickTask", "bin_id", "Bin")
    held: Mapped["Reservation | None"] = one("PickTask", "held_id", "Reservation")


class Mispick(Tenant, Base):
    """Something else was fetched than was asked for: so many units, found when they were packed. Append-only."""

    __tablename__ = "mispicks"
    __table_args__ = (
        to("pick_lists", "pick_list_id"),
        to("pick_tasks", "pick_task_id"),
        to("variants", "got_variant_id"),
        index("pick_list_id"),
        index("pick_task_id"),
        index("got_variant_id"),
        index("occurred_at"),
        CheckConstraint("quantity > 0", name="quantity"),
    )

    pick_list_id: Mapped[uuid.UUID]
    pick_task_id: Mapped[uuid.UUID]
    got_variant_id: Mapped[uuid.UUID | None]
    quantity: Mapped[int] = mapped_column(Integer)
    note: Mapped[str | None]
    actor: Mapped[str]
    occurred_at: Mapped[datetime]

    pick_list: Mapped[PickList] = one("Mispick", "pick_list_id", "PickList")
    pick_task: Mapped[PickTask] = one("Mispick", "pick_task_id", "PickTask")
    got_variant: Mapped["Variant | None"] = one("Mispick", "got_variant_id", "Variant")


class Package(Tenant, Referenced, Stateful, Base):
    """A box of an order, packed and closed (`PKG-7`): what a label is bought for. Sides in millimetres, outside.

    `fulfilment_id` is the shipment that it left with.
    """

    __tablename__ = "packages"
    __table_args__ = referenced(
        to("orders", "order_id"),
        to("warehouses", "warehouse_id"),
        to("fulfilments", "fulfilment_id"),
        index("order_id", "id"),
        index("warehouse_id", "packed_at"),
        index("fulfilment_id"),
        CheckConstraint("weight_grams > 0 and length_mm > 0 and width_mm > 0 and height_mm > 0", name="measures"),
        CheckConstraint("fulfilment_id is null or status = 'handed_over'", name="leaves_with_a_shipment"),
    )
    MOVES: ClassVar[dict[PackageStatus, frozenset[PackageStatus]]] = {
        PackageStatus.sealed: frozenset({PackageStatus.handed_over, PackageStatus.opened}),
        PackageStatus.handed_over: frozenset(),
        PackageStatus.opened: frozenset(),
    }

    order_id: Mapped[uuid.UUID]
    warehouse_id: Mapped[uuid.UUID]
    fulfilment_id: Mapped[uuid.UUID | None]
    status: Mapped[PackageStatus] = mapped_column(one_of(PackageStatus, "status"))
    box: Mapped[str]
    length_mm: Mapped[int] = mapped_column(Integer)
    width_mm: Mapped[int] = mapped_column(Integer)
    height_mm: Mapped[int] = mapped_column(Integer)
    weight_grams: Mapped[int] = mapped_column(Integer)
    packed_by: Mapped[str]
    packed_at: Mapped[datetime]

    order: Mapped["Order"] = one("Package", "order_id", "Order")
    warehouse: Mapped[Warehouse] = one("Package", "warehouse_id", "Warehouse")
    fulfilment: Mapped["Fulfilment | None"] = one("Package", "fulfilment_id", "Fulfilment")
    lines: Mapped[list["PackageLine"]] = many("PackageLine", "package_id", "Package", "package")


class PackageLine(Tenant, Base):
    """Units of an order line in a package."""

    __tablename__ = "package_lines"
    __table_args__ = (
        to("packages", "package_id"),
        to("order_lines", "order_line_id"),
        unique("package_id", "order_line_id"),
        index("order_line_id"),
        CheckConstraint("quantity > 0", name="quantity"),
    )

    package_id: Mapped[uuid.UUID]
    order_line_id: Mapped[uuid.UUID]
    quantity: Mapped[int] = mapped_column(Integer)

    package: Mapped[Package] = one("PackageLine", "package_id", "Package", "lines")
    order_line: Mapped["OrderLine"] = one("PackageLine", "order_line_id", "OrderLine")


class StockCount(Tenant, Referenced, Base):
    """Somebody counted bins, or the floor (`CNT-3`)."""

    __tablename__ = "stock_counts"
    __table_args__ = referenced(to("warehouses", "warehouse_id"), index("warehouse_id", "counted_at"))

    warehouse_id: Mapped[uuid.UUID]
    note: Mapped[str | None]
    actor: Mapped[str]
    counted_at: Mapped[datetime]

    warehouse: Mapped[Warehouse] = one("StockCount", "warehouse_id", "Warehouse")
    lines: Mapped[list["StockCountLine"]] = many("StockCountLine", "count_id", "StockCount", "stock_count")


class StockCountLine(Tenant, Base):
    """What was expected in a bin, by the books, and what was there. Append-only."""

    __tablename__ = "stock_count_lines"
    __table_args__ = (
        to("stock_counts", "count_id"),
        to("bins", "bin_id"),
        to("variants", "variant_id"),
        index("count_id"),
        index("bin_id"),
        index("variant_id"),
        CheckConstraint("expected >= 0 and counted >= 0", name="counts"),
    )

    count_id: Mapped[uuid.UUID]
    bin_id: Mapped[uuid.UUID | None]
    variant_id: Mapped[uuid.UUID]
    expected: Mapped[int] = mapped_column(Integer)
    counted: Mapped[int] = mapped_column(Integer)

    stock_count: Mapped[StockCount] = one("StockCountLine", "count_id", "StockCount", "lines")
    bin: Mapped[Bin | None] = one("StockCountLine", "bin_id", "Bin")
    variant: Mapped["Variant"] = one("StockCountLine", "variant_id", "Variant")
