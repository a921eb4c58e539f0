"""Bins: the places on the shelves, and what lies in them."""

from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field, StringConstraints
from sqlalchemy import func, select

from db.models.warehouse import Bin, BinKind, Warehouse
from db.text import fold
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import AlreadyTaken, NotFound
from tools.contract.fields import Synonyms, VariantRef, WarehouseRef
from tools.contract.page import Page, Paged, paged, place
from tools.rules.lookup import find_variant, find_warehouse
from tools.rules.places import WarehouseClosed, refuse_closed

BinCode = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[^/]+$")]
KIND_WORDS = Synonyms(
    {"picking": ("pick", "shelf", "pick face"), "bulk": ("reserve", "overstock", "pallet", "storage")}
)


class ListBins(Paged):
    warehouse: WarehouseRef = Field(description="The warehouse, by reference, code or name.")
    sku: VariantRef | None = Field(default=None, description="Only bins with this variant, by SKU such as `MUG-BLUE`.")
    zone: str | None = Field(default=None, min_length=1, max_length=40, description="Only this zone.")
    kind: Annotated[BinKind, KIND_WORDS] | None = Field(default=None, description="Only picking or only bulk bins.")
    empty: bool | None = Field(default=None, description="Only empty bins, or only those with something in them.")


class InBin(Result):
    """Units of a variant in a bin."""

    sku: str = Field(description="The variant's SKU.")
    quantity: int = Field(description="Units in the bin.")


class BinLine(Result):
    """A bin, and what lies in it."""

    code: str = Field(description="What stands on the bin.")
    storage_zone: str | None = Field(description="The zone that it is in.")
    kind: BinKind = Field(description="Picked from first, or bulk.")
    walk: int = Field(description="Its place on the walk through the warehouse, lowest first.")
    units: int = Field(description="Units in it.")
    capacity: int | None = Field(description="How many units it takes; null: not said.")
    contents: list[InBin] = Field(description="What lies in it, by SKU.")
    quantity: int | None = Field(default=None, description="Units of the variant that was asked for.")


class _BinRow(NamedTuple):
    id: UUID
    code: str
    storage_zone: str | None
    kind: BinKind
    walk: int
    units: int
    capacity: int | None
    contents: list[dict[str, Any]]
    quantity: int | None


_BINS = """
select b.id, b.code, b.zone as storage_zone, b.kind, b.walk, b.units, b.capacity, array(
    select json_build_object('sku', v.sku, 'quantity', s.quantity)
    from bin_stock s join variants v on v.merchant_id = %(m)s and v.id = s.variant_id
    where s.merchant_id = %(m)s and s.bin_id = b.id and s.quantity > 0 order by v.sku
) as contents, (
    select s.quantity from bin_stock s where s.merchant_id = %(m)s and s.bin_id = b.id and s.variant_id = %(variant)s
) as quantity
from bins b where b.merchant_id = %(m)s and b.warehouse_id = %(warehouse)s {filters}
order by b.walk, b.id limit %(limit)s
"""
_WITH = """exists (select from bin_stock s where s.merchant_id = %(m)s and s.bin_id = b.id and s.variant_id = %(variant)s
                   and s.quantity > 0)"""


@tool(
    route="GET /warehouses/{warehouse}/bins",
    effect=Effect.read,
    permission="warehouse:read",
    raises=[],
    examples=["In which bin of Lyon is MUG-BLUE?", "Show the empty bins of WH-1001"],
)
async def list_bins(ctx: Context, args: ListBins) -> Page[BinLine]:
    """List a warehouse's bins along the walk, with what lies in each.

    Units that lie in no bin are on the floor: warehouse_capacity says how many.
    """
    asked: dict[str, tuple[str, Any]] = {}
    if args.sku:
        asked[_WITH] = ("variant", (await find_variant(ctx, args.sku)).id)
    if args.zone:
        asked["lower(b.zone) = lower(%(zone)s)"] = ("zone", args.zone)
    if args.kind:
        asked["b.kind = %(kind)s"] = ("kind", args.kind.value)
    if args.empty is not None:
        asked["(b.units = 0) = %(empty)s"] = ("empty", args.empty)
    params = {"variant": None, **dict(asked.values()), "m": ctx.merchant.id}
    params["warehouse"] = (await find_warehouse(ctx, args.warehouse)).id
    if since := place(args.after, int, UUID):
        asked["(b.walk, b.id) > (%(walk)s, %(id)s)"] = ("walk", since[0])
        params |= {"walk": since[0], "id": since[1]}
    query = _BINS.format(filters="".join(f" and {condition}" for condition in asked))
    return await paged(ctx, args, query, params, as_=_BinRow, show=_shown, at=lambda row: (row.walk, row.id))


