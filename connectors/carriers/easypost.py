"""EasyPost, over its HTTP API: parcels with prices, labels, refunds of unused labels, pick-ups, trackers, signed webhooks.

A label is bought by the name of its shipment there, and a pick-up by its own. EasyPost knows no idempotency keys; so what is bought
is looked at before, and again when buying it is refused: what has a label is not bought twice.
"""

import hashlib
import hmac
import json
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, cast
from urllib.parse import quote

import httpx

from connectors import NotOurs, Silent
from connectors.carriers import (
    Address,
    Answer,
    Offered,
    Outcome,
    Parcel,
    Price,
    Refused,
    Scan,
    Scanned,
    Told,
    Verified,
    Visit,
    Wanted,
)

API_BASE = "https://api.easypost.com"
PATIENCE = 8.0  # seconds for an answer: less than whoever waits for it gives us
GRAMS_AN_OUNCE, MM_AN_INCH = 28.349523125, 25.4
PREFIX = "hmac-sha256-hex="
# US dollars of a thing, up to which an export from there needs no filing.
EXPORT_LIMIT, EXEMPT = 2_500, "NOEEI 30.37(a)"
LONGEST = 300  # letters of a place or a remark that are kept
Object = dict[str, Any]
_FIELDS = {
    "line1": "street1", "line2": "street2", "postcode": "zip", "region": "state", "city": "city", "country": "country",
    "name": "name", "company": "company", "phone": "phone", "email": "email",
}  # fmt: skip
_STATUSES = {
    "pre_transit": Scanned.pending, "in_transit": Scanned.in_transit, "out_for_delivery": Scanned.out_for_delivery,
    "delivered": Scanned.delivered, "available_for_pickup": Scanned.ready_for_pickup,
    "return_to_sender": Scanned.return_to_sender, "failure": Scanned.delivery_failed, "cancelled": Scanned.cancelled,
}  # fmt: skip
# What a carrier adds to a parcel on its way says more than that it is on its way.
_DETAILS = {
    "received_at_origin_facility": Scanned.picked_up, "delayed": Scanned.delivery_delayed,
    "weather_delay": Scanned.delivery_delayed, "missorted": Scanned.delivery_delayed, "held": Scanned.on_hold,
    "awaiting_information": Scanned.on_hold, "delivery_exception": Scanned.delivery_failed,
}  # fmt: skip
_REFUNDS = {"refunded": Outcome.succeeded, "submitted": Outcome.pending}


