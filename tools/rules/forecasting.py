"""Forecasts of weekly demand, and how wrong they were: plain statistics over numpy. Imported where a forecast is asked for.

Demand is a matrix, a row for each variant, a column for each week, oldest first. A row begins with its first sale: weeks before
it are not counted. All methods but the seasonal one say the same for each week to come, as is usual for goods that sell in
small numbers:

    smoothing       exponential smoothing, each week's demand capped at the row's 90th percentile before it is taken in, so that
                    one bulk order is not expected again every week (the one-sided case of the cleaning in Gelper, Fried, Croux:
                    Robust forecasting with exponential and Holt-Winters smoothing, Journal of Forecasting 29, 2010)
    intermittent    for rows that sell in fewer than three weeks of four: the same cap, then the probability that anything sells
                    and how much then, smoothed apart (Teunter, Syntetos, Babai: Intermittent demand: Linking forecasting to
                    inventory obsolescence, European Journal of Operational Research 214, 2011). The bound between both, 1.32
                    weeks from sale to sale, is that of Syntetos, Boylan, Croston: On the categorization of demand patterns,
                    Journal of the Operational Research Society 56, 2005.
    seasonal_naive  what was sold in the same weeks a year ago: taken where it was less wrong than the others
    naive           what was sold last week: what any method has to beat

How wrong a method is, is measured by forecasting the past: from each of the last weeks that left enough before and after, with
nothing known of what came then (Tashman: Out-of-sample tests of forecasting accuracy, International Journal of Forecasting 16,
2000). WAPE is the sum of all misses divided by all that was sold; MASE is the mean miss divided by that of the naive forecast of
the next week (Hyndman, Koehler: Another look at measures of forecast accuracy, International Journal of Forecasting 22, 2006).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Weeks = npt.NDArray[np.float64]

YEAR = 52
CAP = 0.9
LEVEL, CHANCE = 0.2, 0.1  # how much the newest week counts: of the demand, and of whether there was any
INTERMITTENT = 1.32  # weeks from sale to sale
LEAST = 8  # weeks from which a forecast is made when the past is forecast
ORIGINS = 26  # of the past, from how many weeks at most
INSIDE = (0.05, 0.95)  # of a week's interval, which parts of all misses it begins and ends with


def begun(sold: Weeks) -> npt.NDArray[np.bool_]:
    """Which weeks count: those from a row's first sale on."""
    return np.cumsum(sold > 0, axis=1) > 0


def capped(sold: Weeks) -> Weeks:
    """The weeks with what is beyond a row's usual most taken off."""
    sales = np.sort(np.where(sold > 0, sold, np.inf), axis=1)
    count = np.isfinite(sales).sum(axis=1)
    place = CAP * np.maximum(count - 1, 0)
    below, above = np.floor(place).astype(int), np.ceil(place).astype(int)
    rows = np.arange(len(sold))
    low, high = sales[rows, below], sales[rows, above]
    with np.errstate(invalid="ignore"):
        most = np.where(count > 0, low + (place - below) * (high - low), np.inf)
    return np.minimum(sold, most[:, None])


def intermittent(sold: Weeks) -> npt.NDArray[np.bool_]:
    """Which rows sell only now and then."""
    return begun(sold).sum(axis=1) >= INTERMITTENT * np.maximum((sold > 0).sum(axis=1), 1)


def expected(sold: Weeks) -> Weeks:
    """The units that each row is expected to sell in a week to come."""
    weeks = capped(sold)
    return np.where(intermittent(sold), _now_and_then(weeks), _smoothed(weeks))


def _smoothed(weeks: Weeks) -> Weeks:
    """The first weeks count alike, until a new one would count for less than LEVEL."""
    level, seen = np.zeros(len(weeks)), np.zeros(len(weeks))
    for week in weeks.T:
        seen = np.where((seen > 0) | (week > 0), seen + 1, 0)
        level = np.where(seen > 0, level + np.maximum(LEVEL, 1 / np.maximum(seen, 1)) * (week - level), 0)
    return level


def _now_and_then(weeks: Weeks) -> Weeks:
    size, chance, seen, sales = (np.zeros(len(weeks)) for _ in range(4))
    for week in weeks.T:
        sells = week > 0
        sales = sales + sells
        seen = np.where((seen > 0) | sells, seen + 1, 0)
        size = np.where(sells, size + np.maximum(LEVEL, 1 / np.maximum(sales, 1)) * (week - size), size)
        chance = np.where(seen > 0, chance + np.maximum(CHANCE, 1 / np.maximum(seen, 1)) * (sells - chance), 0)
    return size * chance


def _flat(level: Weeks, ahead: int) -> Weeks:
    return np.repeat(level[:, None], ahead, axis=1)


def _by_level(sold: Weeks, ahead: int) -> Weeks:
    return _flat(expected(sold), ahead)


def _naive(sold: Weeks, ahead: int) -> Weeks:
    return _flat(sold[:, -1], ahead)