def _shown(row: _BinRow) -> BinLine:
    return BinLine.model_validate(row._asdict())


class CreateBin(Input):
    warehouse: WarehouseRef = Field(description="The warehouse, by reference, code or name.")
    code: BinCode = Field(description="What stands on the bin, such as `A-01-2`.")
    kind: Annotated[BinKind, KIND_WORDS] = Field(
        default=BinKind.picking, description="Picked from first, or bulk: what does not fit into the picking bins."
    )
    zone: str | None = Field(default=None, min_length=1, max_length=40, description="The zone that it is in.")
    walk: int | None = Field(
        default=None, ge=0, le=1_000_000, description="Its place on the walk, lowest first; omit: at the end."
    )
    capacity: int | None = Field(default=None, ge=1, le=1_000_000, description="How many units it takes; omit: any.")


@tool(
    route="POST /warehouses/{warehouse}/bins",
    effect=Effect.write,
    permission="warehouse:write",
    raises=[AlreadyTaken, WarehouseClosed],
    examples=["New bin A-01-2 in Lyon, takes 40 units", "Add a bulk bin R-09 to WH-1002, zone R"],
)
async def create_bin(ctx: Context, args: CreateBin) -> BinLine:
    """Set up a place on a shelf: units can be put away there and picked from it."""
    warehouse = await find_warehouse(ctx, args.warehouse)
    refuse_closed(warehouse)
    here = Bin.merchant_id == ctx.merchant.id, Bin.warehouse_id == warehouse.id
    if (await ctx.db.scalars(select(Bin).where(*here, Bin.code_key == fold(args.code)))).first():
        raise AlreadyTaken(f"{warehouse.name} has a bin {args.code} already.")
    last = (await ctx.db.scalar(select(func.max(Bin.walk)).where(*here))) or 0
    made = ctx.new(
        Bin, warehouse_id=warehouse.id, code=args.code, code_key=fold(args.code), kind=args.kind, zone=args.zone,
        walk=last + 10 if args.walk is None else args.walk, capacity=args.capacity, units=0,
    )  # fmt: skip
    room = f" for {args.capacity:,} units" if args.capacity else ""
    ctx.tell(f"{warehouse.name} gets the {args.kind} bin {args.code}{room}.")
    return BinLine(
        code=made.code,
        storage_zone=made.zone,
        kind=made.kind,
        walk=made.walk,
        units=0,
        capacity=made.capacity,
        contents=[],
    )


class _Near(NamedTuple):
    code: str


async def find_bin(ctx: Context, warehouse: Warehouse, written: str) -> Bin:
    """The bin of that code in a warehouse, whatever the case. Raises `NotFound` with the nearest."""
    query = select(Bin).where(
        Bin.merchant_id == ctx.merchant.id, Bin.warehouse_id == warehouse.id, Bin.code_key == fold(written)
    )
    if found := (await ctx.db.scalars(query)).first():
        return found
    near = await ctx.sql.rows(
        "select code from bins where merchant_id = %(m)s and warehouse_id = %(w)s"
        " order by similarity(code_key, %(key)s) desc, walk, id limit 3",
        {"m": ctx.merchant.id, "w": warehouse.id, "key": fold(written)},
        as_=_Near,
    )
    codes = [row.code for row in near]
    hint = f"The nearest are {', '.join(codes)}." if codes else f"{warehouse.name} has no bins yet: create_bin."
    raise NotFound(f"There is no bin {written} in {warehouse.name}.", hint=hint, nearest=codes)
