"""Corrections of stock: breakage, theft, counts, mistakes."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from db.models.inventory import AdjustmentReason, MovementKind
from db.models.products import Variant
from db.models.warehouse import Warehouse
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict
from tools.contract.fields import Delta, Text, VariantRef, WarehouseRef
from tools.inventory.movements import REASON_WORDS
from tools.inventory.places import NotTracked, refuse_untracked, the_warehouse
from tools.rules.lookup import find_variant
from tools.rules.places import WarehouseClosed
from tools.rules.stock import Level, Posting, locked, post

MOST = 1_000_000


class BelowReserved(Conflict):
    """What would be left does not cover what is reserved and set aside."""

    hint = "Release reservations (list_reservations shows them), cancel orders, or take fewer units out."


class NotSetAside(Conflict):
    """More damaged units would be put back on sale, or written off, than are set aside."""


class AdjustStock(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"sku": "MUG-BLUE", "delta": -3, "reason": "damaged"}]})

    sku: VariantRef = Field(description="The variant, by SKU such as `MUG-BLUE`.")
    warehouse: WarehouseRef | None = Field(
        default=None, description="Where; may be left out when the variant lies in one warehouse only."
    )
    delta: Delta | None = Field(
        default=None, ge=-MOST, le=MOST, description="Units to add to what is on hand, or with a minus to take off."
    )
    counted: int | None = Field(
        default=None,
        ge=0,
        le=MOST,
        description="Units found on the shelf, damaged ones included: on hand is set to it.",
    )
    set_aside: int | None = Field(
        default=None,
        ge=-MOST,
        le=MOST,
        description="Units on hand to set aside as damaged, not for sale; with a minus to put back on sale.",
    )
    reason: Annotated[AdjustmentReason, REASON_WORDS] | None = Field(
        default=None, description="Why. Omit for a count, for damage set aside, or for a plain correction."
    )
    note: Text | None = Field(default=None, description="What a colleague should know.")

    @model_validator(mode="after")
    def says_one_thing(self) -> Self:
        if self.delta is not None and self.counted is not None:
            raise ValueError("Give `delta` or `counted`, not both.")
        if not self.delta and self.counted is None and not self.set_aside:
            raise ValueError("Give `delta` (the change), `counted` (what is there), or `set_aside` (what is damaged).")
        return self

    @property
    def why(self) -> AdjustmentReason:
        if self.reason:
            return self.reason
        if self.counted is not None:
            return AdjustmentReason.counted
        return AdjustmentReason.correction if self.delta else AdjustmentReason.damaged


class Adjustment(Result):
    """What became of a variant's stock in a warehouse."""

    sku: str = Field(description="The variant's SKU.")
    warehouse: str = Field(description="The warehouse's reference.")
    reason: AdjustmentReason = Field(description="Why.")
    before: int = Field(description="Units on hand before.")
    on_hand: int = Field(description="Units on hand now.")
    reserved: int = Field(description="Units held back.")
    damaged: int = Field(description="Units set aside that cannot be sold.")
    available: int = Field(description="Units that can be sold now.")


@tool(
    route="POST /inventory/adjustments",
    effect=Effect.goods,
    permission="inventory:write",
    raises=[BelowReserved, NotSetAside, NotTracked, WarehouseClosed],
    examples=[
        "Three MUG-BLUE broke in WH-1, take them off stock",
        "We counted 42 TSH-BLK-M in Lille, correct the stock",
        "Add 10 MUG-RED that turned up",
    ],
)
async def adjust_stock(ctx: Context, args: AdjustStock) -> Adjustment:
    """Correct what is on hand, up, down or to a counted number, with a reason.

    Each change is a movement in the ledger. Stock never falls below what is reserved. Units that go to another warehouse are
    a transfer: transfer_stock. Setting damaged units aside keeps them on hand; write them off with `delta` and `set_aside`
    of the same negative number.
    """
    variant = await find_variant(ctx, args.sku)
    refuse_untracked(variant)
    warehouse = await the_warehouse(ctx, variant, args.warehouse)
    level = await _level(ctx, variant.id, warehouse.id)
    change = _change(level, args)
    _refuse_what_cannot_be(change, variant, warehouse)

    await post(ctx, [change], MovementKind.adjustment, reason=args.why, note=args.note)
    after = level.on_hand + change.on_hand
    _tell(ctx, variant.sku, warehouse.name, change, args)
    return Adjustment(
        sku=variant.sku,
        warehouse=warehouse.reference,
        reason=args.why,
        before=level.on_hand,
        on_hand=after,
        reserved=level.reserved,
        damaged=level.damaged + change.damaged,
        available=level.available + change.on_hand - change.damaged,
    )


def _tell(ctx: Context, sku: str, place: str, change: Posting, args: AdjustStock) -> None:
    before, after = change.level.on_hand, change.level.on_hand + change.on_hand
    more, aside = abs(change.on_hand), abs(change.damaged)
    if args.counted is not None:
        found = f"{more:,} {'more' if change.on_hand > 0 else 'fewer'} than" if more else "as many as"
        ctx.tell(f"{sku} in {place} is counted at {after:,}, {found} the {before:,} in the books.")
    elif more:
        done = "added to the stock" if change.on_hand > 0 else "taken off the stock"
        moved = f"{more:,} {sku} {words.are(more)} {done} in {place} ({words.word(args.why)})"
        ctx.tell(f"{moved}: {before:,} on hand become {after:,}.")
    set_aside = f"{aside:,} {sku} in {place} {words.are(aside)}"
    if change.damaged > 0:
        ctx.tell(f"{set_aside} set aside as damaged, and not for sale.")
    elif change.damaged < 0:
        gone = "with that" if change.on_hand < 0 else "and on sale again"
        ctx.tell(f"{set_aside} no longer set aside as damaged, {gone}.")
    if args.note:
        ctx.tell(f"Noted for colleagues: “{words.quoted(args.note)}”")


async def _level(ctx: Context, variant_id: UUID, warehouse_id: UUID) -> Level:
    levels = await locked(ctx, [(variant_id, warehouse_id)], opening=True)
    return levels[variant_id, warehouse_id]


def _change(level: Level, args: AdjustStock) -> Posting:
    delta = args.counted - level.on_hand if args.counted is not None else args.delta or 0
    return Posting(level, on_hand=delta, damaged=args.set_aside or 0)


def _refuse_what_cannot_be(change: Posting, variant: Variant, warehouse: Warehouse) -> None:
    level, name = change.level, f"{variant.sku} in {warehouse.name} ({warehouse.reference})"
    if level.damaged + change.damaged < 0:
        raise NotSetAside(
            f"{name} has {level.damaged} units set aside as damaged, and {-change.damaged} were to be taken from them.",
            hint=f"Take at most {level.damaged}.",
        )
    if level.available + change.on_hand - change.damaged < 0:
        raise BelowReserved(
            f"{name} has {level.on_hand} on hand, {level.reserved} of them reserved and {level.damaged} damaged: "
            f"{level.available} can be taken out or set aside, and this would take {change.damaged - change.on_hand}."
        )
