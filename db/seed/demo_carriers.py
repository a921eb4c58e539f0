"""The demo shop's carriers: one for homes and pick-up points, one that is quick, one for the rest of Europe."""

from datetime import date, time, timedelta
from typing import Any

from db.models.transport import Carrier, CarrierRate, FulfilmentStatus, Manifest, Pickup
from db.seed.demo_catalogue import DAYS
from db.seed.draft import Draft, Row

FROM = ["FR", "ES"]
BREAKS = (500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000)  # grams
ZONES: dict[str, tuple[list[str], list[str]]] = {
    "france": (["FR"], []), "neighbours": (["BE", "NL", "LU", "DE", "ES", "IT", "PT"], []),
    "europe": (["AT", "SE", "PL", "DK", "FI", "IE", "CZ"], []), "customs": (["CH", "GB", "NO"], []),
}  # fmt: skip
CORSICA: dict[str, tuple[list[str], list[str]]] = {"corsica": (["FR"], ["20"])}
FUEL = {"name": "fuel", "percent": "6.5"}
LONG = {"name": "long parcel", "amount": 900, "over_mm": 1_200}
REMOTE = {"name": "remote area", "amount": 450, "countries": ["FR"], "postcodes": ["20", "05100", "29990"]}

Priced = dict[tuple[str, str], tuple[int, int, int, int]]
Offered = dict[str, tuple[str, list[int], int, int]]
Terms = tuple[str, str, time, list[int], Offered, dict[str, tuple[list[str], list[str]]], list[dict[str, Any]], Priced]

# code: name, letters, cut-off, pick-up days, services (code: name, days of delivery, grams and millimetres at most),
# zones, surcharges, and prices: service, zone: base, per kilogram, days at least and at most
CARRIERS: dict[str, Terms] = {
    "colivia": (
        "Colivia", "CO", time(16), [1, 2, 3, 4, 5],
        {"home": ("Home", [1, 2, 3, 4, 5, 6], 30_000, 1_500), "point": ("Pick-up point", [1, 2, 3, 4, 5, 6], 20_000, 1_000)},
        CORSICA | ZONES, [],
        {
            ("home", "france"): (420, 55, 2, 3), ("home", "corsica"): (690, 80, 3, 5), ("home", "neighbours"): (790, 95, 3, 6),
            ("home", "europe"): (990, 130, 4, 8), ("point", "france"): (310, 45, 3, 4), ("point", "neighbours"): (520, 70, 4, 6),
        },
    ),
    "rapidex": (
        "Rapidex", "RA", time(17, 30), [1, 2, 3, 4, 5],
        {"parcel": ("Parcel", [1, 2, 3, 4, 5], 30_000, 2_000), "express": ("Express", [1, 2, 3, 4, 5, 6], 20_000, 1_200)},
        ZONES, [FUEL, REMOTE],
        {
            ("parcel", "france"): (480, 58, 1, 2), ("parcel", "neighbours"): (510, 60, 1, 3),
            ("parcel", "europe"): (860, 105, 2, 4), ("parcel", "customs"): (1_290, 160, 3, 6),
            ("express", "france"): (980, 110, 1, 1), ("express", "neighbours"): (1_650, 190, 1, 1),
            ("express", "europe"): (2_150, 240, 1, 2),
        },
    ),
    "nordlink": (
        "Nordlink", "NO", time(14), [1, 3, 5],
        {"europe": ("Europe", [1, 2, 3, 4, 5], 30_000, 1_750)},
        ZONES, [LONG],
        {
            ("europe", "france"): (560, 62, 3, 4), ("europe", "neighbours"): (690, 80, 3, 5), ("europe", "europe"): (740, 88, 3, 5),
            ("europe", "customs"): (1_080, 140, 4, 7),
        },
    ),
}  # fmt: skip
HOLIDAYS = ("01-01", "05-01", "05-08", "07-14", "08-15", "11-01", "11-11", "12-25")


def write_carriers(draft: Draft) -> dict[str, Row]:
    """The carriers by their codes, with their prices. Their parcels travel by themselves."""
    opened = draft.at(draft.today - timedelta(days=DAYS + 30), 10 * 3600)
    holidays = [f"{year}-{day}" for year in range(draft.today.year - 1, draft.today.year + 2) for day in HOLIDAYS]
    carriers: dict[str, Row] = {}
    for code, (name, letters, cutoff, days, services, zones, surcharges, prices) in CARRIERS.items():
        row = draft.add(
            Carrier, opened, code=code, name=name, countries=FROM, currency="EUR",
            tracking_prefix=letters, volumetric_divisor=5_000, cutoff=cutoff, pickup_days=days, holidays=holidays,
            services=[
                {"code": key, "name": called, "delivery_days": weekdays, "max_grams": grams, "max_mm": longest}
                for key, (called, weekdays, grams, longest) in services.items()
            ],
            zones=[{"code": zone, "countries": to, "postcodes": codes} for zone, (to, codes) in zones.items()],
            surcharges=surcharges, simulated=True,
        )  # fmt: skip
        for (service, zone), (base, per_kilogram, fastest, slowest) in prices.items():
            for grams in (grams for grams in BREAKS if grams <= services[service][2]):
                draft.add(
                    CarrierRate, opened, carrier_id=row["id"], service=service, zone=zone, up_to_grams=grams,
                    price=base + per_kilogram * grams // 1_000, days_min=fastest, days_max=slowest,
                )  # fmt: skip
        carriers[code] = row
    return carriers


def hand_over(draft: Draft, carrier: Row, warehouse: Row) -> None:
    """What the carrier took over at the warehouse on its last round, on one list."""
    theirs = [
        row
        for row in draft.rows["fulfilments"]
        if row["carrier_id"] == carrier["id"]
        and row["warehouse_id"] == warehouse["id"]
        and row["shipped_at"] < draft.now
    ]
    day = draft.day_of(max(row["shipped_at"] for row in theirs))
    taken = [row for row in theirs if draft.day_of(row["shipped_at"]) == day]
    manifest = draft.add(
        Manifest, max(row["shipped_at"] for row in taken), carrier_id=carrier["id"], warehouse_id=warehouse["id"],
        parcels=len(taken), weight_grams=sum(row["weight_grams"] for row in taken),
    )  # fmt: skip
    for row in taken:
        row["manifest_id"] = manifest["id"]
        if row["status"] is FulfilmentStatus.label_purchased:
            row["status"] = FulfilmentStatus.manifested


def order_pickup(draft: Draft, carrier: Row, warehouse: Row) -> None:
    """The carrier comes on its next day."""
    day: date = draft.today
    while day.isoweekday() not in carrier["pickup_days"] or day.isoformat() in carrier["holidays"]:
        day += timedelta(days=1)
    draft.add(
        Pickup, draft.now, carrier_id=carrier["id"], warehouse_id=warehouse["id"], day=day,
        ready_from=time(15), ready_until=time(18), parcels=12, weight_grams=19_400,
    )  # fmt: skip
