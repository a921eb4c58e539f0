"""Sending a parcel elsewhere while it is under way: to another address, or back."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from db.models.transport import Carrier, Fulfilment, FulfilmentStatus
from db.models.warehouse import Warehouse
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, tool
from tools.contract.errors import Ambiguous, Conflict, Invalid, StaleVersion
from tools.contract.fields import Country, ShipmentRef, Text
from tools.contract.outside import outside
from tools.transport.addresses import Severity, check
from tools.transport.carriers import rates_of, terms_of
from tools.transport.rating import Destination, zone_of
from tools.transport.shipments import ShipmentDetail, detail, find_shipment

UNDER_WAY = frozenset(
    {
        FulfilmentStatus.label_purchased, FulfilmentStatus.manifested, FulfilmentStatus.picked_up, FulfilmentStatus.in_transit,
        FulfilmentStatus.on_hold, FulfilmentStatus.delayed, FulfilmentStatus.delivery_failed, FulfilmentStatus.ready_for_pickup,
    }
)  # fmt: skip
Line = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class RerouteTooLate(Conflict):
    """It is on the van, has arrived, or never leaves."""

    hint = "Call the carrier's driver desk; what arrived can only be sent back by the customer (request_return)."


class AddressNotDeliverable(Invalid):
    """A parcel cannot reach that address as it is written."""

    hint = "validate_address says what to mend."


class AnotherZone(Conflict):
    """The carrier charges another price there, which was not bought."""

    hint = "Have it sent back (`to_sender`), and ship it anew to that address."


class RerouteShipment(Input):
    shipment: ShipmentRef = Field(description="The shipment, such as `SHP-1001`, or its tracking number.")
    to_sender: bool = Field(
        default=False, description="True has it brought back to the warehouse; then no address is needed."
    )
    name: Line | None = Field(default=None, description="Who receives it; omit for the same person.")
    line1: Line | None = Field(default=None, description="Street and number.")
    line2: Line | None = Field(default=None, description="What else the driver needs.")
    postcode: Line | None = Field(default=None, description="Postcode.")
    city: Line | None = Field(default=None, description="Town.")
    region: Line | None = Field(default=None, description="State or region, where the country has them in addresses.")
    country: Country | None = Field(default=None, description="ISO 3166 alpha-2; omit for the same country.")
    note: Text | None = Field(default=None, description="What the carrier should know.")
    version: int | None = Field(
        default=None, description="The shipment's version that was read; a later one is refused."
    )


@tool(
    route="POST /shipments/{shipment}/reroute",
    effect=Effect.outside,
    permission="transport:write",
    raises=[AddressNotDeliverable, Ambiguous, AnotherZone, RerouteTooLate, StaleVersion],
    examples=["Have SHP-1012 brought back to us", "Send SHP-1007 to 8 quai Rambaud, 69002 Lyon instead"],
)
async def reroute_shipment(ctx: Context, args: RerouteShipment) -> ShipmentDetail:
    """Send a parcel that is under way to another address, or have it brought back.

    The new address is in the same zone; the order keeps its own. A carrier with tables of the shop's own is told by nobody:
    call it.
    """
    found = await find_shipment(ctx, args.shipment)
    shipment = await ctx.find(Fulfilment, found.reference, for_update=True)
    if shipment.status not in UNDER_WAY:
        raise RerouteTooLate(f"{shipment.reference} is {words.word(shipment.status)}.")
    address = await _back(ctx, shipment) if args.to_sender else _elsewhere(args, shipment)
    if not args.to_sender:
        await _refuse_other_zone(ctx, shipment, address)

    ctx.edit(shipment, args.version, ship_to=address)
    ctx.event("rerouted", shipment, order_id=shipment.order_id, to_sender=args.to_sender, note=args.note)
    to = "back to us" if args.to_sender else f"to {outside(address['line1'])}, {outside(address['city'])}"
    ctx.tell(f"{shipment.reference} ({shipment.carrier}) goes {to}, and not where its label says.")
    if args.note:
        ctx.tell(f"For the carrier: “{words.quoted(args.note)}”")
    return await detail(ctx, shipment.id)


def _elsewhere(args: RerouteShipment, shipment: Fulfilment) -> dict[str, Any]:
    before = shipment.ship_to
    parts = {name: getattr(args, name) for name in ("line1", "line2", "postcode", "city", "region")}
    country = args.country or before.get("country") or ""
    problems, postcode = check(country, parts)
    wrong = [problem.message for problem in problems if problem.severity is Severity.wrong]
    if wrong:
        raise AddressNotDeliverable(" ".join(wrong))
    name = args.name or before.get("name")
    given = parts | {"postcode": postcode, "country": country, "name": name, "phone": before.get("phone")}
    return {key: value for key, value in given.items() if value}


async def _back(ctx: Context, shipment: Fulfilment) -> dict[str, Any]:
    place = await ctx.db.get_one(Warehouse, {"merchant_id": ctx.merchant.id, "id": shipment.warehouse_id})
    parts = {name: getattr(place, name) for name in ("line1", "line2", "postcode", "city", "region", "country")}
    return {key: value for key, value in (parts | {"name": ctx.merchant.name}).items() if value}


async def _refuse_other_zone(ctx: Context, shipment: Fulfilment, address: dict[str, Any]) -> None:
    if shipment.carrier_id is None:
        return
    carrier = await ctx.db.get_one(Carrier, {"merchant_id": ctx.merchant.id, "id": shipment.carrier_id})
    terms = terms_of(carrier, await rates_of(ctx, [carrier.id]))
    before, after = (
        zone_of(terms, Destination(one.get("country", ""), one.get("postcode", "")))
        for one in (shipment.ship_to, address)
    )
    if before != after:
        here, there = (zone.code if zone else "none" for zone in (before, after))
        raise AnotherZone(f"{carrier.name} was paid for its zone {here}, and the address is in {there}.")
