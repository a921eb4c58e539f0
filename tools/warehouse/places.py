"""Warehouses themselves: which there are, where they stand, and in which order they ship."""

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import Field, StringConstraints
from sqlalchemy import func, select

from db.models.warehouse import Warehouse
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import AlreadyTaken, Conflict, StaleVersion
from tools.contract.fields import City, Country, Name, WarehouseRef
from tools.contract.page import Page, Paged, paged, place
from tools.rules.lookup import find_warehouse
from tools.rules.places import WarehouseClosed, refuse_closed
from tools.rules.told import tell_edits

Code = Annotated[str, StringConstraints(min_length=1, max_length=20, pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]*$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class WarehouseNotEmpty(Conflict):
    """Something lies there, is held there, or is on its way there."""

    hint = (
        "Send the units elsewhere with transfer_stock, re-allocate the orders with allocate_order, and receive or cancel what is "
        "on its way; then close it."
    )


class LastWarehouse(Conflict):
    """No other warehouse ships, and without one no order can be placed."""

    hint = "Create another warehouse first, or open one again."


class ListWarehouses(Paged):
    active: bool | None = Field(default=None, description="Only those that ship, or only those that are closed.")


class WarehouseLine(Result):
    """A warehouse, with how much lies there."""

    reference: str = Field(description="The warehouse's reference.")
    code: str = Field(description="Its short code.")
    name: str = Field(description="What it is called.")
    city: str = Field(description="Where it is.")
    country: str = Field(description="Where it is, ISO 3166 alpha-2.")
    priority: int = Field(description="Its place in the order in which warehouses are asked for stock; lowest first.")
    active: bool = Field(description="Whether it takes goods in and ships; else it is closed.")
    variants: int = Field(description="Variants of which units lie there.")
    on_hand: int = Field(description="Units that lie there.")
    reserved: int = Field(description="Units held back there for orders and people.")
    bins: int = Field(description="How many bins it has.")


class WarehouseDetail(Result):
    """A warehouse, with what lies there and what waits."""

    reference: str = Field(description="The warehouse's reference.")
    code: str = Field(description="Its short code.")
    name: str = Field(description="What it is called.")
    line1: str = Field(description="Street and number.")
    line2: str | None = Field(description="More of the address.")
    city: str = Field(description="Where it is.")
    region: str | None = Field(description="Its region.")
    postcode: str = Field(description="Its postcode.")
    country: str = Field(description="Where it is, ISO 3166 alpha-2.")
    priority: int = Field(description="Its place in the order in which warehouses are asked for stock; lowest first.")
    active: bool = Field(description="Whether it takes goods in and ships; else it is closed.")
    variants: int = Field(description="Variants of which units lie there.")
    on_hand: int = Field(description="Units that lie there.")
    reserved: int = Field(description="Units held back there.")
    incoming: int = Field(description="Units on their way there.")
    binned: int = Field(description="Units that lie in bins; the others lie on the floor.")
    bins: int = Field(description="How many bins it has.")
    open_pick_lists: int = Field(description="Pick lists that are not done.")
    version: int = Field(description="Grows with each change.")


class _Row(NamedTuple):
    id: Any
    reference: str
    code: str
    name: str
    line1: str
    line2: str | None
    city: str
    region: str | None
    postcode: str
    country: str
    priority: int
    active: bool
    version: int
    variants: int
    on_hand: int
    reserved: int
    incoming: int
    binned: int
    bins: int
    open_pick_lists: int


_WAREHOUSES = """
select w.id, w.reference, w.code, w.name, w.line1, w.line2, w.city, w.region, w.postcode, w.country, w.priority, w.active,
       w.version, s.variants, s.on_hand, s.reserved, s.incoming, s.binned,
       (select count(*) from bins b where b.merchant_id = %(m)s and b.warehouse_id = w.id) as bins,
       (select count(*) from pick_lists p where p.merchant_id = %(m)s and p.warehouse_id = w.id
            and p.status in ('open', 'picking')) as open_pick_lists
from warehouses w cross join lateral (
    select count(*) filter (where on_hand > 0) as variants, coalesce(sum(on_hand), 0)::bigint as on_hand,
           coalesce(sum(reserved), 0)::bigint as reserved, coalesce(sum(incoming), 0)::bigint as incoming,
           coalesce(sum(binned), 0)::bigint as binned
    from stock_levels s where s.merchant_id = %(m)s and s.warehouse_id = w.id
) s
where w.merchant_id = %(m)s {filters} order by w.priority, w.code limit %(limit)s
"""


@tool(
    route="GET /warehouses",
    effect=Effect.read,
    permission="warehouse:read",
    raises=[],
    examples=["Which warehouses do we have?", "List the warehouses that ship"],
)
async def list_warehouses(ctx: Context, args: ListWarehouses) -> Page[WarehouseLine]:
    """List the warehouses in the order in which they are asked for stock.

    What of a variant lies where is a question for list_stock.
    """
    filters: list[str] = []
    params: dict[str, Any] = {"m": ctx.merchant.id}
    if args.active is not None:
        filters.append("w.active = %(active)s")
        params["active"] = args.active
    if since := place(args.after, int, str):
        filters.append("(w.priority, w.code) > (%(priority)s, %(code)s)")
        params |= {"priority": since[0], "code": since[1]}
    query = _WAREHOUSES.format(filters="".join(f" and {condition}" for condition in filters))
    return await paged(ctx, args, query, params, as_=_Row, show=_line, at=lambda row: (row.priority, row.code))


def _line(row: _Row) -> WarehouseLine:
    return WarehouseLine.model_validate(row._asdict())


class GetWarehouse(Input):
    warehouse: WarehouseRef = Field(description="The warehouse, by reference, code or name: `WH-1001`, `LYO`, `Lyon`.")


@tool(
    route="GET /warehouses/{warehouse}",
    effect=Effect.read,
    permission="warehouse:read",
    raises=[],
    examples=["Show the Lyon warehouse", "What is the address of WH-1002?"],
)
async def get_warehouse(ctx: Context, args: GetWarehouse) -> WarehouseDetail:
    """Show one warehouse: address, what lies there in all, and what waits."""
    return await _detail(ctx, await find_warehouse(ctx, args.warehouse))


async def _detail(ctx: Context, warehouse: Warehouse) -> WarehouseDetail:
    await ctx.sql.flush()
    query = _WAREHOUSES.format(filters="and w.id = %(id)s")
    row = await ctx.sql.row(query, {"m": ctx.merchant.id, "id": warehouse.id, "limit": 1}, as_=_Row)
    assert row is not None
    return WarehouseDetail.model_validate(row._asdict())


class CreateWarehouse(Input):
    code: Code = Field(description="A short code that nobody else has, such as `LYO`.")
    name: Name = Field(description="What it is called.")
    line1: Line = Field(description="Street and number.")
    line2: Line | None = Field(default=None, description="More of the address.")
    city: City = Field(description="Where it is.")
    region: Line | None = Field(default=None, description="Its region.")
    postcode: Annotated[str, StringConstraints(min_length=1, max_length=20)] = Field(description="Its postcode.")
    country: Country | None = Field(default=None, description="ISO 3166 alpha-2; omit: the shop's own.")
    priority: int | None = Field(
        default=None, ge=0, le=1000, description="Its place among the others, lowest first; omit: after all of them."
    )


@tool(
    route="POST /warehouses",
    effect=Effect.write,
    permission="warehouse:write",
    raises=[AlreadyTaken],
    examples=[
        "New warehouse NAN in Nantes, 8 quai de la Fosse, 44000",
        "Add a warehouse in Berlin: code BER, Köpenicker Str. 10, 10997",
    ],
)
async def create_warehouse(ctx: Context, args: CreateWarehouse) -> WarehouseDetail:
    """Open a warehouse: stock can lie there, and orders leave from it."""
    await _refuse_taken(ctx, args.code, None)
    last = select(func.max(Warehouse.priority)).where(Warehouse.merchant_id == ctx.merchant.id)
    priority = args.priority if args.priority is not None else ((await ctx.db.scalar(last)) or 0) + 1
    country = args.country or await _own_country(ctx)
    warehouse = await ctx.add(Warehouse, **args.model_dump() | {"priority": priority, "country": country}, active=True)
    ctx.tell(
        f"{args.name} ({args.code}) opens in {args.city}, {country}: stock can lie there and orders leave from it."
    )
    return await _detail(ctx, warehouse)


class _Country(NamedTuple):
    country: str


async def _own_country(ctx: Context) -> str:
    query = "select country from merchant_profiles where merchant_id = %s"
    (row,) = await ctx.sql.rows(query, (ctx.merchant.id,), as_=_Country)
    return row.country


async def _refuse_taken(ctx: Context, code: str, but: Warehouse | None) -> None:
    query = select(Warehouse).where(
        Warehouse.merchant_id == ctx.merchant.id, func.lower(Warehouse.code) == code.lower()
    )
    for other in (await ctx.db.scalars(query)).all():
        if other is not but:
            raise AlreadyTaken(f"{other.name} ({other.reference}) has the code {other.code}.")


class UpdateWarehouse(Input):
    warehouse: WarehouseRef = Field(description="The warehouse, by reference, code or name.")
    code: Code | None = Field(default=None, description="Its short code from now on.")
    name: Name | None = Field(default=None, description="What it is called from now on.")
    line1: Line | None = Field(default=None, description="Street and number.")
    line2: Line | None = Field(default=None, description="More of the address.")
    city: City | None = Field(default=None, description="Where it is.")
    region: Line | None = Field(default=None, description="Its region.")
    postcode: Annotated[str, StringConstraints(min_length=1, max_length=20)] | None = Field(
        default=None, description="Its postcode."
    )
    country: Country | None = Field(default=None, description="Where it is, ISO 3166 alpha-2.")
    priority: int | None = Field(default=None, ge=0, le=1000, description="Its place among the others, lowest first.")
    reopen: bool = Field(default=False, description="Open a closed one again.")
    version: int | None = Field(default=None, ge=1, description="The version that was read.")


_MAY_BE_EMPTY = ("line2", "region")
_LABELS = {"line1": "street", "line2": "second address line", "priority": "place in the order"}


@tool(
    route="PATCH /warehouses/{warehouse}",
    effect=Effect.write,
    permission="warehouse:write",
    raises=[AlreadyTaken, StaleVersion],
    examples=["Rename WH-1002 to Lille Nord", "Ship from Lyon first: priority 0"],
)
async def update_warehouse(ctx: Context, args: UpdateWarehouse) -> WarehouseDetail:
    """Change a warehouse's name, address or place in the order, or reopen it.

    What is not given stays as it is. Closing it is close_warehouse.
    """
    warehouse = await _locked(ctx, args.warehouse)
    if args.code:
        await _refuse_taken(ctx, args.code, warehouse)
    given = args.model_dump(exclude={"warehouse", "version", "reopen"}, exclude_unset=True)
    changes = {name: value for name, value in given.items() if value is not None or name in _MAY_BE_EMPTY}
    _tell(ctx, warehouse, changes, reopen=args.reopen)
    ctx.edit(warehouse, args.version, **changes, active=warehouse.active or args.reopen)
    return await _detail(ctx, warehouse)


def _tell(ctx: Context, warehouse: Warehouse, changes: Mapping[str, Any], *, reopen: bool) -> None:
    whose, told = f"{warehouse.name} ({warehouse.reference})", len(ctx.sentences)
    edits = [(_LABELS.get(n, n), _worded(getattr(warehouse, n)), _worded(v)) for n, v in changes.items()]
    tell_edits(ctx, whose, edits)
    if reopen and not warehouse.active:
        ctx.tell(f"{whose} is open again: it takes goods in and ships.")
    if len(ctx.sentences) == told:
        ctx.tell(f"{whose} stays as it is.")


def _worded(value: Any) -> str | None:
    return None if value is None else str(value)


async def _locked(ctx: Context, written: str) -> Warehouse:
    found = await find_warehouse(ctx, written)
    await ctx.db.refresh(found, with_for_update=True)
    return found


class CloseWarehouse(Input):
    warehouse: WarehouseRef = Field(description="The warehouse, by reference, code or name.")


class _Left(NamedTuple):
    on_hand: int
    reserved: int
    incoming: int
    promised: int
    picks: int
    others: int


_LEFT = """
select coalesce(sum(s.on_hand), 0)::bigint as on_hand, coalesce(sum(s.reserved), 0)::bigint as reserved,
       coalesce(sum(s.incoming), 0)::bigint as incoming,
       (select count(*) from reservations r where r.merchant_id = %(m)s and r.warehouse_id = %(w)s and r.status = 'active'
            and r.order_id is not null and r.backordered > 0) as promised,
       (select count(*) from pick_lists p where p.merchant_id = %(m)s and p.warehouse_id = %(w)s
            and p.status in ('open', 'picking')) as picks,
       (select count(*) from warehouses o where o.merchant_id = %(m)s and o.active and o.id <> %(w)s) as others
from (
    select on_hand, reserved, incoming from stock_levels where merchant_id = %(m)s and warehouse_id = %(w)s
    order by variant_id for no key update
) s
"""


@tool(
    route="DELETE /warehouses/{warehouse}",
    effect=Effect.write,
    permission="warehouse:write",
    raises=[LastWarehouse, WarehouseClosed, WarehouseNotEmpty],
    examples=["Close the Nantes warehouse", "We gave up WH-1003, close it"],
)
async def close_warehouse(ctx: Context, args: CloseWarehouse) -> WarehouseDetail:
    """Close an empty warehouse: it takes nothing in and ships nothing any more.

    Its history stays, and update_warehouse opens it again.
    """
    warehouse = await _locked(ctx, args.warehouse)
    refuse_closed(warehouse)
    left = await ctx.sql.row(_LEFT, {"m": ctx.merchant.id, "w": warehouse.id}, as_=_Left)
    assert left is not None
    _refuse_what_is_left(warehouse, left)

    ctx.edit(warehouse, None, active=False)
    ctx.event("closed", warehouse)
    ctx.tell(f"{warehouse.name} ({warehouse.reference}) closes: it takes nothing in and ships nothing from now on.")
    return await _detail(ctx, warehouse)


def _refuse_what_is_left(warehouse: Warehouse, left: _Left) -> None:
    name = f"{warehouse.name} ({warehouse.reference})"
    if not left.others:
        raise LastWarehouse(f"{name} is the only warehouse that ships.")
    units = (("on hand", left.on_hand), ("reserved", left.reserved), ("on their way there", left.incoming))
    found = [f"{words.count(count, 'unit')} {what}" for what, count in units if count]
    if left.promised:
        found.append(
            words.count(left.promised, "order line that waits for its stock", "order lines that wait for stock")
        )
    if left.picks:
        found.append(words.count(left.picks, "open pick list"))
    if found:
        raise WarehouseNotEmpty(f"{name} is not empty: {words.listed(found)}.")
