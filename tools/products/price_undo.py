"""Taking back a change of prices."""

from collections.abc import Sequence

from pydantic import Field
from sqlalchemy import select

from db.models.products import PriceChange, PriceChangeLine
from db.money import Money
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, Conflict, NotFound
from tools.contract.fields import PriceChangeRef
from tools.products.listing import money
from tools.products.price_changes import SHOWN
from tools.products.repricing import NAMED, Held, PricesChangedSince, Window, Wish, held, reprice, some


class UndoneAlready(Conflict):
    """A change is taken back once."""

    hint = "To have the new prices again, make the change again."


class NothingToUndo(Conflict):
    """None of the prices that the change made holds any more, or will."""

    hint = "Set the prices as they shall be, with set_price or change_prices."


class UndoPriceChange(Input):
    """Which change."""

    change: PriceChangeRef = Field(description="Change of prices, such as `PCH-7`.")
    skip_changed: bool = Field(
        default=False, description="True leaves the variants alone whose price was changed since; else they stop it."
    )


class RestoredPrice(Result):
    """A variant that costs again what it did."""

    sku: str = Field(description="SKU.")
    price: Money | None = Field(description="What it costs again, minor units; null if it had no price.")


class PriceChangeUndone(Result):
    """A change of prices that was taken back."""

    change: str = Field(description="The change, such as `PCH-7`.")
    restored: int = Field(
        description="Variants that have the price again that it replaced, or none where they had none."
    )
    skipped: list[str] = Field(description="SKUs that keep their price, because it was changed since.")
    over: int = Field(description="Variants for which it was over already.")
    rows: list[RestoredPrice] = Field(description=f"The first {SHOWN} that were restored, by SKU.")


@tool(
    route="POST /products/price-changes/{change}/undo",
    effect=Effect.money,
    permission="prices:write",
    raises=[UndoneAlready, NothingToUndo, PricesChangedSince, NotFound, Ambiguous],
    examples=["Undo price change PCH-1004", "Take back the candle sale, PCH-1007"],
)
async def undo_price_change(ctx: Context, args: UndoPriceChange) -> PriceChangeUndone:
    """Take back a change of prices: what it replaced holds again.

    It works for `change_prices` and `set_price`, from now on: what was sold meanwhile keeps its price. Variants whose price
    was changed since stop it, or with `skip_changed` keep that price.
    """
    change = await ctx.find(PriceChange, args.change, for_update=True)
    if change.undone_at is not None:
        raise UndoneAlready(
            f"{change.reference} was taken back on {words.moment(change.undone_at, ctx.merchant.zone)}."
        )
    query = select(PriceChangeLine).where(
        PriceChangeLine.merchant_id == ctx.merchant.id, PriceChangeLine.change_id == change.id,
        PriceChangeLine.amount_before.is_distinct_from(PriceChangeLine.amount)
        | PriceChangeLine.compare_at_before.is_distinct_from(PriceChangeLine.compare_at),
    )  # fmt: skip
    lines = {line.variant_id: line for line in await ctx.db.scalars(query)}
    starts = max(ctx.now(), change.valid_from)
    window = Window(change.currency, starts, group=change.customer_group, least=change.min_quantity)
    prices = await held(ctx, list(lines), window)
    over = [price for price in prices if _is_over(lines[price.variant_id], window)]
    stands = [price for price in prices if price not in over and _stands(price, lines[price.variant_id])]
    changed = [price.sku for price in prices if price not in over and price not in stands]
    _may_be_undone(change, stands, changed, skip=args.skip_changed)

    wishes = [_restored(price, lines[price.variant_id], window) for price in stands]
    await reprice(ctx, window, wishes, resumes=False)
    change.undone_at, change.undone_by = ctx.now(), ctx.actor.reference
    ctx.event("undone", change, variants=len(wishes))
    _tell_undone(ctx, change, wishes, changed)
    return PriceChangeUndone(
        change=change.reference, restored=len(wishes), skipped=changed, over=len(over),
        rows=[
            RestoredPrice(sku=wish.held.sku, price=money(wish.amount, change.currency)) for wish in wishes[:SHOWN]
        ],
    )  # fmt: skip


def _is_over(line: PriceChangeLine, window: Window) -> bool:
    return line.valid_until is not None and line.valid_until <= window.starts


def _stands(price: Held, line: PriceChangeLine) -> bool:
    """Whether a variant costs what the change made of it, whoever set that since."""
    return (price.amount, price.compare_at) == (line.amount, line.compare_at)


def _may_be_undone(change: PriceChange, stands: Sequence[Held], changed: Sequence[str], *, skip: bool) -> None:
    if changed and not skip:
        has = "has" if len(changed) == 1 else "have"
        raise PricesChangedSince(
            f"{some(changed)} {has} another price by now than {change.reference} gave.",
            hint="Take back the later changes first, or leave these alone with `skip_changed`.", skus=list(changed[:NAMED]),
        )  # fmt: skip
    if not stands:
        raise NothingToUndo(f"No price of {change.reference} ({change.told}) holds any more.")


def _restored(price: Held, line: PriceChangeLine, window: Window) -> Wish:
    """What the variant cost before, for as long as the change and what it replaced would both have held."""
    ends = [end for end in (line.valid_until, line.held_until, price.next_from) if end is not None]
    until = min(ends, default=None)
    if until is not None and until <= window.starts:
        return Wish(price, None)
    return Wish(price, line.amount_before, line.compare_at_before, until)


def _tell_undone(ctx: Context, change: PriceChange, wishes: Sequence[Wish], changed: Sequence[str]) -> None:
    back = "goes back to what it was" if len(wishes) == 1 else "go back to what they were"
    ctx.tell(f"{words.count(len(wishes), 'price')} of {change.reference} {back} ({words.quoted(change.told)}).")
    costs = (
        f"{wish.held.sku} costs {words.money(wish.amount, change.currency)} again" if wish.amount is not None
        else f"{wish.held.sku} has no price again" for wish in wishes
    )  # fmt: skip
    ctx.tell(f"{words.listed(costs)}.")
    if changed:
        keep = "keeps its price, which was" if len(changed) == 1 else "keep their prices, which were"
        ctx.tell(f"{words.listed(changed)} {keep} changed since.")
