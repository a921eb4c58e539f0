"""When a parcel is handed over and when it arrives: cut-off times, pick-up days, days of delivery, holidays."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

EVENING = time(20)  # by the shop's clock: until then a parcel of the day may arrive
LONGEST = 400  # days that are looked at: a calendar with no working day in them promises nothing


@dataclass(frozen=True)
class Calendar:
    """On which days a carrier works. `cutoff` is by the shop's clock."""

    cutoff: time
    pickup_days: Collection[int]
    holidays: Collection[date]

    def handed_over(self, ready: datetime, zone: ZoneInfo) -> date | None:
        """The day on which the carrier takes what is ready by then: the same day before its cut-off, else its next pick-up."""
        here = ready.astimezone(zone)
        first = here.date() if here.time() < self.cutoff else here.date() + timedelta(days=1)
        return self._next(first, self.pickup_days)

    def arrives(self, handed_over: date, days: int, delivery_days: Collection[int]) -> date | None:
        """The day after so many days of delivery; with none it is the day itself, or the next on which there is any."""
        day: date | None = handed_over if days == 0 else handed_over + timedelta(days=1)
        for left in range(max(days, 1), 0, -1):
            day = day and self._next(day, delivery_days)
            if day and left > 1:
                day += timedelta(days=1)
        return day

    def _next(self, day: date, weekdays: Collection[int]) -> date | None:
        for _ in range(LONGEST):
            if day.isoweekday() in weekdays and day not in self.holidays:
                return day
            day += timedelta(days=1)
        return None


def by_evening(day: date, zone: ZoneInfo) -> datetime:
    """Until when a parcel that is promised for a day is in time."""
    return datetime.combine(day, EVENING, zone)
