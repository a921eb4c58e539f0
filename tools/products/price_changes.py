"""Many prices at once by one rule, exactly as they were previewed, and back again."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, NamedTuple, Self
from uuid import UUID

from pydantic import Field, model_validator

from db.models.products import Category, Repriced
from db.money import Currency, Money, exponent, major
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, Conflict, Invalid, NotFound
from tools.contract.fields import (
    CategoryRef,
    MinorUnits,
    Name,
    PeriodEnd,
    PeriodStart,
    Search,
    Synonyms,
    VariantRef,
    Written,
)  # fmt: skip
from tools.contract.page import cursor, place
from tools.products.creation import CurrencyNotSold
from tools.products.prices import sold_in, spelling, whose
from tools.products.repricing import (
    NAMED,
    Held,
    PriceInThePast,
    PricePlanned,
    PricesChangedSince,
    Window,
    Wish,
    held,
    keep,
    reprice,
    some,
    window_of,
)  # fmt: skip
from tools.rules.lookup import WITH_ALL_BELOW, containing, find_category, find_variants
from tools.rules.price_rules import Ending, Rule, floor_of

MOST = 10_000  # variants of one change
MOST_MONEY = 1_000_000_000  # minor units that a price moves by
SHOWN = 100  # of them, in its answer


class NothingChosen(Invalid):
    """A change of prices says which products it is about."""

    hint = "Give a category, brand, tag, SKUs or words; or `everything` for the whole catalogue."


class NoPriceToChange(Conflict):
    """None of the products that were chosen has a price that would become another one."""

    hint = "Look at what they cost with list_products, and choose other products or another rule."


class TooManyPrices(Conflict):
    """A change is one that a person can look through."""

    hint = "Change the prices shelf by shelf, or brand by brand."


class PriceBelowZero(Conflict):
    """Nobody is paid for buying."""

    hint = "Take off less, or leave these out."


class ChangePrices(Input):
    """Which prices change, how and when."""

    category: CategoryRef | None = Field(
        default=None, description="Category with all below it: `CAT-7`, its slug or its name."
    )
    brand: Name | None = Field(default=None, description="Brand, whatever the case.")
    tag: Written | None = Field(default=None, description="Tag, whatever the case.")
    skus: list[VariantRef] | None = Field(
        default=None, min_length=1, max_length=1_000, description="Variants: SKUs, or `VAR-7`."
    )
    text: Search | None = Field(default=None, description="Words that title, brand, tags or SKU contain, as written.")
    everything: bool = Field(default=False, description="True for the whole catalogue.")
    percent: Annotated[Decimal, Field(gt=-100, le=1_000, max_digits=7, decimal_places=3)] | None = Field(
        default=None, description="By how many per cent prices rise; below zero they fall: -10 is 10 % off."
    )
    by_amount: Annotated[MinorUnits, Field(ge=-MOST_MONEY, le=MOST_MONEY)] | None = Field(
        default=None, description="By how much prices rise, minor units; below zero they fall."
    )
    to_amount: MinorUnits | None = Field(default=None, ge=0, description="What each of them shall cost, minor units.")
    round_to: Annotated[
        Ending,
        Synonyms({
            "ends_95": (".95", "95 cents", "ending in 95"),
            "ends_99": (".99", "99 cents", "ending in 99"),
            "whole": ("full euros", "whole euros", "round numbers", "no cents", ".00"),
        }),
    ] | None = Field(default=None, description="Which prices there are: the nearest .95, .99, or whole unit.")  # fmt: skip
    margin: Annotated[Decimal, Field(ge=0, le=1_000, max_digits=7, decimal_places=3)] | None = Field(
        default=None,
        description="No price under the cost with so many per cent of it on top, and tax where prices contain it; without a cost "
        "a price stays.",
    )

    strike_through: bool = Field(
        default=False, description="True shows the price before, struck through, beside a lower one."
    )
    currency: Currency | None = Field(default=None, description="Prices in this currency; unless said, the shop's own.")
    customer_group: Name | None = Field(
        default=None,
        description="The prices of this price group, such as `wholesale`; unless said, those of everybody.",
    )
    valid_from: PeriodStart | None = Field(
        default=None, description="From when the new prices hold, UTC; unless said, from now on."
    )
    valid_until: PeriodEnd | None = Field(
        default=None, description="Until when, exclusive, UTC; the prices before then go on. Unless said, it is open."
    )
    previewed: str | None = Field(
        default=None,
        max_length=400,
        description="From the arguments of its preview: applied exactly as it was shown, or refused.",
    )

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        ways = [way for way in (self.percent, self.by_amount, self.to_amount) if way is not None]
        if len(ways) != 1 or not (ways[0] or self.to_amount == 0):
            raise ValueError("give one of percent, by_amount and to_amount, and not by nothing")
        return self


class RepricedVariant(Result):
    """A variant that was looked at, and what became of its price."""

    sku: str = Field(description="SKU.")
    before: Money = Field(description="What it cost, minor units.")
    price: Money = Field(description="What it costs with the change, minor units.")
    outcome: Repriced = Field(
        description="changed; floored: no lower than its margin allows; unchanged; without_cost: no margin can be kept."
    )


class PricesChanged(Result):
    """What a change of prices did."""

    change: str = Field(description="The change, such as `PCH-7`: with it undo_price_change takes it back.")
    changed: int = Field(description="Variants that have another price by it.")
    floored: int = Field(
        description="Variants that stopped at their floor, or stay because they are at it or under it."
    )
    unchanged: int = Field(description="Variants whose price would have become what it is.")
    without_cost: int = Field(
        description="Variants that stay as they are, because their cost in that currency is unknown."
    )
    without_price: int = Field(description="Variants that have no price to change in that currency then.")
    valid_from: datetime = Field(description="From when the new prices hold, UTC.")
    rows: list[RepricedVariant] = Field(description=f"The first {SHOWN} by SKU; the preview shows all.")


class _Chosen(NamedTuple):
    id: UUID
    cost: Decimal | None
    cost_currency: str | None
    tax_rate: Decimal
    edited_at: datetime


_CONDITIONS = {
    "category": f"p.category_id in ({WITH_ALL_BELOW})",
    "brand": "lower(p.brand) = lower(%(brand)s)",
    "tag": "exists (select from unnest(p.tags) tag where lower(tag) = lower(%(tag)s))",
    "skus": "v.id = any(%(skus)s::uuid[])",
    "text": "p.search like all(%(text)s::text[])",
}
# The tax in a price is that of the shop's own country: what goes elsewhere costs the same, and leaves a little more or less.
_CHOSEN = """
select v.id, v.cost, v.cost_currency, greatest(v.updated_at, p.updated_at) as edited_at, case when %(included)s then coalesce((
    select t.rate from tax_rates t
    where t.merchant_id = %(m)s and t.country = %(country)s and t.region is null and t.tax_class in (k.class, 'standard')
      and t.valid_from <= %(starts)s and (t.valid_until is null or t.valid_until > %(starts)s)
    order by t.tax_class = k.class desc limit 1
), 0) else 0 end as tax_rate
from variants v join products p on p.merchant_id = %(m)s and p.id = v.product_id
cross join lateral (select coalesce(v.tax_class, p.tax_class) as class) k
where v.merchant_id = %(m)s and v.archived_at is null and p.status <> 'archived' and {conditions}
order by v.id limit {most}
"""


@tool(
    route="POST /products/price-changes",
    effect=Effect.money,
    permission="prices:write",
    raises=[
        NothingChosen, NoPriceToChange, TooManyPrices, PriceBelowZero, PricesChangedSince, PriceInThePast, PricePlanned,
        CurrencyNotSold, NotFound, Ambiguous,
    ],
    examples=[
        "Take 10 percent off everything in Candles, rounded to .95",
        "Raise all Terra prices by 2 euros, but keep at least 30 % on top of the cost",
    ],
)  # fmt: skip
async def change_prices(ctx: Context, args: ChangePrices) -> PricesChanged:
    """Change many prices by one rule: a category, brand, tag, SKUs or search.

    The preview shows each variant with its old and its new price; with `previewed` from it, exactly that is applied. It can
    be taken back with `undo_price_change`. Percentages and amounts below zero lower prices. For one variant, `set_price`.
    """
    currency, group = sold_in(ctx, args.currency), await spelling(ctx, args.customer_group)
    window = window_of(ctx, currency, args.valid_from, args.valid_until, group)
    rule, category = _rule(args, window), await find_category(ctx, args.category) if args.category else None
    chosen = {row.id: row for row in await _chosen(ctx, args, window, category)}
    prices = await held(ctx, list(chosen), window)
    lines = [
        _line(price, price.amount, chosen[price.variant_id], args, rule) for price in prices if price.amount is not None
    ]
    _as_previewed(ctx, args, lines, chosen)
    wishes = [wish for wish, _ in lines if wish.amount != wish.held.amount]
    _can_be(lines, wishes, window)

    ends = await reprice(ctx, window, wishes)
    chosen_are, without_price = f"{_whose(args, category)}{whose(window)}", len(prices) - len(lines)
    told = f"{chosen_are} {_how(args, window.currency)}"
    _tell(ctx, told, lines, window, without_price)
    change = await keep(ctx, told, window, lines, ends)
    counts = Counter(outcome for _, outcome in lines)
    return PricesChanged(
        change=change.reference, changed=len(wishes), valid_from=window.starts, without_price=without_price,
        rows=[_shown(wish, outcome, window.currency) for wish, outcome in lines[:SHOWN]],
        **{of.value: counts[of] for of in (Repriced.floored, Repriced.unchanged, Repriced.without_cost)},
    )  # fmt: skip


def _rule(args: ChangePrices, window: Window) -> Rule:
    if args.round_to in (Ending.ends_95, Ending.ends_99) and exponent(window.currency) < 2:
        raise Invalid(f"{window.currency} has no cents to end in.", hint="Round to whole units, or not at all.")
    return Rule(window.currency, args.percent, args.by_amount, args.to_amount, args.round_to)


async def _chosen(ctx: Context, args: ChangePrices, window: Window, category: Category | None) -> list[_Chosen]:
    asked = {name: getattr(args, name) for name in _CONDITIONS if getattr(args, name) is not None}
    if not asked and not args.everything:
        raise NothingChosen("It was not said whose prices change.")
    conditions = " and ".join(_CONDITIONS[name] for name in asked) or "true"
    if category is not None:
        asked["category"] = category.id
    if args.skus is not None:
        asked["skus"] = [variant.id for variant in await find_variants(ctx, args.skus)]
    if args.text is not None:
        asked["text"] = containing(args.text)
    own = {
        "m": ctx.merchant.id, "included": ctx.merchant.prices_include_tax, "country": ctx.merchant.country, "starts": window.starts,
    }  # fmt: skip
    found = await ctx.sql.rows(_CHOSEN.format(conditions=conditions, most=MOST + 1), {**own, **asked}, as_=_Chosen)
    if len(found) > MOST:
        raise TooManyPrices(f"More than {MOST:,} variants were chosen, and one change takes no more.")
    if not found:
        raise NoPriceToChange("Nothing in the catalogue is what was chosen.")
    return found


def _line(price: Held, amount: int, of: _Chosen, args: ChangePrices, rule: Rule) -> tuple[Wish, Repriced]:
    """What becomes of a price, and why."""
    floor = None
    if args.margin is not None:
        if of.cost is None or of.cost_currency != rule.currency:
            return Wish(price, amount, price.compare_at), Repriced.without_cost
        floor = rule.at_least(floor_of(of.cost, args.margin, of.tax_rate))
    wanted = rule.price(amount)
    new = wanted if floor is None else max(wanted, floor if wanted > amount else min(floor, amount))
    if new == amount:
        return Wish(price, amount, price.compare_at), Repriced.floored if new > wanted else Repriced.unchanged
    compared = amount if args.strike_through and new < amount else price.compare_at
    compare_at = compared if compared is not None and compared > new else None
    return Wish(price, new, compare_at), Repriced.floored if new > wanted else Repriced.changed


def _can_be(lines: Sequence[tuple[Wish, Repriced]], wishes: Sequence[Wish], window: Window) -> None:
    """Raise `PriceBelowZero` or `NoPriceToChange`."""
    below = [wish.held for wish in wishes if (wish.amount or 0) < 0]
    if below:
        costs = words.listed(
            (f"{price.sku} at {words.money(price.amount or 0, window.currency)}" for price in below), NAMED
        )
        raise PriceBelowZero(f"{costs} would cost less than nothing.", skus=[price.sku for price in below[:NAMED]])
    if not wishes:
        raise NoPriceToChange(
            f"Of the variants that were chosen, {len(lines)} have a price in {window.currency} then, and none of them would change."
        )


# ---- as previewed --------------------------------------------------------------------------------------------------------


def _as_previewed(
    ctx: Context, args: ChangePrices, lines: Sequence[tuple[Wish, Repriced]], chosen: Mapping[UUID, _Chosen]
) -> None:
    """Settle the arguments on what is shown now. Raises `PricesChangedSince` when a preview showed something else."""
    told = "\n".join(f"{wish.held.variant_id} {wish.held.amount} {wish.amount} {outcome}" for wish, outcome in lines)
    digest = hashlib.sha256(told.encode()).hexdigest()
    seen = place(args.previewed, datetime, str, int)
    if seen is None:
        ctx.settled = args.model_copy(update={"previewed": cursor(ctx.now(), digest, len(lines))})
        return
    at, before, count = seen
    if before == digest:
        return
    since = [wish.held.sku for wish, _ in lines if _differs(wish.held, chosen[wish.held.variant_id], at, ctx.now())]
    when = words.moment(at, ctx.merchant.zone)
    named = f": {some(since)} changed since" if since else ""
    raise PricesChangedSince(
        f"{words.count(count, 'price')} were shown on {when}, and what would change now is not the same"
        f" ({words.count(len(lines), 'price')}{named}).",
        skus=since[:NAMED],
    )


def _differs(price: Held, of: _Chosen, at: datetime, now: datetime) -> bool:
    """Whether a product was edited, or its price set or begun, since that moment."""
    begun = price.valid_from is not None and at < price.valid_from <= now
    return of.edited_at > at or begun or (price.set_at is not None and price.set_at > at)


def _shown(wish: Wish, outcome: Repriced, currency: str) -> RepricedVariant:
    return RepricedVariant(
        sku=wish.held.sku, before=Money(amount=wish.held.amount or 0, currency=currency),
        price=Money(amount=wish.amount or 0, currency=currency), outcome=outcome,
    )  # fmt: skip


# ---- told ----------------------------------------------------------------------------------------------------------------


def _whose(args: ChangePrices, category: Category | None) -> str:
    """`Prices in Candles, of Terra, tagged sale`."""
    parts = [
        f"in {category.name}" if category else "", f"of {args.brand}" if args.brand else "",
        f"tagged {args.tag}" if args.tag else "", f"of “{args.text}”" if args.text else "",
        f"of {words.listed(args.skus)}" if args.skus else "",
    ]  # fmt: skip
    return f"Prices {', '.join(part for part in parts if part) or 'of the whole catalogue'}"


def _how(args: ChangePrices, currency: str) -> str:
    """`fall by 10 %, to the nearest .95, but not below cost and 20 %`."""
    if args.to_amount is not None:
        how = f"become {words.money(args.to_amount, currency)}"
    else:
        by = args.percent if args.percent is not None else args.by_amount or 0
        moved = (
            words.percent(abs(args.percent))
            if args.percent is not None
            else words.money(abs(args.by_amount or 0), currency)
        )
        how = f"{'rise' if by > 0 else 'fall'} by {moved}"
    nearest = {Ending.ends_95: ".95", Ending.ends_99: ".99", Ending.whole: "whole unit"}
    rounded = f", to the nearest {nearest[args.round_to]}" if args.round_to else ""
    floor = f", but not below cost and {words.percent(args.margin)}" if args.margin is not None else ""
    struck = ", with the old price struck through beside a lower one" if args.strike_through else ""
    return how + rounded + floor + struck


def _tell(ctx: Context, told: str, lines: Sequence[tuple[Wish, Repriced]], window: Window, without_price: int) -> None:
    moved = [wish for wish, _ in lines if wish.amount != wish.held.amount]
    zone, currency = ctx.merchant.zone, window.currency
    starts = "now" if window.starts == ctx.now() else words.moment(window.starts, zone)
    until = f" until {words.moment(window.until, zone)}" if window.until else " on"
    ctx.tell(f"{told}, from {starts}{until}: {words.count(len(moved), 'variant')}.")
    ctx.tell(f"{words.listed(_from_to(wish, currency) for wish in moved)}.")
    stay = {
        Repriced.floored: "no lower than the margin allows",
        Repriced.unchanged: "as they are, for the rule changes nothing",
        Repriced.without_cost: "as they are, for their cost is not known",
    }
    for outcome, why in stay.items():
        if skus := [wish.held.sku for wish, of in lines if of is outcome]:
            ctx.tell(
                f"{words.listed(skus)} {'stays' if len(skus) == 1 else 'stay'} {_of_one(why) if len(skus) == 1 else why}."
            )
    if without_price:
        have = "variant has" if without_price == 1 else "variants have"
        ctx.tell(f"{without_price:,} more {have} no price in {currency} then.")


def _of_one(why: str) -> str:
    return why.replace("as they are", "as it is").replace("their", "its")


def _from_to(wish: Wish, currency: str) -> str:
    return f"{wish.held.sku} from {major(wish.held.amount or 0, currency)} to {words.money(wish.amount or 0, currency)}"
