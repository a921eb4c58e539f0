"""Periods of reports. Days, weeks and months are the merchant's own, whatever the clocks did in between."""

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, TypeVar, assert_never
from zoneinfo import ZoneInfo

from tools.contract.context import Context
from tools.contract.errors import Invalid

LAST_DAYS = 30
YEARS = range(1970, 2200)
Day = TypeVar("Day", bound=date)


class Step(StrEnum):
    day = "day"
    week = "week"
    month = "month"


class Period(NamedTuple):
    """From `start` until just before `until`, both UTC."""

    start: datetime
    until: datetime

    def before(self, zone: ZoneInfo, now: datetime) -> "Period":
        """The period before, like with like: of one that is not over, as much as has passed."""
        before = self._whole_before(zone)
        if not self.start < now < self.until:
            return before
        passed = now.astimezone(zone).replace(tzinfo=None) - self.start.astimezone(zone).replace(tzinfo=None)
        return Period(before.start, min(_utc(before.start.astimezone(zone) + passed), before.until))

    def _whole_before(self, zone: ZoneInfo) -> "Period":
        """As many whole months; of a week's first days, of a weekend, of a month's first days the same of the week or month before.

        Else as many days, or, within a day, as much time.
        """
        start, until = self.start.astimezone(zone), self.until.astimezone(zone)
        long, days = until.replace(tzinfo=None) - start.replace(tzinfo=None), until.date() - start.date()
        if _is_midnight(start) and _is_midnight(until) and start.day == until.day == 1:
            months = (until.year - start.year) * 12 + until.month - start.month
            return Period(_utc(_months_later(start, -months)), self.start)
        weekend = until.weekday() == 0 and _is_midnight(until) and long <= timedelta(days=3)
        if _is_midnight(start) and timedelta(days=1) < long < timedelta(days=7) and (weekend or start.weekday() == 0):
            return Period(_utc(start - timedelta(days=7)), _utc(until - timedelta(days=7)))
        if _is_midnight(start) and timedelta(days=1) < long and start.day == 1 and until < _months_later(start, 1):
            first = _months_later(start, -1)
            return Period(_utc(first), min(_utc(first + long), self.start))
        if start.time() == until.time():
            return Period(_utc(start - days), self.start)
        return Period(self.start - (self.until - self.start), self.start)

    def steps(self, step: Step, zone: ZoneInfo) -> list[date]:
        """The first day of each day, week (from Monday) or month that the period touches."""
        first = self.start.astimezone(zone).date()
        last = (self.until - timedelta(microseconds=1)).astimezone(zone).date()
        match step:
            case Step.day:
                return [first + timedelta(days=n) for n in range((last - first).days + 1)]
            case Step.week:
                monday = first - timedelta(days=first.weekday())
                return [monday + timedelta(weeks=n) for n in range((last - monday).days // 7 + 1)]
            case Step.month:
                months = (last.year - first.year) * 12 + last.month - first.month
                return [_months_later(first.replace(day=1), n) for n in range(months + 1)]
            case _ as unexpected:
                assert_never(unexpected)


def asked_period(ctx: Context, start: datetime | None, until: datetime | None) -> Period:
    """The period that was asked for; unless said, the last 30 days, today included. Raises `Invalid` for an empty one."""
    zone = ctx.merchant.zone
    if any(moment and moment.year not in YEARS for moment in (start, until)):
        raise Invalid(f"A period lies between the years {YEARS.start} and {YEARS.stop}.", hint="Correct the year.")
    until = until or days_back(ctx, 1).until
    start = start or until.astimezone(zone) - timedelta(days=LAST_DAYS)
    if start >= until:
        raise Invalid(
            f"A period from {start.isoformat()} until {until.isoformat()} is empty.",
            hint="`placed_until` is exclusive and has to be later than `placed_from`.",
        )
    return Period(_utc(start), _utc(until))


def days_back(ctx: Context, days: int) -> Period:
    """The last days of the merchant's calendar, today included and whole."""
    tomorrow = _midnight(ctx.now(), ctx.merchant.zone) + timedelta(days=1)
    return Period(_utc(tomorrow - timedelta(days=days)), _utc(tomorrow))


def day_begun(moment: datetime, zone: ZoneInfo) -> datetime:
    """When the day of a moment began there, UTC."""
    return _utc(_midnight(moment, zone))


def percent_change(now: int, before: int) -> float | None:
    """By how many per cent it grew; None where there was nothing before."""
    return round(100 * (now - before) / abs(before), 1) if before else None


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _midnight(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def _is_midnight(moment: datetime) -> bool:
    return (moment.hour, moment.minute, moment.second, moment.microsecond) == (0, 0, 0, 0)


def _months_later(day: Day, months: int) -> Day:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return day.replace(year=year, month=month + 1)