def _seasonal(sold: Weeks, ahead: int) -> Weeks:
    return np.tile(sold[:, -YEAR:], (1, ahead // YEAR + 1))[:, :ahead]


@dataclass(frozen=True)
class Measured:
    """How wrong a method was, over so many forecasts of the past; None where nothing was sold, or never changed."""

    wape: float | None
    mase: float | None
    misses: Weeks  # what was sold less what was forecast: a row for each forecast, a column for each week


def measured(method: Callable[[Weeks, int], Weeks], sold: Weeks, ahead: int, least: int = LEAST) -> Measured | None:
    """The method's misses on one row, forecast from each of the last weeks; None where there is too little before or after."""
    weeks = sold[:, int(np.argmax(sold[0] > 0)) :]
    last = weeks.shape[1] - ahead
    origins = range(max(least, last - ORIGINS + 1), last + 1)
    if not origins:
        return None
    misses = np.vstack([weeks[:, at : at + ahead] - method(weeks[:, :at], ahead) for at in origins])
    came = sum(float(weeks[:, at : at + ahead].sum()) for at in origins)
    usual = float(np.abs(np.diff(weeks[0])).mean())
    missed = float(np.abs(misses).mean())
    return Measured(float(np.abs(misses).sum()) / came if came else None, missed / usual if usual else None, misses)


@dataclass(frozen=True)
class Forecast:
    """What one row will sell in the weeks to come, with the errors that the method and the simple ones made."""

    method: str
    weeks: Weeks
    low: Weeks
    high: Weeks
    total_low: float
    total_high: float
    history: int  # weeks since the first sale
    forecasts: int  # of the past, from which the error was measured
    own: Measured | None
    naive: Measured | None
    seasonal: Measured | None


def forecast(sold: Weeks, ahead: int) -> Forecast:
    """The forecast of one row."""
    history = int(begun(sold).sum())
    own, naive = measured(_by_level, sold, ahead), measured(_naive, sold, ahead)
    seasonal = measured(_seasonal, sold, ahead, least=YEAR)
    method = "intermittent" if intermittent(sold)[0] else "smoothing"
    weeks, best = _by_level(sold, ahead)[0], own
    if seasonal and own and _beats(seasonal, own):
        method, weeks, best = "seasonal_naive", _seasonal(sold, ahead)[0], seasonal
    low, high, total_low, total_high = _interval(sold, weeks, best)
    return Forecast(
        method, weeks, low, high, total_low, total_high, history, len(best.misses) if best else 0, best, naive, seasonal
    )


def _beats(seasonal: Measured, own: Measured) -> bool:
    """Only over the forecasts that both made, and only where there are enough to tell."""
    common = min(len(seasonal.misses), len(own.misses))
    return common >= LEAST and bool(np.abs(seasonal.misses[-common:]).sum() < np.abs(own.misses[-common:]).sum())


def _interval(sold: Weeks, weeks: Weeks, best: Measured | None) -> tuple[Weeks, Weeks, float, float]:
    """Within what nine of ten misses of a week lay, and all misses of the total; weeks to come are worse than weeks that were
    learnt from, so that about four of five lie in it. Without a past, what the spread of the weeks sold so far makes likely.
    """
    if best is None:
        seen = sold[begun(sold)] if sold.any() else np.zeros(1)
        spread = 1.2816 * max(float(seen.std(ddof=1)) if len(seen) > 1 else 0.0, float(seen.mean()) ** 0.5)
        around = spread * np.sqrt(1 + 1 / len(seen))
        together = around * np.sqrt(len(weeks))
        return (
            np.maximum(0, weeks - around), weeks + around,
            float(max(0.0, weeks.sum() - together)), float(weeks.sum() + together),
        )  # fmt: skip
    low, high = np.quantile(best.misses, INSIDE)
    whole = best.misses.sum(axis=1)
    total_low, total_high = float(whole.min()), float(whole.max())
    return (
        np.clip(weeks + low, 0, weeks), np.maximum(weeks + high, weeks),
        float(min(max(0.0, weeks.sum() + total_low), weeks.sum())), float(max(weeks.sum() + total_high, weeks.sum())),
    )  # fmt: skip


def spread_over(sold: Weeks, ahead: npt.NDArray[np.int64]) -> Weeks:
    """For each row, by how much the sum of so many weeks usually misses its forecast: the root of the mean squared miss."""
    squares: list[Any] = []
    for weeks in range(1, int(ahead.max(initial=1)) + 1):
        rows = np.flatnonzero(ahead == weeks)
        if len(rows):
            squares.append((rows, _mean_square(sold[rows], weeks)))
    found = np.zeros(len(sold))
    for rows, square in squares:
        found[rows] = np.sqrt(square)
    return found


def _mean_square(sold: Weeks, ahead: int) -> Weeks:
    """Rows with too short a past have the spread of their weeks, as if they were independent."""
    last = sold.shape[1] - ahead
    counted, total = np.zeros(len(sold)), np.zeros(len(sold))
    known = begun(sold)
    for at in range(max(LEAST, last - LEAST + 1), last + 1):
        long = known[:, :at].sum(axis=1) >= LEAST
        miss = sold[:, at : at + ahead].sum(axis=1) - expected(sold[:, :at]) * ahead
        counted, total = counted + long, total + np.where(long, miss**2, 0)
    weeks = np.maximum(known.sum(axis=1), 1)
    mean = np.where(known, sold, 0).sum(axis=1) / weeks
    variance = np.where(known, (sold - mean[:, None]) ** 2, 0).sum(axis=1) / np.maximum(weeks - 1, 1)
    return np.where(counted > 0, total / np.maximum(counted, 1), np.maximum(variance, mean) * ahead)
