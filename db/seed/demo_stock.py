"""The demo shop's stock: what it opened with, what suppliers brought, what went between warehouses, what is left."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from math import ceil
from typing import Any

from db.models.inventory import (
    AdjustmentReason,
    MovementKind,
    PurchaseOrder,
    PurchaseOrderLine,
    PurchaseOrderStatus,
    StockCost,
    StockLevel,
    StockMovement,
    Transfer,
    TransferLine,
    TransferStatus,
)
from db.seed.demo_catalogue import DAYS, WAREHOUSES, Catalogue, Sku
from db.seed.demo_demand import Demand
from db.seed.draft import ACTOR, Draft, Row

MAIN = 0
SERVED = (0.52, 0.32, 0.16)  # the warehouses' parts of the demand
SCARCE = "MUG-BLUE"  # the bestseller whose supplier is late
NOT_BOUGHT_SINCE = 78  # days before today; then only small lots by courier
COURIER = 13  # days between them
LATE_ORDER = 36  # days before today
SELLS_DOWN_TO = 3
REVIEW, TRANSFER, TRAVEL = 14, 28, 3  # days
UNLOADED = 5 * 3600  # of a day: what arrives has been put on the shelves


@dataclass
class Due:
    """Goods on their way: what arrives, where, from which row."""

    row: Row
    lines: list[tuple[Sku, Row]]
    warehouse: int
    hold_back: int = 0  # lines that do not come


@dataclass
class Stock:
    draft: Draft
    catalogue: Catalogue
    demand: Demand
    free: list[list[int]] = field(init=False)
    on_hand: list[list[int]] = field(init=False)
    damaged: list[list[int]] = field(init=False)
    reserved: list[list[int]] = field(init=False)
    incoming: list[list[int]] = field(init=False)
    binned: list[list[int]] = field(init=False)
    deliveries: Counter[int] = field(default_factory=Counter[int])  # of each SKU so far
    due: dict[date, list[Due]] = field(default_factory=lambda: defaultdict[date, list[Due]](list))

    returned: dict[date, list[tuple[Sku, int]]] = field(
        default_factory=lambda: defaultdict[date, list[tuple[Sku, int]]](list)
    )

    def __post_init__(self) -> None:
        self.tracked = [sku for sku in self.catalogue.skus if sku.tracked]
        self.free, self.on_hand, self.damaged, self.reserved, self.incoming, self.binned = (
            [[0] * len(self.catalogue.skus) for _ in WAREHOUSES] for _ in range(6)
        )

    # ---- movements -------------------------------------------------------------------------------------------------------

    def move(
        self, kind: MovementKind, warehouse: int, sku: Sku, quantity: int, at: datetime, damaged: int = 0, **values: Any
    ) -> None:
        """Units come (above zero) or go, with the row that says so."""
        self.on_hand[warehouse][sku.index] += quantity
        self.damaged[warehouse][sku.index] += damaged
        self.draft.add(
            StockMovement, at, warehouse_id=self.catalogue.warehouses[warehouse]["id"], variant_id=sku.variant["id"],
            kind=kind, quantity=quantity, damaged=damaged, actor=ACTOR, occurred_at=at,
            **{"unit_cost": sku.cost if quantity > 0 else None, **values},
        )  # fmt: skip

    def take(self, sku: Sku, quantity: int, nearest: int, number: int) -> int | None:
        """The warehouse that gives the units: the nearest, else the first that has them; None when none has."""
        kept = SELLS_DOWN_TO if sku.code == SCARCE and number > DAYS - 40 else 0
        if sum(place[sku.index] for place in self.free) - quantity < kept:
            return None
        for warehouse in (nearest, *range(len(WAREHOUSES))):
            if self.free[warehouse][sku.index] >= quantity:
                self.free[warehouse][sku.index] -= quantity
                return warehouse
        return None

    def set_aside(self, sku: Sku, units: int, at: datetime, **subject: Any) -> Row:
        """Units that came back: they lie apart until somebody has looked at them. Returns the warehouse."""
        self.move(MovementKind.return_, MAIN, sku, units, at, damaged=units, **subject)
        return self.catalogue.warehouses[MAIN]

    def take_back(self, sku: Sku, units: int, at: datetime, **subject: Any) -> None:
        """Those that are as new: on the shelf from then on, for sale the next day."""
        self.move(MovementKind.return_, MAIN, sku, 0, at, damaged=-units, **subject)
        self.returned[self.draft.day_of(at) + timedelta(days=1)].append((sku, units))

    def throw_away(self, sku: Sku, units: int, at: datetime, **subject: Any) -> None:
        self.move(MovementKind.return_, MAIN, sku, -units, at, damaged=-units, **subject)

    # ---- buying and moving -----------------------------------------------------------------------------------------------

    def open(self) -> None:
        """What lay there on the first day; of what nobody wants, far too much."""
        at = self.draft.at(self.demand.days[0], 5 * 3600)
        for sku in self.tracked:
            for warehouse, part in enumerate(SERVED):
                weeks = 60 if warehouse == MAIN else 30
                units = ceil(self.demand.expected(sku, 0, weeks) * part * 1.1) + 3
                if sku.share == 0:
                    units = (64, 18, 12)[warehouse]
                self.free[warehouse][sku.index] += units
                self.move(MovementKind.opening, warehouse, sku, units, at)

    def new_day(self, number: int) -> None:
        day = self.demand.days[number]
        for due in self.due.pop(day, []):
            if self.draft.at(day, UNLOADED) <= self.draft.now:
                self._receive(due, day)
        for sku, units in self.returned.pop(day, []):
            self.free[MAIN][sku.index] += units
        self._by_courier(number)
        if (DAYS - number) % REVIEW == 8:
            for supplier in self.catalogue.suppliers:
                self._buy(supplier, number)
        if (DAYS - number) % TRANSFER == 2:
            for warehouse in range(1, len(WAREHOUSES)):
                self._replenish(warehouse, number)

    def _buy(self, supplier: Row, number: int) -> None:
        """Fortnightly: up to seven weeks beyond the lead time, of what will not last until then."""
        lead, lines = supplier["lead_time_days"], list[tuple[Sku, int]]()
        age = DAYS - number
        late = age == LATE_ORDER and supplier is self.catalogue.suppliers[0]
        for sku in self.tracked:
            if sku.supplier is not supplier or not sku.reordered or sku.share == 0:
                continue
            wanted = self.demand.expected(sku, number, lead + 49)
            position = sum(place[sku.index] for place in self.free) + self.incoming[MAIN][sku.index]
            if sku.code == SCARCE and age < NOT_BOUGHT_SINCE:
                wanted = position + 240 if late else 0
            if position < wanted * 0.8:
                lines.append((sku, ceil((wanted - position) / 6) * 6))
        if lines:
            self._order(supplier, lines, number, late=late)

    def _by_courier(self, number: int) -> None:
        """The scarce one comes in lots that last until the next; the last of them not even until today."""
        age = DAYS - number
        if age > NOT_BOUGHT_SINCE or age % COURIER or not age:
            return
        sku = next(sku for sku in self.tracked if sku.code == SCARCE)
        days = COURIER if age > COURIER else COURIER // 2
        left = sum(place[sku.index] for place in self.free) - SELLS_DOWN_TO
        units = ceil(self.demand.expected(sku, number, days)) - left
        if units > 0:
            self._order(sku.supplier, [(sku, units)], number, courier=True)

    def _order(
        self, supplier: Row, lines: list[tuple[Sku, int]], number: int, *, late: bool = False, courier: bool = False
    ) -> None:
        day, rng = self.demand.days[number], self.draft.random
        at = self.draft.at(day, 9 * 3600)
        row = self.draft.add(
            PurchaseOrder, at, status=PurchaseOrderStatus.sent, supplier_id=supplier["id"], currency="EUR", ordered_at=at,
            warehouse_id=self.catalogue.warehouses[MAIN]["id"], total=sum(int(sku.cost * units) for sku, units in lines),
            expected_on=day + timedelta(days=1 if courier else supplier["lead_time_days"]),
            note="The kiln is being repaired; no new date yet." if late else None,
        )  # fmt: skip
        rows = [
            (sku, self.draft.add(
                PurchaseOrderLine, at, purchase_order_id=row["id"], variant_id=sku.variant["id"], quantity=units,
                unit_cost=sku.cost,
            ))
            for sku, units in lines
        ]  # fmt: skip
        for sku, units in lines:
            self.incoming[MAIN][sku.index] += units
        arrival = row["expected_on"] + timedelta(days=0 if courier else rng.choice((-2, -1, 0, 0, 1, 2, 4)))
        if not late:
            short = 2 if len(lines) > 4 and 0 <= (self.draft.today - arrival).days <= 12 else 0
            self.due[arrival].append(Due(row, rows, MAIN, hold_back=short))

    def _replenish(self, warehouse: int, number: int) -> None:
        """Monthly: what the warehouse will need in five weeks, as far as the main one can spare it."""
        day, at = self.demand.days[number], self.draft.at(self.demand.days[number], 7 * 3600)
        lines: list[tuple[Sku, int]] = []
        for sku in self.tracked:
            wanted = ceil(self.demand.expected(sku, number, 35) * SERVED[warehouse])
            units = min(wanted - self.free[warehouse][sku.index], self.free[MAIN][sku.index] // 2)
            if units >= 4:
                lines.append((sku, units))
        row = self.draft.add(
            Transfer, at, status=TransferStatus.in_transit, from_warehouse_id=self.catalogue.warehouses[MAIN]["id"],
            to_warehouse_id=self.catalogue.warehouses[warehouse]["id"], shipped_at=at,
            expected_on=day + timedelta(days=TRAVEL),
        )  # fmt: skip
        rows: list[tuple[Sku, Row]] = []
        for sku, units in lines:
            self.free[MAIN][sku.index] -= units
            self.incoming[warehouse][sku.index] += units
            subject: dict[str, Any] = {"subject_kind": "transfer", "subject_id": row["id"]}
            self.move(MovementKind.transfer_out, MAIN, sku, -units, at, **subject)
            line = self.draft.add(TransferLine, at, transfer_id=row["id"], variant_id=sku.variant["id"], quantity=units)
            rows.append((sku, line))
        self.due[day + timedelta(days=TRAVEL)].append(Due(row, rows, warehouse))

    def _receive(self, due: Due, day: date) -> None:
        bought = "supplier_id" in due.row
        at = self.draft.at(day, UNLOADED)
        coming = due.lines[: len(due.lines) - due.hold_back]
        subject: dict[str, Any] = {
            "subject_kind": "purchase_order" if bought else "transfer",
            "subject_id": due.row["id"],
        }
        for sku, line in coming:
            units, broken = line["quantity"], 1 if self.draft.random.random() < 0.012 else 0
            line["received"] = units if bought else units - broken
            line["damaged"] = broken
            self.free[due.warehouse][sku.index] += units - broken
            self.incoming[due.warehouse][sku.index] -= units
            if bought:
                self._value(sku, line, at)
            kind = MovementKind.receipt if bought else MovementKind.transfer_in
            self.move(kind, due.warehouse, sku, units, at, damaged=broken, **subject)
        done, part = (
            (PurchaseOrderStatus.received, PurchaseOrderStatus.partially_received)
            if bought
            else (TransferStatus.received, TransferStatus.partially_received)
        )
        due.row.update(status=part if due.hold_back else done, updated_at=at)
        due.row["received_at"] = None if due.hold_back else at

    def _value(self, sku: Sku, line: Row, at: datetime) -> None:
        """The average cost goes on: suppliers never changed their prices."""
        self.deliveries[sku.index] += 1
        there = sum(place[sku.index] for place in self.on_hand)
        self.draft.add(
            StockCost, at, variant_id=sku.variant["id"], number=self.deliveries[sku.index], currency="EUR",
            purchase_order_line_id=line["id"], units_before=there, average_before=sku.cost, units=line["received"],
            unit_cost=sku.cost, average=sku.cost,
        )  # fmt: skip

    # ---- the last evening ------------------------------------------------------------------------------------------------

    def count(self) -> None:
        """Last evening's stock count: a few differ, a few are broken."""
        rng = self.draft.random
        for sku in rng.sample(self.tracked, 48):
            at = self.draft.at(self.draft.today - timedelta(days=1), rng.uniform(19, 22) * 3600)
            reason = rng.choice((AdjustmentReason.counted, AdjustmentReason.damaged, AdjustmentReason.lost))
            if self.free[MAIN][sku.index] < 20:
                continue
            broken = reason is AdjustmentReason.damaged
            change = 0 if broken else -rng.randrange(1, 4)
            self.free[MAIN][sku.index] += -2 if broken else change
            self.move(MovementKind.adjustment, MAIN, sku, change, at, damaged=2 if broken else 0, reason=reason)

    def write_levels(self) -> None:
        opened = self.draft.at(self.demand.days[0], 5 * 3600)
        for sku in self.tracked:
            for warehouse, place in enumerate(self.catalogue.warehouses):
                lead = sku.supplier["lead_time_days"]
                rule = warehouse == MAIN and sku.reordered
                needed = self.demand.expected(sku, DAYS, lead)
                self.draft.add(
                    StockLevel, opened, warehouse_id=place["id"], variant_id=sku.variant["id"],
                    product_id=sku.variant["product_id"], on_hand=self.on_hand[warehouse][sku.index],
                    reserved=self.reserved[warehouse][sku.index],
                    damaged=self.damaged[warehouse][sku.index], incoming=self.incoming[warehouse][sku.index],
                    binned=self.binned[warehouse][sku.index],
                    reorder_point=round(needed * 0.3) + 1 if rule else None,
                    reorder_target=ceil(needed * 1.5) + 6 if rule else None,
                    supplier_id=sku.supplier["id"], lead_time_days=lead,
                )  # fmt: skip
