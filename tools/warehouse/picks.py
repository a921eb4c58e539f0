"""Pick lists as people see them: one, and all."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.orders import Order
from db.models.warehouse import PickList, PickStatus, TaskStatus
from tools.contract.apart import COUNT_BY, columns
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.fields import ColleagueRef, OrderRef, PeriodEnd, PeriodStart, Search, Synonyms, WarehouseRef
from tools.contract.page import Page, Paged
from tools.contract.sorting import NEWEST, OLDEST, Asked, By, sorted_page, within
from tools.rules.colleagues import colleague
from tools.rules.lookup import find_warehouse
from tools.rules.whose import of_orders
from tools.warehouse.claims import PickRef

STATUS_WORDS = Synonyms(
    {
        "open": ("waiting", "not started", "nobody started", "no one started", "untouched", "to do"),
        "picking": ("started", "under way", "in progress", "being picked", "running", "going on"),
        "picked": ("done", "finished", "complete"),
    }
)


class PickStop(Result):
    """Units to fetch at one stop of the walk, for one order."""

    position: int = Field(description="Its place on the walk.")
    bin: str | None = Field(description="The bin; null: on the floor.")
    sku: str = Field(description="The variant's SKU.")
    title: str = Field(description="What it is called.")
    order: str = Field(description="The order that it is for.")
    quantity: int = Field(description="Units to fetch.")
    picked: int = Field(description="Units that were there, and were fetched.")
    status: TaskStatus = Field(description="How it went.")


class PickListDetail(Result):
    """A pick list, stop by stop."""

    reference: str = Field(description="The pick list's reference.")
    status: PickStatus = Field(description="How far it is.")
    warehouse: str = Field(description="The warehouse's reference.")
    warehouse_name: str = Field(description="What the warehouse is called.")
    picker: str | None = Field(description="Who picks it: a user's or key's reference.")
    orders: list[str] = Field(description="The orders that it is for.")
    units: int = Field(description="Units to fetch.")
    picked: int = Field(description="Units that were fetched.")
    stops: list[PickStop] = Field(description="What to fetch where, along the walk.")
    created_at: datetime = Field(description="When it was made, UTC.")
    started_at: datetime | None = Field(description="When somebody set out, UTC.")
    finished_at: datetime | None = Field(description="When it was done, UTC.")
    version: int = Field(description="Grows with each change.")


class PickListLine(Result):
    """A pick list in short."""

    reference: str = Field(description="The pick list's reference.")
    status: PickStatus = Field(description="How far it is.")
    warehouse: str = Field(description="The warehouse's reference.")
    warehouse_name: str = Field(description="What the warehouse is called.")
    picker: str | None = Field(description="Who picks it: a user's or key's reference.")
    orders: list[str] = Field(description="The orders that it is for.")
    stops: int = Field(description="Stops of the walk.")
    units: int = Field(description="Units to fetch.")
    picked: int = Field(description="Units that were fetched.")
    created_at: datetime = Field(description="When it was made, UTC.")
    started_at: datetime | None = Field(description="When somebody set out, UTC.")
    finished_at: datetime | None = Field(description="When it was done, UTC.")


class _Row(NamedTuple):
    id: UUID
    place: Any
    reference: str
    status: PickStatus
    warehouse: str
    warehouse_name: str
    picker: str | None
    orders: list[str]
    stops: int
    units: int
    picked: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    version: int


_LISTS = """
select p.id, {by} as place, p.reference, p.status, w.reference as warehouse, w.name as warehouse_name, p.picker, t.orders, t.stops,
       t.units, t.picked, p.created_at, p.started_at, p.finished_at, p.version
