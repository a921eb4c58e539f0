"""Handing parcels over: what waits for a carrier, and the list that its driver signs."""

from typing import NamedTuple

from pydantic import Field
from sqlalchemy import ColumnElement, func, select

from db.models.transport import Carrier, Fulfilment, FulfilmentStatus, Manifest
from db.models.warehouse import Warehouse
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, Conflict
from tools.contract.fields import CarrierRef, WarehouseRef
from tools.rules.lookup import find_warehouse
from tools.transport.carriers import find_carrier, refuse_inactive
from tools.transport.quotes import NoWarehouse, first_warehouse

MOST = 1_000  # parcels on a manifest
READY = FulfilmentStatus.label_purchased


class NothingToHandOver(Conflict):
    """No parcel waits for that carrier there."""

    hint = "list_shipments with the state label_purchased shows what is ready."


class CreateManifest(Input):
    carrier: CarrierRef = Field(description="The carrier: `CAR-1001`, its code or its name.")
    warehouse: WarehouseRef | None = Field(
        default=None, description="Where the parcels are handed over; the first open one unless said."
    )


class ManifestLine(Result):
    """A shipment that is handed over."""

    reference: str = Field(description="The shipment's reference.")
    tracking_number: str = Field(description="The number on its label.")
    parcels: int = Field(description="How many parcels it is.")
    weight_grams: int = Field(description="What they weigh together, in grams.")


class ManifestCreated(Result):
    """What the carrier takes over."""

    reference: str = Field(description="The manifest's reference, such as `MAN-1001`.")
    carrier: str = Field(description="The carrier's code.")
    warehouse: str = Field(description="The warehouse's name.")
    parcels: int = Field(description="How many parcels it takes.")
    weight_grams: int = Field(description="What they weigh together, in grams.")
    shipments: list[ManifestLine] = Field(description="The shipments, by reference.")


@tool(
    route="POST /carriers/{carrier}/manifests",
    effect=Effect.goods,
    permission="transport:write",
    raises=[Ambiguous, NoWarehouse, NothingToHandOver],
    examples=["Make the manifest for Colivia", "Close the day for Rapidex in Lille"],
)
async def create_manifest(ctx: Context, args: CreateManifest) -> ManifestCreated:
    """List all parcels that a carrier takes over at a warehouse now, to be signed.

    From then on they count as handed over on paper: each is on one manifest. The carrier's first scan says that it has them.
    """
    carrier, place = await who_and_where(ctx, args.carrier, args.warehouse, active=False)
    query = (
        select(Fulfilment)
        .where(*waiting(ctx, carrier, place))
        .order_by(Fulfilment.id)
        .limit(MOST)
        .with_for_update(key_share=True, skip_locked=True)
    )
    shipments = list((await ctx.db.scalars(query)).all())
    if not shipments:
        raise NothingToHandOver(f"No parcel waits for {carrier.name} in {place.name}.")
    parcels, grams = sum(len(one.parcels) or 1 for one in shipments), sum(one.weight_grams or 0 for one in shipments)
    manifest = await ctx.add(
        Manifest, carrier_id=carrier.id, warehouse_id=place.id, parcels=parcels, weight_grams=grams
    )
    for shipment in shipments:
        ctx.edit(shipment, None, manifest_id=manifest.id)
        ctx.move(shipment, FulfilmentStatus.manifested, order_id=shipment.order_id, manifest=manifest.reference)
    ctx.tell(f"{carrier.name} takes over {words.count(parcels, 'parcel')} ({words.grams(grams)}) in {place.name}.")
    named = words.listed(one.reference for one in shipments)
    ctx.tell(f"On the manifest: {named}.")
    lines = [
        ManifestLine(
            reference=one.reference, tracking_number=one.tracking_number or "", parcels=len(one.parcels) or 1,
            weight_grams=one.weight_grams or 0,
        )
        for one in shipments
    ]  # fmt: skip
    return ManifestCreated(
        reference=manifest.reference, carrier=carrier.code, warehouse=place.name, parcels=parcels, weight_grams=grams,
        shipments=lines,
    )  # fmt: skip


async def who_and_where(
    ctx: Context, carrier: str, warehouse: str | None, *, active: bool = True
) -> tuple[Carrier, Warehouse]:
    found = await find_carrier(ctx, carrier)
    if active:
        refuse_inactive(found)
    return found, await find_warehouse(ctx, warehouse) if warehouse else await first_warehouse(ctx)


class Ready(NamedTuple):
    """What waits for a carrier at a place; `theirs` is one of the parcels by its name at the carrier's connector."""

    parcels: int
    grams: int
    theirs: str | None


def waiting(ctx: Context, carrier: Carrier, place: Warehouse) -> tuple[ColumnElement[bool], ...]:
    return (
        Fulfilment.merchant_id == ctx.merchant.id,
        Fulfilment.status == READY,
        Fulfilment.carrier_id == carrier.id,
        Fulfilment.warehouse_id == place.id,
    )


async def ready_for(ctx: Context, carrier: Carrier, place: Warehouse) -> Ready:
    theirs = func.min(Fulfilment.connector_reference)
    query = select(func.count(), func.sum(Fulfilment.weight_grams), theirs).where(*waiting(ctx, carrier, place))
    (row,) = (await ctx.db.execute(query)).all()
    return Ready(row[0], row[1] or 0, row[2])
