"""What of an order may come back, what it is worth, and the return that is opened for it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from db.models.after_sales import (
    ASKED,
    GIVEN_UP,
    Return,
    ReturnLine,
    ReturnReason,
    ReturnStatus,
    ReturnWish,
)
from db.models.orders import Order
from db.money import Money
from db.references import Kind
from db.text import fold
from tools.contract import words
from tools.contract.context import Context
from tools.contract.errors import Ambiguous, Conflict, NotFound
from tools.contract.outside import outside
from tools.contract.shop_settings import RETURN_DELIVERED, RETURN_ONCE, chosen
from tools.rules.return_policy import Policy, Terms, fee_of


class ReturnNotAllowed(Conflict):
    """The policy of the order's day does not take these units back, or they cannot come back at all."""

    hint = (
        "To take them all the same, ask with `goodwill`; check_return_eligibility shows what may come back until when."
    )


class OrderReturnedBefore(Conflict):
    """A return of it was asked for, and this shop takes one for an order."""

    hint = "The setting `after_sales.one_return_for_an_order` says so. Call that return off (cancel_return) to ask for all at once."


class NotInOrder(NotFound):
    """The order has no such goods."""


class Sold(NamedTuple):
    """A line of an order, and what of it came back or is to come. `shelf`: its category and those above, the nearest first."""

    id: UUID
    sku: str
    title: str
    options: dict[str, Any]
    variant_id: UUID | None
    product_id: UUID | None
    variant: str | None
    tracked: bool
    units: int
    fulfilled: int
    waiting: int
    total: int
    taken: int
    given: int
    shelf: list[UUID]
    arrived_at: datetime | None
    returns: list[str]

    @property
    def left(self) -> int:
        """Units that are with the customer, and in no return."""
        return self.fulfilled - self.waiting - self.taken

    def worth(self, units: int) -> int:
        """What was paid for the next so many units, tax and discount included: all units together are worth the line's total."""
        upto, before = (self.total * count // self.units for count in (self.taken + units, self.taken))
        return max(0, min(upto - before, self.total - self.given))


@dataclass(frozen=True)
class Verdict:
    """What the policy says of units of a line. `until` is the last day; null before anything arrived."""

    line: Sold
    units: int
    terms: Terms
    allowed: bool
    until: date | None
    why: str

    @property
    def worth(self) -> int:
        return self.line.worth(self.units)


_SOLD = """
with recursive above as (
    select l.id as line, p.category_id, 0 as depth
    from order_lines l join products p on p.merchant_id = %(m)s and p.id = l.product_id
    where l.merchant_id = %(m)s and l.order_id = %(order)s and p.category_id is not null
    union all
    select above.line, c.parent_id, above.depth + 1
    from above join categories c on c.merchant_id = %(m)s and c.id = above.category_id where c.parent_id is not null
), back as (
    select x.order_line_id, sum(x.refund) as given,
           sum(case when r.status = any(%(asked)s) then x.quantity else greatest(x.received, x.accepted) end) as taken,
           array_agg(r.reference order by r.id) as returns
    from returns r join return_lines x on x.merchant_id = %(m)s and x.return_id = r.id
    where r.merchant_id = %(m)s and r.order_id = %(order)s and r.status <> all(%(given_up)s) group by x.order_line_id
), arrived as (
    select y.order_line_id, max(f.delivered_at) as at,
           sum(y.quantity) filter (where f.status = 'rated' and f.shipped_at is not null) as waiting
    from fulfilments f join fulfilment_lines y on y.merchant_id = %(m)s and y.fulfilment_id = f.id
    where f.merchant_id = %(m)s and f.order_id = %(order)s group by y.order_line_id
)
select l.id, l.sku, l.title, l.options, l.variant_id, l.product_id, v.reference as variant, coalesce(v.tracked, false) as tracked,
       l.quantity - l.cancelled as units, l.fulfilled, coalesce(a.waiting, 0)::int as waiting, l.total,
       coalesce(b.taken, 0)::int as taken, coalesce(b.given, 0)::bigint as given,
       array(select category_id from above where line = l.id order by depth) as shelf,
       coalesce(a.at, o.completed_at) as arrived_at, coalesce(b.returns, '{}') as returns
from orders o
join order_lines l on l.merchant_id = %(m)s and l.order_id = o.id
left join variants v on v.merchant_id = %(m)s and v.id = l.variant_id
left join back b on b.order_line_id = l.id
left join arrived a on a.order_line_id = l.id
where o.merchant_id = %(m)s and o.id = %(order)s and l.quantity > l.cancelled order by l.position
"""


async def sold(ctx: Context, order: Order) -> list[Sold]:
    """The lines of an order that stand."""
    params = {
        "m": ctx.merchant.id, "order": order.id, "given_up": [status.value for status in GIVEN_UP],
        "asked": [status.value for status in (*ASKED, ReturnStatus.received)],
    }  # fmt: skip
    return await ctx.sql.rows(_SOLD, params, as_=Sold)


def meant(ctx: Context, lines: Sequence[Sold], written: str, where: str) -> list[Sold]:
    """The lines of the one SKU that people mean by it, a `VAR-7`, or words of a title ("the blue mugs").

    Raises `NotInOrder`, `Ambiguous`.
    """
    key = written.strip().casefold()
    named = [line for line in lines if key == line.sku.casefold() or Kind.variant.canonical(written) == line.variant]
    found = named or [line for line in lines if fits(written, line.title, line.sku, line.options)]
    there = words.listed([f"{line.units:,} {line.sku} ({line.title})" for line in lines] or ["nothing"])
    if not found:
        raise NotInOrder(f"{where} has no {outside(written)}.", hint=f"It has {there}.")
    if len({line.sku for line in found}) > 1:
        skus = words.listed(f"{line.sku} ({line.title})" for line in found)
        raise Ambiguous(f"{outside(written)} fits {skus} of {where}.", hint="Say which one, by its SKU.")
    if found[0].variant:
        ctx.means(Kind.variant, written, found[0].variant)
    return found


def spread(lines: Sequence[Sold], units: int | None) -> list[tuple[Sold, int | None]]:
    """Units over lines of one SKU, the first lines first; what is too many is asked of the last, of which it is refused."""
    there = [line for line in lines if line.left > 0] or lines[:1]
    if units is None:
        return [(line, None) for line in there]
    parts: list[tuple[Sold, int | None]] = []
    for line in there:
        part = units if line is there[-1] else min(units, line.left)
        parts += [(line, part)] if part else []
        units -= part
    return parts


_FILLERS = frozenset(["the", "a", "an", "of", "her", "his", "their", "my", "both", "all"])


def fits(written: str, title: str, sku: str, options: Mapping[str, Any]) -> bool:
    """Whether each word of what was written is in the name of the goods, in the singular or the plural."""
    hay = fold(" ".join([title, sku, *map(str, options.values())]))
    asked = [word for word in fold(written).split() if word not in _FILLERS]
    return bool(asked) and all(word in hay or word.removesuffix("s") in hay for word in asked)


def verdict(ctx: Context, policy: Policy, line: Sold, units: int | None, reason: ReturnReason) -> Verdict:
    """What the policy says of so many units of a line; of all that are left, where none are named."""
    terms = policy.rule_for(reason, line.shelf)
    asked = max(line.left, 0) if units is None else units
    arrived = line.arrived_at.astimezone(ctx.merchant.zone).date() if line.arrived_at else None
    until = terms.last_day(arrived) if arrived else None
    allowed, why = _judged(ctx, terms, line, asked, until)
    return Verdict(line, asked, terms, allowed, until, why)


def _judged(ctx: Context, terms: Terms, line: Sold, units: int, until: date | None) -> tuple[bool, str]:
    if why := impossible(line, units):
        return False, why
    if not terms.returnable:
        return False, f"{terms.named} takes none back."
    days = words.count(terms.window_days, "day")
    if until is None:
        return True, f"{terms.named} gives {days} from delivery, and it has not arrived yet."
    if ctx.now().astimezone(ctx.merchant.zone).date() > until:
        return False, f"{terms.named} gives {days} from delivery: that was until {words.day(until)}."
    return True, f"{terms.named} gives {days} from delivery: until {words.day(until)}."


def impossible(line: Sold, units: int) -> str:
    """Why so many units of a line cannot come back, whatever the policy; nothing where they can."""
    if not line.fulfilled:
        return "None of it has left: it can be cancelled, or its lines changed."
    if line.waiting and line.left < units:
        return f"Of {words.count(line.waiting, 'unit')} the label is still being bought."
    if line.left <= 0:
        return f"All {line.fulfilled:,} that left came back or are to come ({words.listed(line.returns)})."
    if units > line.left:
        also = f", for {line.taken:,} are in {words.listed(line.returns)}" if line.taken else ""
        return f"{line.left:,} of it can come back{also}; {units:,} were asked."
    return ""


async def refuse_too_soon_or_again(ctx: Context, order: Order, lines: Sequence[Sold]) -> None:
    """Raise what the shop's settings say of an order that is under way, and of one that has a return."""
    before = sorted({name for line in lines for name in line.returns})
    if before and await chosen(ctx, RETURN_ONCE):
        raise OrderReturnedBefore(f"Of {order.reference} there is {words.listed(before)} already.")
    if any(line.fulfilled and line.arrived_at is None for line in lines) and await chosen(ctx, RETURN_DELIVERED):
        raise ReturnNotAllowed(
            f"{order.reference} has not arrived yet.",
            hint="The setting `after_sales.returns_once_delivered` says so; record_tracking_event tells that it has arrived.",
        )


def refuse_asked(order: Order, asked: Sequence[Verdict], *, goodwill: bool) -> None:
    """Raise where nothing can come back, or the policy does not take it and nobody takes it all the same."""
    if not asked:
        raise ReturnNotAllowed(
            f"Nothing of {order.reference} can come back: {order.units_fulfilled} of {order.units} units have left.",
            hint="What has not left is cancelled (cancel_order); what came back is in get_order.",
        )
    for one in asked:
        if one.allowed or (goodwill and not impossible(one.line, one.units)):
            continue
        hint = "get_order shows its parcels and returns." if impossible(one.line, one.units) else ""
        raise ReturnNotAllowed(f"{one.line.sku} of {order.reference}: {one.why}", hint=hint)


def shipping_due(order: Order, lines: Sequence[Sold], asked: Sequence[Verdict]) -> int:
    """The order's shipping, where all that was bought comes back at once, under rules that give it back."""
    coming: dict[UUID, int] = {one.line.id: one.units for one in asked}
    whole = all(coming.get(line.id, 0) >= line.units for line in lines)
    if not whole or not all(one.terms.refunds_shipping for one in asked):
        return 0
    return order.shipping + (0 if order.prices_include_tax else order.shipping_tax)


@dataclass(frozen=True)
class Due:
    """What a return gives back, in minor units of the order's currency."""

    worth: int
    shipping: int
    fee: int
    currency: str

    @property
    def refund(self) -> int:
        return self.worth + self.shipping - self.fee

    def money(self, amount: int) -> Money:
        return Money(amount=amount, currency=self.currency)


def due_for(ctx: Context, order: Order, parts: Iterable[tuple[Terms, int]], shipping: int) -> Due:
    parts = list(parts)
    return Due(sum(worth for _, worth in parts), shipping, fee_of(ctx, parts, order.currency), order.currency)


def due_of(ctx: Context, order: Order, lines: Sequence[Sold], asked: Sequence[Verdict]) -> Due:
    """What a return of these units would give back."""
    return due_for(ctx, order, [(one.terms, one.worth) for one in asked], shipping_due(order, lines, asked))


async def open_return(
    ctx: Context,
    order: Order,
    asked: Sequence[Verdict],
    due: Due,
    reasons: Mapping[UUID, ReturnReason],
    *,
    status: ReturnStatus = ReturnStatus.requested,
    wanted: ReturnWish = ReturnWish.refund,
    wants: Mapping[UUID, list[dict[str, Any]]] | None = None,
    **more: Any,
) -> Return:
    """Write a return of a locked order. `reasons` are by order line; the first one's is the return's. `wants` are, too."""
    row = await ctx.add(
        Return, order_id=order.id, customer_id=order.customer_id, status=status, reason=reasons[asked[0].line.id],
        wanted=wanted, currency=order.currency, refund=due.refund, fee=due.fee, refunded=0, shipping=due.shipping,
        requested_at=ctx.now(), approved_at=None if status is ReturnStatus.requested else ctx.now(), **more,
    )  # fmt: skip
    for one in asked:
        ctx.new(
            ReturnLine, return_id=row.id, order_line_id=one.line.id, variant_id=one.line.variant_id, quantity=one.units,
            received=0, restocked=0, accepted=0, terms=one.terms.kept(), reason=reasons[one.line.id], refund=one.worth,
            wants=(wants or {}).get(one.line.id, []),
        )  # fmt: skip
    ctx.event(f"{status}", row, order_id=order.id, units=sum(one.units for one in asked))
    return row