from pick_lists p join warehouses w on w.merchant_id = %(m)s and w.id = p.warehouse_id
cross join lateral (
    select array_agg(distinct o.reference order by o.reference) as orders, count(*)::int as stops,
           coalesce(sum(t.quantity) filter (where t.status <> 'dropped'), 0)::int as units, sum(t.picked)::int as picked
    from pick_tasks t join orders o on o.merchant_id = %(m)s and o.id = t.order_id
    where t.merchant_id = %(m)s and t.pick_list_id = p.id
) t
where p.merchant_id = %(m)s {filters} order by {order} limit %(limit)s
"""
_STOPS = """
select t.position, b.code as bin, v.sku, l.title, o.reference as order, t.quantity, t.picked, t.status
from pick_tasks t
join variants v on v.merchant_id = %(m)s and v.id = t.variant_id
join orders o on o.merchant_id = %(m)s and o.id = t.order_id
join order_lines l on l.merchant_id = %(m)s and l.id = t.order_line_id
left join bins b on b.merchant_id = %(m)s and b.id = t.bin_id
where t.merchant_id = %(m)s and t.pick_list_id = %(id)s order by t.position
"""


class _Stop(NamedTuple):
    position: int
    bin: str | None
    sku: str
    title: str
    order: str
    quantity: int
    picked: int
    status: TaskStatus


async def pick_detail(ctx: Context, pick: PickList) -> PickListDetail:
    await ctx.sql.flush()
    params = {"m": ctx.merchant.id, "id": pick.id, "limit": 1}
    row = await ctx.sql.row(_LISTS.format(by="p.id", order="p.id", filters="and p.id = %(id)s"), params, as_=_Row)
    assert row is not None
    stops = [PickStop.model_validate(stop._asdict()) for stop in await ctx.sql.rows(_STOPS, params, as_=_Stop)]
    return PickListDetail.model_validate(row._asdict() | {"stops": stops})


class GetPickList(Input):
    pick: PickRef = Field(description="The pick list, such as `PCK-1001`.")


@tool(
    route="GET /pick-lists/{pick}",
    effect=Effect.read,
    permission="warehouse:read",
    raises=[],
    examples=["Show pick list PCK-1004", "What is on PCK-1012?"],
)
async def get_pick_list(ctx: Context, args: GetPickList) -> PickListDetail:
    """Show a pick list: what to fetch where, in walking order, and what was there."""
    return await pick_detail(ctx, await ctx.find(PickList, args.pick))


class PickListSort(StrEnum):
    newest = "newest"
    oldest = "oldest"


SORT_WORDS = Synonyms({"newest": NEWEST, "oldest": OLDEST})
_SORTS = {
    PickListSort.newest: By("p.id", UUID, "p.id"),
    PickListSort.oldest: By("p.id", UUID, "p.id", descending=False),
}


class ListPickLists(Paged):
    warehouse: WarehouseRef | None = Field(default=None, description="Only those of this warehouse.")
    status: Annotated[PickStatus, STATUS_WORDS] | None = Field(default=None, description="Only those in this state.")
    open: bool | None = Field(default=None, description="Only those that are still to be picked, or only the others.")
    order: OrderRef | None = Field(default=None, description="Only those with this order, such as `ORD-1042`.")
    picker: ColleagueRef | None = Field(default=None, description="Only those of this colleague: `USR-1002` or a name.")
    text: Search | None = Field(
        default=None, description="Words of an order's number on it, its buyer's name, or what was bought."
    )
    finished_from: PeriodStart | None = Field(default=None, description="Only those done then or later, UTC.")
    finished_until: PeriodEnd | None = Field(default=None, description="Only those done before then, UTC.")
    created_from: PeriodStart | None = Field(default=None, description="Only those made then or later, UTC.")
    created_until: PeriodEnd | None = Field(default=None, description="Only those made before then, UTC.")
    started_from: PeriodStart | None = Field(default=None, description="Only those begun then or later, UTC.")
    started_until: PeriodEnd | None = Field(default=None, description="Only those begun before then, UTC.")
    count_by: Annotated[str, columns("status", "warehouse", "picker")] | None = COUNT_BY
    sort: Annotated[PickListSort, SORT_WORDS] = Field(
        default=PickListSort.newest, description="Newest or oldest first."
    )


@tool(
    route="GET /pick-lists",
    effect=Effect.read,
    permission="warehouse:read",
    raises=[],
    examples=["Which pick lists are open?", "Show what was picked in Lyon today"],
)
async def list_pick_lists(ctx: Context, args: ListPickLists) -> Page[PickListLine]:
    """List pick lists, newest first, with how far each is and who picks it."""
    asked: Asked = {}
    if args.warehouse:
        asked["p.warehouse_id = %(warehouse)s"] = ("warehouse", (await find_warehouse(ctx, args.warehouse)).id)
    if args.status:
        asked["p.status = %(status)s"] = ("status", args.status.value)
    if args.open is not None:
        over = "p.status <> all(%(over)s)" if args.open else "p.status = any(%(over)s)"
        asked[over] = ("over", [PickStatus.picked.value, PickStatus.cancelled.value])
    if args.order:
        asked[_FOR] = ("order", (await ctx.find(Order, args.order)).id)
    if args.picker:
        asked["p.picker = %(picker)s"] = ("picker", (await colleague(ctx, args.picker)).reference)
    asked |= within(args, _WHEN)
    params = dict(asked.values())
    conditions = [*asked]
    if args.text:
        said, words = await of_orders(ctx, args.text, "k.order_id")
        conditions.append(_FOR_SOME.format(said))
        params |= words
    return await sorted_page(ctx, args, _LISTS, _SORTS[args.sort], conditions, params, as_=_Row, show=_shown)


_WHEN = {
    "finished_from": "p.finished_at >= %(finished_from)s",
    "finished_until": "p.finished_at < %(finished_until)s",
    "created_from": "p.created_at >= %(created_from)s",
    "created_until": "p.created_at < %(created_until)s",
    "started_from": "p.started_at >= %(started_from)s",
    "started_until": "p.started_at < %(started_until)s",
}

_FOR_SOME = "exists (select from pick_tasks k where k.merchant_id = %(m)s and k.pick_list_id = p.id and {})"
_FOR = "p.id in (select pick_list_id from pick_tasks where merchant_id = %(m)s and order_id = %(order)s)"


def _shown(row: _Row) -> PickListLine:
    return PickListLine.model_validate(row._asdict())
