"""What orders hold and what of it is being picked: locked, before anybody changes it.

Tasks of a pick list change under the locks of their orders, which are taken first, by id: an order is allocated, picked, packed
and shipped one after the other, whoever asks.
"""

from collections import Counter
from collections.abc import Collection
from typing import Annotated
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from db.models.orders import Order
from db.models.warehouse import PickList, PickStatus, PickTask, TaskStatus
from db.references import Kind
from db.transitions import check_move
from tools.contract.context import Context
from tools.contract.fields import Ref, Written
from tools.rules.allocation import Portion
from tools.rules.picked import waiting_for

PickRef = Annotated[Written, Ref(Kind.pick_list)]


async def lock_orders(ctx: Context, ids: Collection[UUID]) -> list[Order]:
    """These orders, locked by id."""
    query = select(Order).where(Order.merchant_id == ctx.merchant.id, Order.id.in_(ids)).order_by(Order.id)
    locking = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return list((await ctx.db.scalars(locking)).all())


async def claimed(ctx: Context, written: str) -> tuple[PickList, list[PickTask], list[Order]]:
    """A pick list with its tasks along the walk and their orders, all locked: the orders first."""
    found = await ctx.find(PickList, written)
    mine = PickTask.merchant_id == ctx.merchant.id, PickTask.pick_list_id == found.id
    ids = (await ctx.db.scalars(select(PickTask.order_id).where(*mine).distinct())).all()
    orders = await lock_orders(ctx, ids)
    await ctx.db.refresh(found, with_for_update={"key_share": True})
    query = select(PickTask).where(*mine).options(joinedload(PickTask.variant), joinedload(PickTask.bin))
    tasks = await ctx.db.scalars(query.order_by(PickTask.position).execution_options(populate_existing=True))
    return found, list(tasks.all()), orders


async def open_tasks(ctx: Context, orders: Collection[UUID]) -> list[PickTask]:
    """What is to be picked of these orders, and has not been; on whichever pick list. The orders are locked."""
    query = select(PickTask).where(
        PickTask.merchant_id == ctx.merchant.id,
        PickTask.order_id.in_(orders),
        PickTask.status == TaskStatus.open,
    )
    query = query.options(joinedload(PickTask.pick_list)).order_by(PickTask.id)
    return list((await ctx.db.scalars(query.execution_options(populate_existing=True))).all())


async def fixed(ctx: Context, orders: Collection[UUID]) -> Counter[Portion]:
    """What of these orders cannot go to another warehouse any more: it was picked, or somebody is on the way to it."""
    portions = Counter[Portion]()
    for row in await waiting_for(ctx, orders):
        portions[row.order_line_id, row.warehouse_id] += row.units
    for task in await open_tasks(ctx, orders):
        portions[task.order_line_id, task.warehouse_id] += task.quantity
    return portions


def end(task: PickTask, to: TaskStatus) -> None:
    """A task is done, or will not be. The list's own move is the event that tells of it."""
    check_move(PickTask.MOVES, task.status, to, f"Stop {task.position}")
    task.status = to


async def take_off_lists(ctx: Context, order: Order) -> list[str]:
    """Take an order off the pick lists that nobody has started; returns their references. A list without tasks is cancelled."""
    tasks = [task for task in await open_tasks(ctx, [order.id]) if task.pick_list.status is PickStatus.open]
    if not tasks:
        return []
    for task in tasks:
        end(task, TaskStatus.dropped)
    lists = select(PickList).where(
        PickList.merchant_id == ctx.merchant.id, PickList.id.in_({task.pick_list_id for task in tasks})
    )
    locking = lists.order_by(PickList.id).with_for_update(key_share=True).execution_options(populate_existing=True)
    picks = (await ctx.db.scalars(locking)).all()
    await ctx.db.flush()
    for pick in picks:
        left = select(PickTask.id).where(
            PickTask.merchant_id == ctx.merchant.id,
            PickTask.pick_list_id == pick.id,
            PickTask.status == TaskStatus.open,
        )
        ctx.edit(pick, None)
        if (await ctx.db.scalars(left.limit(1))).first() is None:
            ctx.move(pick, PickStatus.cancelled)
    return [pick.reference for pick in picks]
