"""How much of a variant will be sold in the weeks to come, and how far to trust that."""

from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import Field

from db.models.products import Variant
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, NotFound
from tools.contract.fields import VariantRef
from tools.inventory.demand import Demand, demand, monday
from tools.rules.lookup import find_variant

if TYPE_CHECKING:
    from tools.rules.forecasting import Forecast, Measured

HISTORY = 156  # weeks that are looked at, at most
SHORT = 12  # weeks of sales below which a forecast is little more than a guess


class Method(StrEnum):
    smoothing = "smoothing"
    intermittent = "intermittent"
    seasonal_naive = "seasonal_naive"


class ForecastDemand(Input):
    sku: VariantRef = Field(description="The variant, by SKU such as `MUG-BLUE`.")
    weeks: int = Field(default=8, ge=1, le=26, description="For how many weeks, the one under way included.")


class WeekAhead(Result):
    """A week to come."""

    week_of: date = Field(description="Its Monday, in the shop's time zone.")
    expected: float = Field(description="Units expected to be sold.")
    low: float = Field(description="Lower end of the interval.")
    high: float = Field(description="Upper end of the interval.")


class ForecastError(Result):
    """How wrong a method was when it forecast the past."""

    wape: float | None = Field(description="All misses as a part of all that was sold, 0.3 is 30 %; null: nothing was.")
    mase: float | None = Field(
        description="The mean miss, as a multiple of that of saying `as last week`; null: demand never changed."
    )


class DemandForecast(Result):
    """What is expected to be sold, and how far to trust it."""

    sku: str = Field(description="The variant's SKU.")
    title: str = Field(description="The variant's title.")
    expected: float = Field(description="Units expected to be sold in all the weeks together.")
    low: float = Field(description="Lower end of the interval of that sum.")
    high: float = Field(description="Upper end of the interval of that sum.")
    trust: str = Field(description="How far to trust it, in a sentence.")
    long_enough: bool = Field(
        description="Whether there is history enough for the forecast, and for measuring its error."
    )
    weeks: list[WeekAhead] = Field(description="Week by week.")
    method: Method = Field(description="How it was made; intermittent is for goods that sell now and then.")
    measured: ForecastError | None = Field(
        description="The method's own error; null: too little history to measure it."
    )
    as_last_week: ForecastError | None = Field(description="The error of saying `as last week`, in the same forecasts.")
    as_a_year_ago: ForecastError | None = Field(
        description="The error of saying `as a year ago`; null: there is less than a year to compare."
    )
    past_forecasts: int = Field(description="Forecasts of the past from which the errors were measured.")
    history_weeks: int = Field(description="Whole weeks since the first sale, at most three years.")
    history_from: date | None = Field(description="The Monday of the first of them; null: never sold.")
    sold: int = Field(description="Units ordered in them.")
    zone: str = Field(description="The shop's time zone, whose weeks are meant.")


@tool(
    route="GET /inventory/{sku}/forecast",
    effect=Effect.read,
    permission="inventory:read",
    heavy=True,
    raises=[NotFound, Ambiguous],
    examples=["How many MUG-BLUE will we sell in the next two months?", "Forecast TSH-BLK-M for 4 weeks"],
)
async def forecast_demand(ctx: Context, args: ForecastDemand) -> DemandForecast:
    """Forecast a variant's weekly demand, with an interval and the measured error.

    From units ordered in whole weeks; cancelled ones do not count. Weeks in which nothing was in stock count as they were, so
    that demand may have been higher. The error is measured by forecasting the past, beside two forecasts that need no method.
    About four of five weeks lie inside the interval. Promotions and holidays to come are not known to it.
    """
    from tools.rules.forecasting import forecast

    variant = await find_variant(ctx, args.sku)
    past = await demand(ctx, variant.id, HISTORY)
    made = forecast(past.weeks, args.weeks)
    return _shown(ctx, variant, past, made)


def _shown(ctx: Context, variant: Variant, past: Demand, made: "Forecast") -> DemandForecast:
    first, history = monday(ctx), made.history
    enough = history >= SHORT and made.own is not None
    return DemandForecast(
        sku=variant.sku,
        title=variant.title,
        expected=_units(made.weeks.sum()),
        low=_units(made.total_low),
        high=_units(made.total_high),
        trust=_trust(made, enough=enough),
        long_enough=enough,
        weeks=[
            WeekAhead(week_of=first + timedelta(weeks=n), expected=_units(week), low=_units(low), high=_units(high))
            for n, (week, low, high) in enumerate(zip(made.weeks, made.low, made.high, strict=True))
        ],
        method=Method(made.method),
        measured=_error(made.own),
        as_last_week=_error(made.naive),
        as_a_year_ago=_error(made.seasonal),
        past_forecasts=made.forecasts,
        history_weeks=history,
        history_from=first - timedelta(weeks=history) if history else None,
        sold=round(float(past.weeks.sum())),
        zone=ctx.merchant.zone.key,
    )


def _units(value: float) -> float:
    return round(float(value), 1)


def _error(measured: "Measured | None") -> ForecastError | None:
    if measured is None:
        return None
    wape, mase = (None if value is None else round(value, 3) for value in (measured.wape, measured.mase))
    return ForecastError(wape=wape, mase=mase)


def _trust(made: "Forecast", *, enough: bool) -> str:
    """What a merchant should know before relying on it."""
    if not made.history:
        return "It has never been sold, so there is nothing to forecast from."
    if not enough or made.own is None or made.own.wape is None:
        return f"It has been sold for {made.history} weeks only, too few to say how wrong this is: take it for a first guess."
    own, naive = made.own.wape, made.naive.wape if made.naive else None
    said = f"In {made.forecasts} forecasts of the past it missed by {own:.0%} of what was sold"
    if naive is None:
        return f"{said}."
    if own < naive:
        return f"{said}; saying “as last week” missed by {naive:.0%}."
    return f"{said}; saying “as last week” missed by {naive:.0%} and was no worse, so do not lean on this one."