class EasyPost:
    name = "easypost"

    def __init__(self, key: str, webhook_secret: str, api_base: str = API_BASE, patience: float = PATIENCE) -> None:
        self._secret = unicodedata.normalize("NFKD", webhook_secret).encode()
        self._http = httpx.AsyncClient(base_url=api_base, auth=(key, ""), timeout=patience)

    async def close(self) -> None:
        await self._http.aclose()

    async def offer(self, wanted: Wanted) -> Offered:
        shipment = {
            "reference": wanted.key, "from_address": _address(wanted.sender), "to_address": _address(wanted.receiver),
            "parcel": _parcel(wanted.parcel),
        } | ({"customs_info": _customs(wanted)} if wanted.declared else {})  # fmt: skip
        return offered_of(await self._send("POST", "/v2/shipments", {"shipment": shipment}))

    async def buy(self, parcel: str, price: str) -> Answer:
        return await self._once(f"/v2/shipments/{quote(parcel, safe='')}", bought_of, {"rate": {"id": price}})

    async def offer_visit(self, visit: Visit) -> Offered:
        pickup = {
            "reference": visit.key, "address": _address(visit.place), "shipment": {"id": visit.parcel},
            "min_datetime": visit.since.isoformat(), "max_datetime": visit.until.isoformat(),
        }  # fmt: skip
        return offered_of(await self._send("POST", "/v2/pickups", {"pickup": pickup}), rates="pickup_rates")

    async def order_visit(self, visit: str, carrier: str, service: str) -> Answer:
        path = f"/v2/pickups/{quote(visit, safe='')}"
        return await self._once(path, coming_of, {"carrier": carrier, "service": service})

    async def _once(self, path: str, read: Callable[[Object], Answer | None], asked: Object) -> Answer:
        """Buy what was offered, unless `read` finds that it was bought."""
        try:
            done = read(await self._send("GET", path)) or read(await self._send("POST", f"{path}/buy", asked))
        except Refused as refused:
            return await self._done_before(path, read, refused)
        if done is None:
            raise Silent("it is not there yet")
        return done

    async def _done_before(self, path: str, read: Callable[[Object], Answer | None], refused: Refused) -> Answer:
        """What it refuses may have been done by a request whose answer was lost."""
        try:
            done = read(await self._send("GET", path))
        except Refused:
            done = None
        return done or Answer(Outcome.failed, code=refused.code, says=refused.says)

    async def take_back(self, parcel: str) -> Answer:
        path = f"/v2/shipments/{quote(parcel, safe='')}"
        try:
            shipment = await self._send("GET", path)
            if shipment.get("refund_status") not in ("submitted", "refunded"):
                shipment = await self._send("POST", f"{path}/refund", {})
        except Refused as refused:
            return Answer(Outcome.failed, code=refused.code, says=refused.says)
        status = str(shipment.get("refund_status"))
        outcome = _REFUNDS.get(status, Outcome.failed)
        return Answer(outcome, shipment.get("tracking_code"), code=None if outcome is not Outcome.failed else status)

    async def verify(self, address: Address) -> Verified:
        return verified_of(await self._send("POST", "/v2/addresses", {"address": _address(address), "verify": True}))

    async def track(self, tracking_number: str, carrier: str) -> Sequence[Scan]:
        tracker = {"tracking_code": tracking_number} | ({"carrier": carrier} if carrier else {})
        return scans_of(await self._send("POST", "/v2/trackers", {"tracker": tracker}))

    def read_event(self, body: bytes, signature: str) -> Told:
        if not hmac.compare_digest(sign(body, self._secret).encode(), signature.encode()):
            raise NotOurs("The event is signed by somebody else.")
        try:
            return told_of(json.loads(body))
        except (ValueError, KeyError, TypeError, AttributeError) as unreadable:
            raise NotOurs("The event cannot be read.") from unreadable

    async def _send(self, method: str, path: str, body: Object | None = None) -> Object:
        """What it answers. Raises `Refused`, or `Silent` for what may have been done or may be done the next time."""
        try:
            answer = await self._http.request(method, path, json=body)
            found = cast(Object, answer.json()) if answer.content else {}
        except (httpx.HTTPError, ValueError) as unknown:
            raise Silent(type(unknown).__name__) from unknown
        if answer.is_success:
            return found
        if answer.status_code >= 500 or answer.status_code in (408, 429):
            raise Silent(f"status {answer.status_code}")
        error = _part(found, "error")
        raise Refused(str(error.get("code") or answer.status_code), why(error))


def sign(body: bytes, secret: bytes) -> str:
    return PREFIX + hmac.new(secret, body, hashlib.sha256).hexdigest()


# ---- what is asked -------------------------------------------------------------------------------------------------------


def _address(address: Address) -> Object:
    given = asdict(address)
    return {theirs: given[ours] for ours, theirs in _FIELDS.items() if given[ours]}


def _parcel(parcel: Parcel) -> Object:
    """Ounces and inches, to a tenth."""
    sides = {"length": parcel.length_mm, "width": parcel.width_mm, "height": parcel.height_mm}
    asked: Object = {name: round(side / MM_AN_INCH, 1) for name, side in sides.items() if side}
    return asked | {"weight": _ounces(parcel.weight_grams)}


def _customs(wanted: Wanted) -> Object:
    """What was sold, for whoever opens the parcel; parcels that nobody takes come back."""
    items = [
        {
            "description": one.description[:LONGEST], "quantity": one.quantity, "value": float(one.value), "currency": one.currency,
            "weight": _ounces(one.weight_grams), "hs_tariff_number": one.hs_code, "origin_country": one.origin,
        }
        for one in wanted.declared
    ]  # fmt: skip
    told: Object = {
        "contents_type": "merchandise", "restriction_type": "none", "non_delivery_option": "return", "customs_certify": True,
        "customs_signer": wanted.sender.name, "customs_items": items,
    }  # fmt: skip
    small = all(one.currency == "USD" and one.value <= EXPORT_LIMIT for one in wanted.declared)
    return told | ({"eel_pfc": EXEMPT} if wanted.sender.country == "US" and small else {})


def _ounces(grams: int) -> float:
    return max(0.1, round(grams / GRAMS_AN_OUNCE, 1))


# ---- what its objects mean -----------------------------------------------------------------------------------------------


def offered_of(offer: Object, rates: str = "rates") -> Offered:
    prices = [price_of(rate) for rate in _list(offer, rates)]
    said = [f"{one.get('carrier')}: {one.get('message')}" for one in _list(offer, "messages") if one.get("message")]
    return Offered(str(offer["id"]), prices, "; ".join(said)[:LONGEST] or None)


