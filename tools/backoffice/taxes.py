"""Tax rates: what is owed where, for which class of goods, from when until when."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, NamedTuple
from uuid import UUID

from pydantic import Field, StringConstraints
from sqlalchemy import select

from db.models.backoffice import TaxRate
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict, Invalid
from tools.contract.fields import Country, Hint, Instant, Name
from tools.contract.page import Page, Paged, paged, place

Region = Annotated[str, StringConstraints(min_length=1, max_length=50)]
TaxClass = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,50}$", to_lower=True)]
Percent = Annotated[Decimal, Hint("percent")]


class TaxRatesOverlap(Conflict):
    """At any moment one rate holds for a country, region and class."""


class TaxRateEndsEarly(Invalid):
    """A rate ends after it begins."""


class TaxRateDetail(Result):
    """A tax rate."""

    reference: str = Field(description="Reference of the rate, such as TAX-1001.")
    name: str = Field(description="What invoices call it.")
    country: str = Field(description="ISO 3166 alpha-2.")
    region: str | None = Field(description="A part of the country; null is all of it.")
    tax_class: str = Field(description="Which goods: `standard`, or a class of the shop's own.")
    rate: Decimal = Field(description="Percent, with two decimals: 20.00.")
    valid_from: datetime = Field(description="From when it holds, UTC.")
    valid_until: datetime | None = Field(description="Until when it holds, UTC, exclusive; null is open.")


class SetTaxRate(Input):
    """A rate, and where, for what and when it holds."""

    country: Country = Field(description="ISO 3166 alpha-2, such as FR.")
    region: Region | None = Field(default=None, description="A part of the country, such as CA-QC; omit for all of it.")
    tax_class: TaxClass = Field(
        default="standard", description="Which goods: `standard`, `reduced`, or the shop's own."
    )
    rate: Percent = Field(
        ge=0, lt=100, max_digits=5, decimal_places=3, description="Percent, with up to three decimals: 20 or 9.975."
    )
    name: Name | None = Field(default=None, description="What invoices call it, such as `TVA 20 %`.")
    valid_from: Instant | None = Field(default=None, description="From when it holds, UTC; omit for now.")
    valid_until: Instant | None = Field(
        default=None, description="Until when it holds, UTC, exclusive; omit to leave it open."
    )


@tool(
    route="PUT /tax-rates",
    effect=Effect.money,
    permission="settings:write",
    raises=[TaxRateEndsEarly, TaxRatesOverlap],
    examples=["Set the VAT in Germany to 19 percent", "From 1 January the reduced rate in France is 5.5 %"],
)
async def set_tax_rate(ctx: Context, args: SetTaxRate) -> TaxRateDetail:
    """Set the tax rate of a country, region and class of goods from a moment on.

    The open rate before it ends where this one begins; the same beginning corrects the rate. Orders keep the rate
    with which they were placed. `rate` is percent: 20 is 20 %.
    """
    begins = args.valid_from or ctx.now().replace(
        microsecond=0
    )  # on a card it is a time like any other, not the run's clock
    ctx.settled = args.model_copy(update={"valid_from": begins})
    if args.valid_until is not None and args.valid_until <= begins:
        raise TaxRateEndsEarly(
            f"It would begin on {begins:%Y-%m-%d %H:%M} and end on {args.valid_until:%Y-%m-%d %H:%M}."
        )
    rates = await _rates(ctx, args)
    before = next((rate for rate in rates if rate.valid_until is None and rate.valid_from < begins), None)
    same = next((rate for rate in rates if rate.valid_from == begins), None)
    others = [rate for rate in rates if rate not in (before, same)]
    for rate in others:
        _must_not_overlap(rate, begins, args.valid_until)

    _tell(ctx, args, begins, same, before)
    if before is not None:
        before.valid_until = begins
    if args.valid_until is not None and not any(rate.valid_from == args.valid_until for rate in others):
        until = words.moment(args.valid_until, ctx.merchant.zone)
        ctx.tell(f"Nothing holds after {until} until a rate is set from then on.")
    kept = {"rate": args.rate / 100, "valid_until": args.valid_until}
    if same is None:
        kept |= {"country": args.country, "region": args.region, "tax_class": args.tax_class, "valid_from": begins}
        same = await ctx.add(TaxRate, name=args.name or _named(args), **kept)
    else:
        same.rate, same.valid_until = args.rate / 100, args.valid_until
        same.name = args.name or _named(args)
    return _shown(same)


def _tell(ctx: Context, args: SetTaxRate, begins: datetime, same: TaxRate | None, before: TaxRate | None) -> None:
    zone, taxed = ctx.merchant.zone, f"{args.tax_class} goods in {args.region or args.country}"
    holds = f"from {words.moment(begins, zone)} on"
    if args.valid_until is not None:
        holds = f"from {words.moment(begins, zone)} until {words.moment(args.valid_until, zone)}"
    ctx.tell(f"Tax on {taxed} is {words.percent(args.rate)} {holds} ({args.name or _named(args)}).")
    if same is not None:
        was = f", until {words.moment(same.valid_until, zone)}" if same.valid_until else ""
        ctx.tell(f"That corrects {same.name} ({same.reference}), which was {words.percent(same.rate * 100)}{was}.")
    if before is not None:
        ctx.tell(f"{before.name} ({before.reference}), now {words.percent(before.rate * 100)}, ends then.")


async def _rates(ctx: Context, args: SetTaxRate) -> list[TaxRate]:
    """The rates of the same country, region and class. One caller at a time: two new rates must not overlap each other."""
    await ctx.sql.execute(
        "select pg_advisory_xact_lock(hashtextextended(%s::text || 'tax rates', 0))", (ctx.merchant.id,)
    )
    found = await ctx.db.scalars(
        select(TaxRate)
        .where(
            TaxRate.merchant_id == ctx.merchant.id,
            TaxRate.country == args.country,
            TaxRate.region.is_not_distinct_from(args.region),
            TaxRate.tax_class == args.tax_class,
        )
        .order_by(TaxRate.valid_from)
    )
    return list(found.all())


def _must_not_overlap(rate: TaxRate, begins: datetime, ends: datetime | None) -> None:
    apart = (rate.valid_until is not None and rate.valid_until <= begins) or (
        ends is not None and ends <= rate.valid_from
    )
    if not apart:
        until = f"until {rate.valid_until:%Y-%m-%d %H:%M}" if rate.valid_until else "with no end"
        raise TaxRatesOverlap(
            f"{rate.name} ({rate.reference}) holds from {rate.valid_from:%Y-%m-%d %H:%M} {until}.",
            hint="Let the new rate begin when that one ends, or end it when that one begins: `valid_from`, `valid_until`.",
        )


def _named(args: SetTaxRate) -> str:
    return f"{args.region or args.country} {args.tax_class} {args.rate.normalize():f} %"


class ListTaxRates(Paged):
    """Which rates are wanted."""

    country: Country | None = Field(default=None, description="ISO 3166 alpha-2, such as FR.")
    tax_class: TaxClass | None = Field(
        default=None, description="Which goods: `standard`, `reduced`, or the shop's own."
    )
    valid_at: Instant | None = Field(default=None, description="Only rates that hold at this moment, UTC.")


class _Rate(NamedTuple):
    id: UUID
    reference: str
    name: str
    country: str
    region: str | None
    tax_class: str
    rate: Decimal
    valid_from: datetime
    valid_until: datetime | None


@tool(
    route="GET /tax-rates",
    effect=Effect.read,
    permission="settings:read",
    raises=[],
    examples=["Which tax rates do we have?", "What is the VAT on books in Germany?"],
)
async def list_tax_rates(ctx: Context, args: ListTaxRates) -> Page[TaxRateDetail]:
    """List tax rates by country and class, the newest of each first."""
    country, region, tax_class, valid_from = place(args.after, str, str, str, datetime) or (None, None, None, None)
    return await paged(
        ctx,
        args,
        """
        select id, reference, name, country, region, tax_class, rate, valid_from, valid_until from tax_rates
        where merchant_id = %(m)s
          and (%(country)s::text is null or country = %(country)s)
          and (%(tax_class)s::text is null or tax_class = %(tax_class)s)
          and (%(valid_at)s::timestamptz is null
               or (valid_from <= %(valid_at)s and (valid_until is null or valid_until > %(valid_at)s)))
          and (%(c)s::text is null or (country, coalesce(region, ''), tax_class) > (%(c)s, %(r)s, %(t)s)
               or ((country, coalesce(region, ''), tax_class) = (%(c)s, %(r)s, %(t)s) and valid_from < %(f)s))
        order by country, coalesce(region, ''), tax_class, valid_from desc limit %(limit)s
        """,
        args.model_dump() | {"m": ctx.merchant.id, "c": country, "r": region, "t": tax_class, "f": valid_from},
        as_=_Rate,
        show=_shown,
        at=lambda row: (row.country, row.region or "", row.tax_class, row.valid_from),
    )


def _shown(rate: TaxRate | _Rate) -> TaxRateDetail:
    return TaxRateDetail(
        reference=rate.reference,
        name=rate.name,
        country=rate.country,
        region=rate.region,
        tax_class=rate.tax_class,
        rate=(rate.rate * 100).quantize(Decimal("0.001")),
        valid_from=rate.valid_from,
        valid_until=rate.valid_until,
    )
