"""Goods at a warehouse's door, from a supplier or from another warehouse: booked by the rules of either, and where they go."""

from collections.abc import Mapping, Sequence
from typing import Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from db.models.inventory import PurchaseOrder, PurchaseOrderStatus, Transfer, TransferStatus
from db.models.warehouse import Warehouse
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict
from tools.contract.fields import PurchaseOrderRef, Text, TransferRef, VariantRef, WarehouseRef
from tools.inventory.costs import CostInAnotherCurrency
from tools.inventory.receiving import MoreThanOrdered, NotOrdered, ReceivePurchaseOrder, receive_purchase_order
from tools.inventory.transfers import MoreThanSent, NotInTransfer, ReceiveTransfer, receive_transfer
from tools.rules.lookup import find_variants, find_warehouse
from tools.rules.places import WarehouseClosed
from tools.warehouse.moving import roomy_bins

MOST = 1_000_000


class GoesElsewhere(Conflict):
    """What came is meant for another warehouse."""

    hint = "Receive it where it was sent, then send it on with transfer_stock."


class UnitsCame(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"sku": "MUG-BLUE", "received": 58, "damaged": 2}]})

    sku: VariantRef = Field(description="A variant, by SKU such as `MUG-BLUE`.")
    received: int = Field(default=0, ge=0, le=MOST, description="Units that came in good order.")
    damaged: int = Field(default=0, ge=0, le=MOST, description="Units that came damaged: on hand, not for sale.")
    lost: int = Field(default=0, ge=0, le=MOST, description="Of a transfer: units that will not come any more.")

    @model_validator(mode="after")
    def says_something(self) -> Self:
        if not self.received + self.damaged + self.lost:
            raise ValueError("Say how many units were received, damaged or lost.")
        return self


class ReceiveInbound(Input):
    warehouse: WarehouseRef = Field(description="The warehouse at whose door it is, by reference, code or name.")
    purchase_order: PurchaseOrderRef | None = Field(
        default=None, description="The purchase order that it came with, such as `PO-1001`."
    )
    transfer: TransferRef | None = Field(default=None, description="Or the transfer, such as `TRF-1003`.")
    lines: list[UnitsCame] | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="What came. Omit: all that was still to come, in good order.",
    )
    complete: bool = Field(default=False, description="Of a purchase order: nothing more will come.")
    note: Text | None = Field(default=None, description="Of a purchase order: what a colleague should know.")

    @model_validator(mode="after")
    def came_with_one(self) -> Self:
        if (self.purchase_order is None) == (self.transfer is None):
            raise ValueError("Give `purchase_order` or `transfer`: what it came with.")
        if self.purchase_order and any(line.lost for line in self.lines or []):
            raise ValueError("What a supplier did not bring is not lost: say `complete` when nothing more will come.")
        if self.transfer and (self.complete or self.note):
            raise ValueError("`complete` and `note` go with a purchase order; of a transfer, say what was `lost`.")
        return self


class ReceivedLine(Result):
    """Units of a variant that came."""

    sku: str = Field(description="The variant's SKU.")
    received: int = Field(description="Units that came in good order.")
    damaged: int = Field(description="Units that came damaged.")
    lost: int = Field(description="Units that will not come any more.")
    still_to_come: int = Field(description="Units that are still on their way.")
    bin: str | None = Field(description="Where to put them: the bin with room; null: none has any.")


class InboundReceived(Result):
    """What came, and where it goes."""

    warehouse: str = Field(description="The warehouse's reference.")
    subject: str = Field(description="The purchase order or transfer.")
    status: PurchaseOrderStatus | TransferStatus = Field(description="How far that is.")
    lines: list[ReceivedLine] = Field(description="What came: on the floor now, to be put away.")


