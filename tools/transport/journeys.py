"""What a carrier's events come to: the same, in whichever order they arrive."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from db.models.transport import FulfilmentStatus, TrackingCode
from tools.contract.fields import Synonyms

FINAL = frozenset({FulfilmentStatus.delivered, FulfilmentStatus.returned_to_sender})
# What a parcel is after an event. A carrier's own cancellation, and what it cannot name, say nothing of where it is.
BECOMES = {
    TrackingCode.picked_up: FulfilmentStatus.picked_up,
    TrackingCode.in_transit: FulfilmentStatus.in_transit,
    TrackingCode.on_hold: FulfilmentStatus.on_hold,
    TrackingCode.out_for_delivery: FulfilmentStatus.out_for_delivery,
    TrackingCode.ready_for_pickup: FulfilmentStatus.ready_for_pickup,
    TrackingCode.delivery_delayed: FulfilmentStatus.delayed,
    TrackingCode.delivery_failed: FulfilmentStatus.delivery_failed,
    TrackingCode.delivered: FulfilmentStatus.delivered,
    TrackingCode.return_to_sender: FulfilmentStatus.returned_to_sender,
}
CODE_WORDS = Synonyms(
    {
        "pending": ("announced", "label created", "pre-transit"),
        "picked_up": ("collected", "accepted", "handed over"),
        "in_transit": ("on its way", "left the depot", "sorted"),
        "on_hold": ("held", "at customs"),
        "out_for_delivery": ("on the van",),
        "ready_for_pickup": ("at the pick-up point", "to be collected"),
        "delivery_delayed": ("delayed", "late"),
        "delivery_failed": ("nobody home", "could not be delivered", "attempted"),
        "delivered": ("arrived", "handed to the customer"),
        "return_to_sender": ("sent back", "refused", "returned"),
        "cancelled": ("voided by the carrier",),
        "unknown": ("unclear",),
    }
)


class Scan(NamedTuple):
    """An event, by the carrier's clock."""

    code: TrackingCode
    occurred_at: datetime


class Standing(NamedTuple):
    """Where the events leave a parcel: no status where they say nothing; `stray` are those after its end."""

    status: FulfilmentStatus | None
    delivered_at: datetime | None
    stray: int


def standing(scans: Iterable[Scan]) -> Standing:
    """The last event by the carrier's clock counts, until one is final."""
    status: FulfilmentStatus | None = None
    delivered_at, stray = None, 0
    for scan in sorted(scans, key=lambda scan: (scan.occurred_at, list(TrackingCode).index(scan.code))):
        if status in FINAL:
            stray += 1
        elif scan.code in BECOMES:
            status = BECOMES[scan.code]
            delivered_at = scan.occurred_at if status is FulfilmentStatus.delivered else None
    return Standing(status, delivered_at, stray)
