"""Papers of a shipment: its label, and what customs want to see."""

from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import Field

from db.models.orders import Order
from db.models.transport import Fulfilment, FulfilmentStatus
from db.models.warehouse import Warehouse
from db.session import Transaction
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, tool
from tools.contract.errors import Ambiguous, Conflict
from tools.contract.fields import ShipmentRef, Synonyms
from tools.contract.files import FileResult, Piece
from tools.transport.customs import customs_lines
from tools.transport.labels import Label, address_lines, pdf, pdf_of_lines, zpl
from tools.transport.shipments import find_shipment


class NoLabel(Conflict):
    """The shipment has no label of this shop's making, or none any more."""

    hint = "A label that was bought elsewhere is printed there. After a void, create_shipment makes a new one."


class LabelElsewhere(Conflict):
    """The label was bought of the carrier, and is printed as it made it."""

    hint = "get_shipment shows where it is (`label_url`)."


class LabelFormat(StrEnum):
    pdf = "pdf"
    zpl = "zpl"


class Paper(StrEnum):
    label = "label"
    customs = "customs"


class NoCustomsPaper(Conflict):
    """Nothing was declared for it."""

    hint = "prepare_customs makes the declaration of a parcel that leaves the customs territory. It is printed as PDF."


PAPER_WORDS = Synonyms({"label": ("sticker", "shipping label"), "customs": ("customs declaration", "cn22", "cn23")})
FORMAT_WORDS = Synonyms({"pdf": ("printable", "paper"), "zpl": ("zebra", "thermal printer", "label printer")})


class GetShippingLabel(Input):
    shipment: ShipmentRef = Field(description="The shipment, such as `SHP-1001`, or its tracking number.")
    format: Annotated[LabelFormat, FORMAT_WORDS] = Field(
        default=LabelFormat.pdf, description="PDF for any printer, ZPL for a thermal printer."
    )
    paper: Annotated[Paper, PAPER_WORDS] = Field(
        default=Paper.label, description="The label, or the customs declaration."
    )


class LabelFile(FileResult):
    """A file as an answer, in the form that was chosen."""

    KINDS: ClassVar[tuple[str, ...]] = ("pdf", "zpl")


@tool(
    route="GET /shipments/{shipment}/label",
    effect=Effect.read,
    permission="transport:read",
    raises=[Ambiguous, LabelElsewhere, NoCustomsPaper, NoLabel],
    examples=["Give me the label of SHP-1012", "Download the label of SHP-1007 for the Zebra printer"],
)
async def get_shipping_label(ctx: Context, args: GetShippingLabel) -> LabelFile:
    """Download a shipment's label, with its barcode, as PDF or ZPL.

    It is the same label each time: what was on it when it was bought. One page for each parcel.
    """
    shipment = await find_shipment(ctx, args.shipment)
    made = await _declaration(ctx, shipment, args) if args.paper is Paper.customs else await _label(ctx, shipment, args)

    async def whole(sql: Transaction, place: Any) -> Piece:
        return Piece(made, None)

    name = f"{shipment.reference}{'-customs' if args.paper is Paper.customs else ''}.{args.format}"
    return LabelFile.of(ctx, get_shipping_label, args, name=name, next_piece=whole)


async def _label(ctx: Context, shipment: Fulfilment, args: GetShippingLabel) -> bytes:
    label = await _label_of(ctx, shipment)
    if shipment.connector_reference is not None:
        raise LabelElsewhere(f"The label of {shipment.reference} was bought of {shipment.carrier}, and lies there.")
    return zpl(label).encode() if args.format is LabelFormat.zpl else pdf(label)


async def _declaration(ctx: Context, shipment: Fulfilment, args: GetShippingLabel) -> bytes:
    if shipment.customs is None or args.format is LabelFormat.zpl:
        raise NoCustomsPaper(f"{shipment.reference} has no customs declaration{' as ZPL' if shipment.customs else ''}.")
    label = await _label_of(ctx, shipment)
    return pdf_of_lines(customs_lines(shipment.customs, label.sender, label.receiver))


async def _label_of(ctx: Context, shipment: Fulfilment) -> Label:
    if shipment.status is FulfilmentStatus.voided:
        raise NoLabel(f"The label of {shipment.reference} is void.")
    if shipment.status is FulfilmentStatus.rated:
        raise NoLabel(f"The label of {shipment.reference} is still being bought.", hint="Ask again in a minute.")
    if shipment.carrier_id is None or shipment.cost is None or shipment.tracking_number is None:
        raise NoLabel(f"{shipment.reference} goes with a label that was not bought here.")
    order = await ctx.db.get_one(Order, {"merchant_id": ctx.merchant.id, "id": shipment.order_id})
    place = await ctx.db.get_one(Warehouse, {"merchant_id": ctx.merchant.id, "id": shipment.warehouse_id})
    sender = {name: getattr(place, name) for name in ("line1", "line2", "postcode", "city", "region", "country")}
    return Label(
        carrier=shipment.carrier, service=shipment.service or "", number=shipment.tracking_number,
        sender=address_lines(sender | {"name": ctx.merchant.name}),
        receiver=address_lines(shipment.ship_to, order.customer_name),
        weights=[parcel["weight_grams"] for parcel in shipment.parcels], shipment=shipment.reference, order=order.reference,
        shipped_at=(shipment.shipped_at or shipment.created_at).astimezone(ctx.merchant.zone),
    )  # fmt: skip