@tool(
    room="warehouse",
    route="POST /warehouses/{warehouse}/receipts",
    effect=Effect.write,
    permission="warehouse:write",
    raises=[
        CostInAnotherCurrency, GoesElsewhere, MoreThanOrdered, MoreThanSent, NotInTransfer, NotOrdered, WarehouseClosed,
    ],
    examples=["PO-1007 is at the door in Lyon, all complete", "TRF-1003 came to Lille: 18 MUG-BLUE, 2 broken"],
)  # fmt: skip
async def receive_inbound(ctx: Context, args: ReceiveInbound) -> InboundReceived:
    """Book goods at a warehouse's door, and say into which bins they go.

    They come with a purchase order or a transfer. What came lies on the floor until put_away; damaged units are on hand and
    not for sale.
    """
    warehouse = await find_warehouse(ctx, args.warehouse)
    if args.purchase_order:
        subject, status, left = await _bought(ctx, args, args.purchase_order, warehouse)
    else:
        subject, status, left = await _sent(ctx, args, str(args.transfer), warehouse)
    came = _settled(ctx, args)
    return await _shown(ctx, warehouse, subject, status, came, left)


Booked = tuple[str, PurchaseOrderStatus | TransferStatus, Mapping[str, int]]  # and what is still to come, by SKU


async def _bought(ctx: Context, args: ReceiveInbound, reference: str, warehouse: Warehouse) -> Booked:
    order = await ctx.find(PurchaseOrder, reference)
    await _refuse_elsewhere(ctx, order.reference, order.warehouse_id, warehouse)
    lines = [line.model_dump(exclude={"lost"}) for line in args.lines] if args.lines else None
    wanted = {"purchase_order": reference, "lines": lines, "complete": args.complete, "note": args.note}
    detail = await receive_purchase_order(ctx, ReceivePurchaseOrder.model_validate(wanted))
    return detail.reference, detail.status, {line.sku: line.outstanding for line in detail.lines}


async def _sent(ctx: Context, args: ReceiveInbound, reference: str, warehouse: Warehouse) -> Booked:
    transfer = await ctx.find(Transfer, reference)
    await _refuse_elsewhere(ctx, transfer.reference, transfer.to_warehouse_id, warehouse)
    lines = [line.model_dump() for line in args.lines] if args.lines else None
    detail = await receive_transfer(ctx, ReceiveTransfer.model_validate({"transfer": reference, "lines": lines}))
    return detail.reference, detail.status, {line.sku: line.in_transit for line in detail.lines}


async def _refuse_elsewhere(ctx: Context, subject: str, warehouse_id: UUID, here: Warehouse) -> None:
    if warehouse_id != here.id:
        there = await ctx.db.get_one(Warehouse, {"merchant_id": ctx.merchant.id, "id": warehouse_id})
        raise GoesElsewhere(f"{subject} goes to {there.name} ({there.reference}), not to {here.name}.")


def _settled(ctx: Context, args: ReceiveInbound) -> Sequence[UnitsCame]:
    """What came: as it was said, else as the receipt settled it, and then it stands on the card as numbers."""
    settled = ctx.settled
    if args.lines or not isinstance(settled, ReceivePurchaseOrder | ReceiveTransfer):
        return args.lines or []
    lines = [UnitsCame.model_validate(line.model_dump()) for line in settled.lines or []]
    ctx.settled = args.model_copy(update={"lines": lines})
    return lines


async def _shown(
    ctx: Context,
    warehouse: Warehouse,
    subject: str,
    status: PurchaseOrderStatus | TransferStatus,
    came: Sequence[UnitsCame],
    left: Mapping[str, int],
) -> InboundReceived:
    variants = await find_variants(ctx, [line.sku for line in came])
    rooms = await roomy_bins(ctx, warehouse, [variant.id for variant in variants])
    lines: list[ReceivedLine] = []
    for variant, line in zip(variants, came, strict=True):
        best = rooms.best(variant.id)
        lines.append(
            ReceivedLine(
                sku=variant.sku,
                received=line.received,
                damaged=line.damaged,
                lost=line.lost,
                still_to_come=left[variant.sku],
                bin=best[0].code if best else None,
            )
        )
    return InboundReceived(warehouse=warehouse.reference, subject=subject, status=status, lines=lines)
