"""Carriers report here what happens to parcels; and the demo's carriers, whose parcels travel by themselves.

Who reports is known by the address alone: the shop, the carrier's code and a secret stand in it, and the database has the secret's
SHA-256. An event that comes twice is one key, and counts once.
"""

import contextlib
import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from db.models.transport import TrackingCode
from tools.contract.actors import Caller, Door, Hand, Proof, digest_of
from tools.contract.call import call
from tools.contract.errors import NotFound, ShopError
from tools.contract.shop import Shop
from tools.flows.record_tracking import TrackingRecorded, record_tracking_event

COLLECTED, SORTED = timedelta(hours=1), timedelta(hours=11)  # after a parcel left: as the demo's seed has it
AT_ONCE = 200  # parcels that travel in a minute


class _Carrier(NamedTuple):
    id: UUID


async def report(shop: Shop, endpoint: str, event: Mapping[str, Any]) -> TrackingRecorded:
    """An event from a carrier. Raises `NotFound` for an address that is nobody's, and what the shop refuses."""
    merchant, code, secret = _read(endpoint)
    async with shop.database.transaction(merchant, read_only=True) as sql:
        query = "select id from carriers where merchant_id = %s and code = %s and endpoint_hash = %s"
        if await sql.row(query, (merchant, code, digest_of(secret)), as_=_Carrier) is None:
            raise _nobodys()
    key = hashlib.sha256(repr(sorted(event.items())).encode()).hexdigest()
    outcome = await call(
        shop, record_tracking_event, event, _carrier(merchant, code), key=f"job:event:{key}", wait=True
    )
    assert outcome.result is not None
    return outcome.result


def _read(endpoint: str) -> tuple[UUID, str, str]:
    try:
        merchant, code, secret = endpoint.split("_", 2)
        return UUID(merchant), code, secret
    except ValueError:
        raise _nobodys() from None


def _nobodys() -> NotFound:
    return NotFound(
        "No carrier reports at this address.", hint="configure_carrier with `new_endpoint` gives a carrier its address."
    )


def _carrier(merchant: UUID, code: str) -> Caller:
    return Caller(merchant, Door.rest, Hand.program, Proof.system, f"carrier:{code}")


# ---- the demo's carriers -------------------------------------------------------------------------------------------------


class Traveller(NamedTuple):
    """A parcel that the demo's carriers have."""

    reference: str
    code: str
    tracking_number: str
    shipped_at: datetime
    promised_at: datetime
    city: str | None
    known: list[str]


_TRAVELLERS = """
select f.reference, c.code, f.tracking_number, f.shipped_at, f.promised_at, f.ship_to ->> 'city' as city,
       array(select e.code::text from tracking_events e where e.merchant_id = %(m)s and e.fulfilment_id = f.id) as known
from fulfilments f join carriers c on c.merchant_id = %(m)s and c.id = f.carrier_id and c.simulated
where f.merchant_id = %(m)s and f.status in ('label_purchased', 'manifested', 'picked_up', 'in_transit', 'out_for_delivery')
  and f.tracking_number is not null and f.shipped_at is not null and f.promised_at is not null
order by f.id limit %(most)s
"""


async def travel(shop: Shop, merchant: UUID) -> None:
    """The demo's parcels are where they should be by now."""
    now = shop.clock()
    async with shop.database.transaction(merchant, read_only=True) as sql:
        parcels = await sql.rows(_TRAVELLERS, {"m": merchant, "most": AT_ONCE}, as_=Traveller)
    for parcel in parcels:
        for event in journey(parcel):
            if event["code"] in parcel.known or event["occurred_at"] > now:
                continue
            with contextlib.suppress(ShopError):  # it was cancelled this moment
                key = f"job:travel:{parcel.reference}:{event['code']}"
                await call(shop, record_tracking_event, event, _carrier(merchant, parcel.code), key=key, wait=True)


def journey(parcel: Traveller) -> list[dict[str, Any]]:
    """What happens to a parcel: drawn from its number, so that it is the same whenever it is asked. One in ten comes late, one in
    250 is not seen again after the sorting centre."""
    drawn = hashlib.sha256(parcel.tracking_number.encode()).digest()
    late = timedelta(days=1 + drawn[1] % 3) if drawn[0] < 26 else timedelta(0)
    arrives = max(
        parcel.promised_at - timedelta(minutes=60 + drawn[2] * 2) + late, parcel.shipped_at + SORTED + COLLECTED
    )
    city = parcel.city or "Lyon"
    events: list[tuple[TrackingCode, datetime, str | None, str]] = [
        (TrackingCode.picked_up, parcel.shipped_at + COLLECTED, None, "Picked up"),
        (TrackingCode.in_transit, parcel.shipped_at + SORTED, None, "Left the sorting centre"),
    ]
    if drawn[3] != 0:
        events += [
            (TrackingCode.out_for_delivery, arrives - timedelta(hours=3), city, "On the van"),
            (TrackingCode.delivered, arrives, city, "Delivered"),
        ]
    return [
        {"shipment": parcel.reference, "code": code, "occurred_at": at, "description": said}
        | ({"place": place} if place else {})
        for code, at, place, said in events
    ]
