"""What is being done outside at this moment, as the intents of an order say."""

from uuid import UUID

from sqlalchemy import select

from db.models.backoffice import Intent, IntentStatus
from tools.contract.context import Context


async def under_way(
    ctx: Context, order_id: UUID | None, *, subject: UUID | None = None, kind: str | None = None
) -> list[Intent]:
    """The open intents of an order, or those of one kind for one thing of it; locked, oldest first."""
    query = select(Intent).where(
        Intent.merchant_id == ctx.merchant.id, Intent.order_id == order_id, Intent.status == IntentStatus.pending
    )
    if subject is not None:
        query = query.where(Intent.subject_id == subject)
    if kind is not None:
        query = query.where(Intent.kind == kind)
    locked = query.order_by(Intent.id).with_for_update(key_share=True).execution_options(populate_existing=True)
    return list((await ctx.db.scalars(locked)).all())
