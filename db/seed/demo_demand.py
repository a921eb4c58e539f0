"""How much the demo shop sells on each day of its year and today, and what: growth, seasons, weekdays, Christmas."""

from datetime import date, timedelta
from itertools import accumulate

from db.money import share
from db.seed.demo_catalogue import DAYS, Sku
from db.seed.draft import Draft

ORDERS = 10_000  # in the year up to last night
UNITS_PER_ORDER = 2.9
MONTHS = (0.95, 0.85, 0.95, 1.0, 1.0, 0.95, 0.75, 0.65, 0.95, 1.05, 1.45, 1.75)
WEEKDAYS = (1.15, 1.05, 1.0, 1.0, 0.9, 0.85, 1.1)
GROWTH = 0.45  # over the year


def black_friday(year: int) -> date:
    """The day after the fourth Thursday of November."""
    first = date(year, 11, 1)
    return first + timedelta(days=(3 - first.weekday()) % 7 + 22)


def black_weekend(day: date) -> bool:
    return 0 <= (day - black_friday(day.year)).days <= 3


class Demand:
    def __init__(self, draft: Draft, skus: list[Sku]) -> None:
        self.days = [draft.today - timedelta(days=DAYS - number) for number in range(DAYS + 1)]
        *before, today = [round(1_000 * _factor(number, day)) for number, day in enumerate(self.days)]
        self.orders = [*share(ORDERS, before), round(ORDERS * today / sum(before))]
        self._skus = skus
        self._weights = [[sku.share * sku.season(month) for sku in skus] for month in range(1, 13)]
        self._running = [list(accumulate(weights)) for weights in self._weights]
        self._random = draft.random

    def pick(self, day: date) -> Sku:
        return self._random.choices(self._skus, cum_weights=self._running[day.month - 1])[0]

    def expected(self, sku: Sku, number: int, days: int) -> float:
        """Units that so many days from day `number` will ask for. After today it stays as it was in the last week."""
        orders = sum(self.orders[number : number + days])
        orders += sum(self.orders[-7:]) / 7 * max(0, number + days - len(self.days))
        month = (self.days[min(number, DAYS)] + timedelta(days=days // 2)).month - 1
        return orders * UNITS_PER_ORDER * self._weights[month][sku.index] / self._running[month][-1]


def _factor(number: int, day: date) -> float:
    factor = (1 + GROWTH * number / DAYS) * MONTHS[day.month - 1] * WEEKDAYS[day.weekday()]
    if black_weekend(day):
        return factor * 2.1
    return factor * (0.5 if day.month == 12 and day.day > 21 else 1.0)
