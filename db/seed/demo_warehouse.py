"""The demo shop's warehouses from inside: bins with what lies in them, pick lists in every state, packages, a count."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random

from db.models.inventory import Reservation, ReservationReason, ReservationStatus
from db.models.orders import OrderStatus
from db.models.warehouse import (
    Bin,
    BinKind,
    BinMoveKind,
    BinMovement,
    BinStock,
    Mispick,
    Package,
    PackageLine,
    PackageStatus,
    PickList,
    PickStatus,
    PickTask,
    StockCount,
    StockCountLine,
    TaskStatus,
)
from db.seed.demo_catalogue import Catalogue, Sku
from db.seed.demo_orders import Parcel, Sale, SaleLine
from db.seed.demo_stock import MAIN, Stock
from db.seed.draft import Draft, Row

BINS = (48, 12, 8)  # of each warehouse; one in six is a bulk bin
REMEMBERED = 9  # days of which pick lists are kept
PICKER = "USR-1001"
BOX = {"box": "M", "length_mm": 350, "width_mm": 250, "height_mm": 150}

Spot = tuple[int, int]  # a warehouse and a SKU, by their indexes


@dataclass
class Shelves:
    draft: Draft
    catalogue: Catalogue
    stock: Stock
    rng: Random = field(default_factory=lambda: Random("shelves"))
    left: dict[date, list[tuple[Sale, Parcel]]] = field(
        default_factory=lambda: defaultdict[date, list[tuple[Sale, Parcel]]](list)
    )
    waiting: list[Sale] = field(default_factory=list[Sale])
    homes: dict[Spot, Row] = field(default_factory=dict[Spot, Row])
    fetched: Counter[Spot] = field(default_factory=Counter[Spot])  # out of the bins, for orders
    floor: Counter[Spot] = field(default_factory=Counter[Spot])  # of it what has not left

    def remember(self, sale: Sale) -> None:
        """What left lately, and what is ready and has not."""
        for parcel in sale.parcels:
            day = self.draft.day_of(parcel.row["shipped_at"])
            if (self.draft.today - day).days <= REMEMBERED and parcel.row["service"] != "collect":
                self.left[day].append((sale, parcel))
        here = {line.warehouse for line in sale.lines if line.warehouse is not None}
        ready = sale.row["status"] is OrderStatus.confirmed and not sale.parcels and not sale.held
        if ready and here == {MAIN} and not any(line.backordered for line in sale.lines):
            self.waiting.append(sale)

    def fill(self) -> None:
        """All of it; before the stock levels are written, which have a part of it."""
        self._build()
        for day in sorted(self.left):
            for warehouse in range(len(BINS)):
                self._past(day, warehouse)
        self._today()
        self._put_away()
        self._count()

    # ---- bins ------------------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        opened = self.draft.at(self.draft.today - timedelta(days=60), 7 * 3600)
        for warehouse, number in enumerate(BINS):
            bins: list[Row] = []
            for n in range(number):
                bulk = n % 6 == 5
                zone = "R" if bulk else "AB"[n * 2 // number]
                code = f"{zone}-{n // 6 + 1:02}-{n % 6 + 1}"
                row = self.draft.add(
                    Bin, opened, warehouse_id=self.catalogue.warehouses[warehouse]["id"], code=code, code_key=code.lower(),
                    kind=BinKind.bulk if bulk else BinKind.picking, zone=zone, walk=(n + 1) * 10, units=0,
                )  # fmt: skip
                bins.append(row)
            used = bins[: max(1, number - 4)]  # some are empty
            for place, sku in enumerate(self.stock.tracked):
                if warehouse == MAIN or place % 4 == 0:
                    self.homes[warehouse, sku.index] = used[place % len(used)]

    def _put_away(self) -> None:
        """Put away before anything was picked: what lies there now, and what was fetched since."""
        day = self.draft.today - timedelta(days=REMEMBERED + 4)
        units = Counter[str]()
        for (warehouse, index), home in self.homes.items():
            spot = warehouse, index
            lies = self.stock.on_hand[warehouse][index] - self.floor[spot]
            if lies < 0 or lies + self.fetched[spot] <= 0:
                continue
            sku = self.catalogue.skus[index]
            at = self.draft.at(day, self.rng.uniform(8, 17) * 3600)
            self._move(sku, warehouse, lies + self.fetched[spot], None, home, BinMoveKind.put_away, at)
            self.draft.add(
                BinStock,
                at,
                warehouse_id=home["warehouse_id"],
                bin_id=home["id"],
                variant_id=sku.variant["id"],
                quantity=lies,
            )
            self.stock.binned[warehouse][index] = lies
            units[home["id"]] += lies
        for home in {row["id"]: row for row in self.homes.values()}.values():
            home["units"] = units[home["id"]]
            home["capacity"] = max(60, units[home["id"]] * 5 // 4)

    def _move(
        self,
        sku: Sku,
        warehouse: int,
        units: int,
        source: Row | None,
        target: Row | None,
        kind: BinMoveKind,
        at: datetime,
    ) -> None:
        pair = self.draft.id(at)
        for bin_, quantity in ((source, -units), (target, units)):
            self.draft.add(
                BinMovement, at, move_id=pair, warehouse_id=self.catalogue.warehouses[warehouse]["id"],
                bin_id=bin_["id"] if bin_ else None, variant_id=sku.variant["id"], kind=kind, quantity=quantity, actor=PICKER,
                occurred_at=at,
            )  # fmt: skip

    # ---- picking ---------------------------------------------------------------------------------------------------------

    def _past(self, day: date, warehouse: int) -> None:
        """One walk a day, of up to four parcels that left; and what they were packed into."""
        place = self.catalogue.warehouses[warehouse]["id"]
        parcels = [(sale, parcel) for sale, parcel in self.left[day] if parcel.row["warehouse_id"] == place][:4]
        if not parcels:
            return
        leaves = min(parcel.row["shipped_at"] for _, parcel in parcels)
        lines = [(sale, line) for sale, parcel in parcels for line in parcel.lines]
        units = sum(line.quantity for _, line in lines)
        started = leaves - timedelta(minutes=12 + units * self.rng.uniform(0.6, 1.4))
        pick, tasks = self._list(warehouse, lines, PickStatus.picked, started, leaves - timedelta(minutes=10))
        for task in tasks:
            task["gone"] = task["picked"]
        for sale, parcel in parcels:
            self._package(sale, parcel.lines, warehouse, leaves - timedelta(minutes=4), parcel.row)
        if tasks and day == min(self.left):
            self.draft.add(
                Mispick, leaves, pick_list_id=pick["id"], pick_task_id=tasks[0]["id"], quantity=1, actor=PICKER,
                occurred_at=leaves, note="The wrong colour.",
            )  # fmt: skip

    def _today(self) -> None:
        """What is ready, in every state: packed, picked, short, being picked, waiting, and a list that came to nothing."""
        orders = iter(self.waiting)
        packed, unpacked, short, going, other, first, second, gone = (next(orders, None) for _ in range(8))
        now = self.draft.now
        for sales, status, ago in (
            ([packed, unpacked], PickStatus.picked, 70),
            ([short], PickStatus.picked, 50),
            ([going, other], PickStatus.picking, 20),
            ([first, second], PickStatus.open, 10),
            ([gone], PickStatus.cancelled, 5),
        ):
            lines = [(sale, line) for sale in sales if sale for line in sale.lines if line.warehouse is not None]
            if not lines:
                continue
            ready = max(sale.confirmed_at or now for sale, _ in lines)
            started = max(ready, now - timedelta(minutes=ago))
            finished = max(ready, now - timedelta(minutes=ago - 15))
            self._list(MAIN, lines, status, started, finished, short=sales == [short])
            if packed and sales[0] is packed:
                self._package(packed, packed.lines, MAIN, max(ready, now - timedelta(minutes=50)), None)

    def _list(
        self,
        warehouse: int,
        lines: list[tuple[Sale, SaleLine]],
        status: PickStatus,
        started: datetime,
        finished: datetime,
        *,
        short: bool = False,
    ) -> tuple[Row, list[Row]]:
        done, going = status is PickStatus.picked, status in (PickStatus.picked, PickStatus.picking)
        place = self.catalogue.warehouses[warehouse]["id"]
        pick = self.draft.add(
            PickList, started, warehouse_id=place, status=status, picker=PICKER if going else None,
            started_at=started if going else None, finished_at=finished if done else None,
        )  # fmt: skip
        outcome = TaskStatus.picked if done else TaskStatus.open
        outcome = TaskStatus.dropped if status is PickStatus.cancelled else outcome
        walk = sorted(
            (entry for entry in lines if entry[1].warehouse == warehouse),
            key=lambda entry: self._walk(warehouse, entry[1].sku),
        )
        tasks: list[Row] = []
        for position, (sale, line) in enumerate(walk, 1):
            home = self.homes.get((warehouse, line.sku.index))
            missing = (
                1 if short and home and not any(task["missing"] for task in tasks) and self._spare(line.sku) else 0
            )
            picked = line.quantity - missing if done else 0
            task = self.draft.add(
                PickTask, started, pick_list_id=pick["id"], position=position, status=TaskStatus.short if missing else outcome,
                warehouse_id=place, order_id=sale.row["id"], order_line_id=line.row["id"], variant_id=line.sku.variant["id"],
                bin_id=home["id"] if home else None, quantity=line.quantity, picked=picked, missing=missing,
            )  # fmt: skip
            tasks.append(task)
            if home and missing:
                task["held_id"] = self._hold_back(line.sku, home, finished)["id"]
            if home and picked:
                self._move(line.sku, warehouse, picked, home, None, BinMoveKind.pick, finished)
                self.fetched[warehouse, line.sku.index] += picked
            if not sale.parcels:
                self.floor[warehouse, line.sku.index] += picked
        return pick, tasks

    def _spare(self, sku: Sku) -> bool:
        """Whether the main warehouse has a unit of it that nobody holds: the order gets that one instead."""
        on_hand, reserved, damaged = (
            counts[MAIN][sku.index] for counts in (self.stock.on_hand, self.stock.reserved, self.stock.damaged)
        )
        return on_hand - reserved - damaged > 0

    def _hold_back(self, sku: Sku, home: Row, at: datetime) -> Row:
        """A unit that was not there is not for sale until somebody counts."""
        self.stock.reserved[MAIN][sku.index] += 1
        return self.draft.add(
            Reservation, at, status=ReservationStatus.active, reason=ReservationReason.quality, quantity=1,
            warehouse_id=home["warehouse_id"], variant_id=sku.variant["id"],
            note=f"Not found in {home['code']}; held back until it is counted.",
        )  # fmt: skip

    def _walk(self, warehouse: int, sku: Sku) -> int:
        home = self.homes.get((warehouse, sku.index))
        return home["walk"] if home else 1_000_000

    def _package(self, sale: Sale, lines: list[SaleLine], warehouse: int, at: datetime, shipment: Row | None) -> None:
        grams = sum((line.sku.variant["weight_grams"] or 500) * line.quantity for line in lines)
        package = self.draft.add(
            Package, at, order_id=sale.row["id"], warehouse_id=self.catalogue.warehouses[warehouse]["id"],
            fulfilment_id=shipment["id"] if shipment else None, weight_grams=grams + 180, packed_by=PICKER, packed_at=at,
            status=PackageStatus.handed_over if shipment else PackageStatus.sealed, **BOX,
        )  # fmt: skip
        for line in lines:
            self.draft.add(
                PackageLine, at, package_id=package["id"], order_line_id=line.row["id"], quantity=line.quantity
            )

    def _count(self) -> None:
        """Last evening's round: five bins, as the books had them."""
        at = self.draft.at(self.draft.today - timedelta(days=1), 18 * 3600)
        count = self.draft.add(
            StockCount, at, warehouse_id=self.catalogue.warehouses[MAIN]["id"], actor=PICKER, counted_at=at
        )
        lying = [row for row in self.draft.rows["bin_stock"] if row["warehouse_id"] == count["warehouse_id"]]
        for row in self.rng.sample(lying, min(5, len(lying))):
            self.draft.add(
                StockCountLine, at, count_id=count["id"], bin_id=row["bin_id"], variant_id=row["variant_id"],
                expected=row["quantity"], counted=row["quantity"],
            )  # fmt: skip