def verified_of(address: Object) -> Verified:
    """It may call an address a success and name an error all the same; what it names is the matter."""
    delivery = _part(_part(address, "verifications"), "delivery")
    ours = {theirs: name for name, theirs in _FIELDS.items()}
    problems = [
        (ours.get(str(one.get("field")), "line1"), str(one.get("message"))[:LONGEST])
        for one in _list(delivery, "errors")
    ]
    if problems or not delivery.get("success"):
        return Verified(None, problems or [("line1", "It does not know it.")])
    return Verified(Address(**{name: str(address.get(theirs) or "") for name, theirs in _FIELDS.items()}))


def price_of(rate: Object) -> Price:
    days = rate.get("delivery_days") or rate.get("est_delivery_days")
    return Price(
        str(rate["id"]), str(rate["carrier"]), str(rate["service"]), Decimal(str(rate["rate"])),
        str(rate["currency"]).upper(), int(days) if days else None,
    )  # fmt: skip


def bought_of(shipment: Object) -> Answer | None:
    """The label of a shipment; None while it has none."""
    label, number = _part(shipment, "postage_label"), shipment.get("tracking_code")
    if not label or not number:
        return None
    rate = _part(shipment, "selected_rate")
    url = label.get("label_pdf_url") or label.get("label_url")
    return Answer(
        Outcome.succeeded, str(number), _amount(rate.get("rate")), str(rate.get("currency") or "").upper() or None, url
    )


def coming_of(pickup: Object) -> Answer | None:
    """Whether the carrier comes; None while it was not told to. One that somebody called off there is not ordered again."""
    if pickup.get("status") == "canceled":
        return Answer(Outcome.failed, code="canceled", says="It was called off there.")
    if pickup.get("status") != "scheduled":
        return None
    return Answer(Outcome.succeeded, confirmation=str(pickup["confirmation"]) if pickup.get("confirmation") else None)


def scans_of(tracker: Object) -> list[Scan]:
    """What happened to a parcel. Scans of one kind at one instant are one."""
    found: dict[tuple[Scanned, datetime], Scan] = {}
    for one in _list(tracker, "tracking_details"):
        if one.get("datetime"):
            scan = _scan(one)
            found.setdefault((scan.code, scan.at), scan)
    return list(found.values())


def _scan(one: Object) -> Scan:
    place = _part(one, "tracking_location")
    where = ", ".join(str(place[name]) for name in ("city", "state", "country") if place.get(name))
    at = datetime.fromisoformat(str(one["datetime"]))
    return Scan(
        code_of(str(one.get("status")), str(one.get("status_detail"))),
        at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC),
        where[:LONGEST] or None,
        str(one.get("message") or one.get("description") or "")[:LONGEST] or None,
    )


def code_of(status: str, detail: str) -> Scanned:
    """EasyPost's status in our words; what it does not know itself, and what is new to us, is unknown."""
    if status in ("in_transit", "unknown", "error") and detail in _DETAILS:
        return _DETAILS[detail]
    return _STATUSES.get(status, Scanned.unknown)


def told_of(event: Object) -> Told:
    """An event in our words; of what is of no account here, that it came."""
    kind, thing = str(event["description"]), _part(event, "result")
    name = str(event["id"])
    if kind.startswith("tracker."):
        number = thing.get("tracking_code")
        return Told(name, str(number) if number else None, thing.get("shipment_id"), scans_of(thing))
    if kind.startswith("refund."):
        outcome = {"refunded": Outcome.succeeded, "rejected": Outcome.failed}.get(str(thing.get("status")))
        return Told(name, thing.get("tracking_code"), thing.get("shipment_id"), refund=outcome)
    return Told(name)


def _amount(written: Any) -> Decimal | None:
    try:
        return Decimal(str(written))
    except InvalidOperation:
        return None


def _part(thing: Object, name: str) -> Object:
    found = thing.get(name)
    return cast(Object, found) if isinstance(found, dict) else {}


def _list(thing: Object, name: str) -> Iterable[Object]:
    found = thing.get(name)
    listed = cast(list[Any], found) if isinstance(found, list) else []
    return [cast(Object, one) for one in listed if isinstance(one, dict)]


def why(error: Object) -> str:
    """Its message, and the fields that it names; errors come as objects or as bare texts."""
    more: list[str] = []
    for one in cast(list[Any], error.get("errors") or ()):
        if isinstance(one, dict):
            named = cast(Object, one)
            more.append(f"{named.get('field') or ''} {named.get('message') or ''}".strip())
        else:
            more.append(str(one))
    said = str(error.get("message") or "it says no more")
    return (f"{said} ({'; '.join(more)})" if more else said)[:LONGEST]
