"""Spans of time in a sentence: "last week", "since Monday", "from 3 to 9 November".

All in the merchant's local time; weeks begin on Monday; an end is the first moment that is no longer part of it.
"""

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from planner.read.words import NUMBER, number

Match = re.Match[str]
Range = tuple[date, date]  # first day, and the day after the last

MONTHS = {name.lower(): n for n in range(1, 13) for name in (calendar.month_name[n], calendar.month_abbr[n])} | {
    "sept": 9
}
DAYS = {name.lower(): n for n in range(7) for name in (calendar.day_name[n], calendar.day_abbr[n])}
MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
WEEKDAY = "|".join(calendar.day_name).lower()
SHORT_DAY = "|".join(calendar.day_abbr).lower()
# The others are words too.
SAFE_MONTH = "|".join(sorted(set(MONTHS) - {"may", "mar", "dec", "sep"}, key=len, reverse=True))
AFTER_PREPOSITION = (
    "(?:" + "|".join(rf"(?<=\b{word} )" for word in ("in", "since", "until", "during", "for", "of", "last")) + ")"
)
BOUNDING = "(?:" + "|".join(rf"(?<=\b{word} )" for word in ("before", "until", "till", "by", "after", "since")) + ")"
TH = "(?:st|nd|rd|th)?"
TENS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
TEENS = (
    "tenth", "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth",
)  # fmt: skip
NAMED_DAYS = {  # "the twenty second of October"
    said: str(day)
    for day, said in enumerate(
        (*TENS, *TEENS, "twentieth", *(f"twenty {one}" for one in TENS), "thirtieth", "thirty first"), 1
    )
}
NAMED_DAY = "|".join(sorted(NAMED_DAYS, key=len, reverse=True)).replace(" ", "[ -]")
PARTS = {"early": (1, 10), "mid": (11, 20), "late": (21, 31), "first half of": (1, 15), "second half of": (16, 31)}
# Of those who did not buy a period tells since when.
NOT_BOUGHT = re.compile(
    r"(?:n['’]t|\b(?:not|never|nothing|no|without|stopped))\b(?: \w+){0,3}? "
    r"(?:bought|buy|buying|ordered|order|orders|ordering|purchased|purchase|shopped|come back|been back)\b"
    r"|\b(?:inactive|dormant|silent)\b",
    re.I,
)
UNIT = "day|week|month|quarter|year"
# Their first months, as meteorologists count.
SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
ONE = timedelta(days=1)
MONTHS_OF = {"month": 1, "quarter": 3, "year": 12}
YEAR_OF_DAYS = 366
EARLIER, SAME, YEAR_OF_WEEKS = "earlier ", "one", "52 weeks"


@dataclass(frozen=True)
class Period:
    """A span of local time, open where an end is None, and where in the sentence it stood."""

    start: datetime | None
    end: datetime | None
    where: tuple[int, int]
    # "week" for "the week before", and EARLIER with it for "a week earlier": to be counted back from a period spoken of before.
    before: str = ""


def find(text: str, now: datetime, *, ahead: bool = False) -> list[Period]:
    """Every period in a text, in order. `now` is local and naive; `ahead` reads "Friday" as the coming one."""
    anchors = sorted(_anchors(text.lower(), now, ahead), key=lambda anchor: anchor.where)
    found: list[Period] = []
    while anchors:
        first, *anchors = anchors
        if anchors and _joined(text[first.where[1] : anchors[0].where[0]]) and anchors[0].start and first.start:
            second, *anchors = anchors
            if (
                second.end and first.start >= second.end and second.end > _at(now.date())
            ):  # "from Monday", said on a Monday
                first = Period(first.start - timedelta(days=7), first.end, first.where)
            found.append(_extended(text, Period(first.start, second.end, (first.where[0], second.where[1]))))
        else:
            found.append(_bounded(text, first, ahead))
    return found


def back(start: datetime, end: datetime | None, unit: str) -> tuple[datetime, datetime]:
    """The day, week, month, quarter or year that ends where a period starts; of EARLIER, the same period that much before."""
    if unit.startswith(EARLIER) and end:
        shift = unit.removeprefix(EARLIER)
        shift = _length(start, end) if shift == SAME else shift
        return (start - (end - start), start) if shift == SAME else (_before(start, shift), _before(end, shift))
    return _before(start, unit.removeprefix(EARLIER)), start


def _a_year(unit: str) -> str:
    """A year back, weeks by their days: a Monday with a Monday."""
    return YEAR_OF_WEEKS if unit in ("week", "weekend") else "year"


def _before(moment: datetime, unit: str) -> datetime:
    if unit == YEAR_OF_WEEKS:
        return moment - timedelta(weeks=52)
    if unit in MONTHS_OF:
        return _at(add_months(moment.date(), -MONTHS_OF[unit]))
    return moment - timedelta(days=7 if unit == "week" else 1)


def _length(start: datetime, end: datetime) -> str:
    """What a period lasts, so that the one before it is as long: a weekend's is a week before, a month's the month before."""
    unit = next((unit for unit in MONTHS_OF if _at(add_months(start.date(), MONTHS_OF[unit])) == end), "")
    return unit or ("week" if start.weekday() == 5 and end - start == 2 * ONE else SAME)


def add_months(day: date, months: int) -> date:
    """The same day some months later, or the last day of a shorter month."""
    index = day.year * 12 + day.month - 1 + months
    year, month = index // 12, index % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def around(day: date, unit: str, shift: int = 0) -> Range:
    """The calendar day, week, month, quarter or year that holds a day, or one some units away."""
    if unit == "day":
        return day + shift * ONE, day + (shift + 1) * ONE
    if unit == "week":
        monday = day - timedelta(days=day.weekday()) + timedelta(weeks=shift)
        return monday, monday + timedelta(weeks=1)
    length = MONTHS_OF[unit]
    first = day.replace(day=1, month=(day.month - 1) // length * length + 1)
    return add_months(first, shift * length), add_months(first, (shift + 1) * length)


def _at(day: date) -> datetime:
    return datetime.combine(day, time())


def _joined(between: str) -> bool:
    return (
        re.fullmatch(
            r"\s*(?:and|to|until|till|up to|through|-|–)(?:\s+(?:and\s+)?including)?\s*(?:the\s+)?", between, re.I
        )
        is not None
    )


def _extended(text: str, period: Period) -> Period:
    lead = re.search(r"\b(?:between|from|for|in|during)\s+(?:the\s+)?$", text[: period.where[0]], re.I)
    return Period(period.start, period.end, (lead.start() if lead else period.where[0], period.where[1]))


def _bounded(text: str, period: Period, ahead: bool) -> Period:
    """Reads the word before: since, until, before, after."""
    lead = re.search(
        r"\b(since|starting|from|after|until|till|up to|by|before|prior to|older than"
        r"|in|on|for|during|over|within|as of|of)(?:\s+(?:and\s+)?including)?\s+(?:the\s+)?$",
        text[: period.where[0]],
        re.I,
    )
    if lead is None:
        return period
    where = (lead.start(), period.where[1])
    word = lead[1].lower()
    onwards = re.match(r"\s+on(?:wards?)?\b", text[period.where[1] :], re.I)
    spans = re.search(r"\d\s*(?:to|until|till|-|–)\s*\d", text[slice(*period.where)], re.I)  # "from 1 to 24 December"
    if word in ("since", "starting", "as of") or (word == "from" and (onwards or (ahead and not spans))):
        return Period(period.start, None, where)  # but "the orders from yesterday" are those of yesterday
    if word == "after":
        return Period(period.end, None, where)
    if word in ("before", "prior to", "older than"):
        return Period(None, period.start, where)
    if word in ("until", "till", "up to", "by"):
        return Period(None, period.end, where)
    return Period(period.start, period.end, where, period.before)


def _anchors(text: str, now: datetime, ahead: bool) -> Iterator[Period]:
    taken: list[tuple[int, int]] = []
    for pattern, rule in RULES:
        for match in re.finditer(pattern, text):
            if any(match.start() < end and start < match.end() for start, end in taken):
                continue
            taken.append(match.span())
            anchor = _anchor(match, rule, now, ahead)
            if anchor:
                yield anchor


def _anchor(match: Match, rule: "Rule", now: datetime, ahead: bool) -> Period | None:
    try:
        found = rule(match, now, ahead)
    except ValueError:  # the 31st of November
        return None
    if isinstance(found, str):
        return Period(None, None, match.span(), before=found)
    start, end = found
    if isinstance(start, datetime) and isinstance(end, datetime):
        return Period(start, end, match.span())
    return Period(_at(start), _at(end), match.span())


Rule = Callable[[Match, datetime, bool], "Range | str"]


def _last_some(match: Match, now: datetime, ahead: bool) -> Range:
    count, unit, today = number(match[1]), match[2], now.date()
    if unit == "hour":
        return now - timedelta(hours=count), now
    tomorrow = today + ONE
    if unit in ("month", "quarter", "year"):
        return add_months(tomorrow, -count * MONTHS_OF[unit]), tomorrow
    return tomorrow - timedelta(days=count * {"day": 1, "week": 7, "fortnight": 14}[unit]), tomorrow


def _for_some(match: Match, now: datetime, ahead: bool) -> Range:
    """ "Who hasn't ordered for 3 months?"; anything else lasts as long, and is no span of the past."""
    if not NOT_BOUGHT.search(match.string):
        raise ValueError
    return _last_some(match, now, ahead)


def _since_some(match: Match, now: datetime, ahead: bool) -> Range:
    """ "For 9 days", as who learned English says it: "since 9 days"."""
    start, _ = _last_some(match, now, ahead)
    return start, start + ONE


def _week(match: Match, now: datetime, ahead: bool) -> Range:
    """The calendar week, as ISO 8601 counts them; the last that has begun."""
    monday = date.fromisocalendar(now.year, int(match[1]), 1)
    if monday > now.date() and not ahead:
        monday = date.fromisocalendar(now.year - 1, int(match[1]), 1)
    return monday, monday + timedelta(weeks=1)


def _last_one(match: Match, now: datetime, ahead: bool) -> Range:
    if match[1] == "hour":
        return now - timedelta(hours=1), now
    return now.date() + ONE - timedelta(days=14), now.date() + ONE


def _next_some(match: Match, now: datetime, ahead: bool) -> Range:
    count, unit, today = number(match[1]), match[2], now.date()
    if unit in ("month", "year"):
        return today, add_months(today, count * (12 if unit == "year" else 1)) + ONE
    return today, today + timedelta(days=count * (7 if unit == "week" else 1)) + ONE


def _ago(match: Match, now: datetime, ahead: bool) -> Range:
    count, unit, today = number(match[1]), match[2], now.date()
    if unit in ("month", "year"):
        return around(add_months(today, -count * (12 if unit == "year" else 1)), "day")
    return around(today - timedelta(days=count * (7 if unit == "week" else 1)), "day")


def _weekday(match: Match, now: datetime, ahead: bool) -> Range:
    today = now.date()
    past = (today.weekday() - DAYS[match[2]]) % 7
    which = match[1] or ""
    if which.startswith("next") or (ahead and not which):
        return around(today + timedelta(days=(7 - past) % 7 or 7), "day")
    return around(today - timedelta(days=past or (7 if which else 0)), "day")


def _weekday_of_month(match: Match, now: datetime, ahead: bool) -> Range:
    """ "Fri 27": the nearest day that is both, before now unless it is to come."""
    days = (now.date() + (ONE if ahead else -ONE) * n for n in range(YEAR_OF_DAYS))
    fitting = (day for day in days if day.day == int(match[2]) and day.weekday() == DAYS[match[1]])
    if (day := next(fitting, None)) is None:
        raise ValueError(f"no {match[0]} within a year")
    return around(day, "day")


def _day_of_month(day: str, month: str, year: str | None, now: datetime, ahead: bool) -> date:
    if year:
        return date(int(year) + (2000 if len(year) == 2 else 0), MONTHS[month], int(day))
    this_year = date(now.year, MONTHS[month], int(day))
    if ahead:
        return this_year if this_year >= now.date() else this_year.replace(year=now.year + 1)
    return this_year if this_year <= now.date() else this_year.replace(year=now.year - 1)


def _day_range(match: Match, now: datetime, ahead: bool) -> Range:
    last = _day_of_month(match[2], match[3], match[4], now, ahead)
    return last.replace(day=int(match[1])), last + ONE


def _month(match: Match, now: datetime, ahead: bool) -> Range:
    return around(_day_of_month("1", match[1], match[2], now, ahead), "month")


def _named_day(match: Match, now: datetime, ahead: bool) -> Range:
    day = NAMED_DAYS[match[1].replace("-", " ")]
    return around(_day_of_month(day, match[2], None, now, ahead), "day")


def _part(match: Match, now: datetime, ahead: bool) -> Range:
    """A part of a month, "mid November"; the last days of a short month are its last."""
    first, last = PARTS[match[1]]
    begins, ends = around(_day_of_month("1", match[2], None, now, ahead), "month")
    return begins.replace(day=first), min(begins + timedelta(days=last), ends)


def _ordinal(match: Match, now: datetime, ahead: bool) -> Range:
    day = now.date().replace(day=int(match[1]))
    if ahead:
        return around(day if day >= now.date() else add_months(day, 1), "day")
    return around(day if day <= now.date() else add_months(day, -1), "day")


def _quarter(match: Match, now: datetime, ahead: bool) -> Range:
    year = int(match[2] or now.year)
    quarter = int(match[1]) if match[1].isdigit() else ["first", "second", "third", "fourth"].index(match[1]) + 1
    first = date(year, 3 * quarter - 2, 1)
    if not match[2] and first > now.date():
        first = first.replace(year=year - 1)
    return around(first, "quarter")


def _weekend(match: Match, now: datetime, ahead: bool) -> Range:
    saturday = around(now.date(), "week")[0] + timedelta(days=5)
    if (saturday > now.date() and not ahead) or match[0].startswith(("last", "the last")):
        saturday -= timedelta(weeks=1)
    saturday -= timedelta(weeks=match[0].endswith("before last"))
    return saturday, saturday + 2 * ONE


def _sale_day(match: Match, now: datetime, ahead: bool) -> Range:
    year = int(match[2]) if match[2] else now.year
    day = _black_friday(year)
    if not match[2] and day > now.date() and not ahead:
        day = _black_friday(year - 1)
    return around(day + (3 * ONE if match[1].startswith("cyber") else timedelta()), "day")


def _sale_weekend(match: Match, now: datetime, ahead: bool) -> Range:
    """From Black Friday to Cyber Monday."""
    year = int(match[1] or now.year)
    day = _black_friday(year if match[1] or ahead or _black_friday(year) <= now.date() else year - 1)
    return day, day + 4 * ONE


def _black_friday(year: int) -> date:
    november = date(year, 11, 1)
    first_thursday = november + timedelta(days=(3 - november.weekday()) % 7)
    return first_thursday + timedelta(days=22)


def _last_night(match: Match, now: datetime, ahead: bool) -> Range:
    """From yesterday's evening to this morning."""
    return _at(now.date()) - timedelta(hours=6), _at(now.date()) + timedelta(hours=6)


def _christmas(match: Match, now: datetime, ahead: bool) -> Range:
    """Said of what is to be until then, so the coming one; of what was since then, the last."""
    coming = re.search(r"\b(?:since|after) $", match.string[: match.start()]) is None
    return around(_day_of_month("24" if match[1] == "eve" else "25", "december", None, now, coming), "day")


def _season(match: Match, now: datetime, ahead: bool) -> Range:
    """The last that has begun, or that is over where it is said to be the last; the coming one of what is to be."""
    first = date(now.year, SEASONS[match[2] or match[3]], 1)
    if match[1] == "next" or (ahead and match[1] != "last"):
        begins = first if first > now.date() else add_months(first, 12)
    else:
        latest = add_months(now.date(), -3) if match[1] in ("last", "past") else now.date()
        begins = first if first <= latest else add_months(first, -12)
    return begins, add_months(begins, 3)


def _shifted(unit: str, shift: int) -> Rule:
    return lambda match, now, ahead: around(now.date(), match[1] if unit == "?" else unit, shift)


RULES: list[tuple[str, Rule]] = [
    (r"\b(\d{4})-(\d\d)-(\d\d)\b", lambda m, n, a: around(date(int(m[1]), int(m[2]), int(m[3])), "day")),
    (r"\b(\d{1,2})[./](\d{1,2})[./](\d{4})\b", lambda m, n, a: around(date(int(m[3]), int(m[2]), int(m[1])), "day")),
    (
        rf"\b(\d{{1,2}}){TH}\s*(?:to|and|until|-|–)\s*(?:the )?(\d{{1,2}}){TH}\.? (?:of )?({MONTH})\b(?:,? (\d{{4}}))?",
        _day_range,
    ),
    (
        rf"\b(\d{{1,2}}){TH}\.? (?:of )?({MONTH})\b(?:,? (\d{{4}}))?",
        lambda m, n, a: around(_day_of_month(m[1], m[2], m[3], n, a), "day"),
    ),
    (rf"\b({NAMED_DAY}) of ({MONTH})\b", _named_day),
    (rf"\b(?:the )?({'|'.join(PARTS)})[ -]({MONTH})\b", _part),
    (
        rf"\b({MONTH}) (\d{{1,2}}){TH}\b(?!\d)(?:,? (\d{{4}}))?",
        lambda m, n, a: around(_day_of_month(m[2], m[1], m[3], n, a), "day"),
    ),
    (rf"\b(?:the )?(?:last|past|previous) {NUMBER} (hour|day|week|fortnight|month|quarter|year)s?\b", _last_some),
    (rf"(?<=\bsince ){NUMBER} (day|week|fortnight|month|year)s?\b", _since_some),
    (r"\b(?:calendar )?(?:week|wk|cw|kw|semaine) (?:no\.? ?)?(\d\d?)\b(?! ?(?:days|hours|orders|units|pieces))", _week),
    (
        r"(?<=since )(?:the )?new year(?:'s(?: day)?)?\b",
        lambda m, n, a: around(n.date().replace(month=1, day=1), "day"),
    ),
    (rf"\bfor (?:more than |over |at least )?{NUMBER} (day|week|month|year)s?\b", _for_some),
    (r"\b(?:the )?(?:last|past) (hour|fortnight)\b", _last_one),
    (rf"\b(?:the )?next {NUMBER} (day|week|month|year)s?\b", _next_some),
    (rf"\b{NUMBER} (day|week|month|year)s? ago\b", _ago),
    (rf"(?<=older than ){NUMBER} (day|week|month|year)s?\b", _ago),
    (r"\b(?:the )?day before yesterday\b", _shifted("day", -2)),
    (rf"\b(?:the )?({UNIT}) before last\b", _shifted("?", -2)),
    (rf"\b(?:a|one) ({UNIT}) (?:earlier|before)\b(?! last)", lambda m, n, a: EARLIER + m[1]),
    (rf"\bthe (?:{WEEKDAY}|weekend) (?:before(?: that)?|earlier)\b(?! last)", lambda m, n, a: f"{EARLIER}week"),
    (r"\bthe one before(?: that)?\b(?! last)", lambda m, n, a: EARLIER + SAME),
    (
        rf"\b(?:the )?(?:same|this) ({UNIT}|weekend|period|time|days?)(?: of| in)? last year\b",
        lambda m, n, a: EARLIER + _a_year(m[1]),
    ),
    (rf"\b(?:the )({UNIT}) (?:before(?: that)?|earlier|prior)\b", lambda m, n, a: m[1]),
    (rf"\b(?:the )?(?:last|past|previous) ({UNIT})\b(?:'s)?", _shifted("?", -1)),
    (rf"\b(?:this|current) ({UNIT})\b(?:'s)?", _shifted("?", 0)),
    (rf"\b(?:the )?next ({UNIT})\b", _shifted("?", 1)),
    (
        rf"\b(?:(?:the )?(this|last|past|next)|(?<=in )the|(?<=since )the|(?<=during )the) ({'|'.join(SEASONS)})\b"
        rf"|{AFTER_PREPOSITION}({'|'.join(SEASONS)})\b(?! (?:\w+ )?(?:collection|range|sale|line))",
        _season,
    ),
    (r"\b(?:the |this )?(?:up)?coming (?:week|days)\b", lambda m, n, a: (n.date(), n.date() + 8 * ONE)),
    # Else it is what is sold.
    (
        rf"(?:{BOUNDING}|\b(?=\w+ (?:eve|day)\b))(?:christmas|xmas)(?: (eve|day))?\b",
        _christmas,
    ),
    (rf"\b({UNIT}) to date\b", _shifted("?", 0)),
    (r"\bmtd\b", _shifted("month", 0)),
    (r"\bytd\b", _shifted("year", 0)),
    (r"\b(?:last|yesterday) night\b", _last_night),
    (r"\byesterday(?:'?s)?\b", _shifted("day", -1)),
    (r"\b(?:today(?:'?s)?\b|this (?:morning|afternoon|evening)|tonight)", _shifted("day", 0)),
    (r"(?<=since )midnight\b", _shifted("day", 0)),
    (r"\btomorrow\b", _shifted("day", 1)),
    (r"\b(?:(?:the|this|last|past|next) )weekend(?: before last)?\b", _weekend),
    (r"\bblack friday weekend\b(?: (\d{4}))?", _sale_weekend),
    (r"\b(black friday|cyber monday)\b(?: (\d{4}))?", _sale_day),
    (
        rf"\b({WEEKDAY}|{SHORT_DAY})\.?,? (?:the )?(\d{{1,2}}){TH}\b(?![.:/]\d| ?(?:[ap]m\b|h\b|o['’]clock|{MONTH}))",
        _weekday_of_month,
    ),
    (
        rf"\b(?:(last|this|next|this coming|past) )?({WEEKDAY})\b(?:'s)?(?: (?:night|evening|morning|afternoon|noon)\b)?",
        _weekday,
    ),
    (
        rf"\b(?:last )?({SAFE_MONTH}|may(?= \d{{4}})|{AFTER_PREPOSITION}(?:may|mar|dec|sep))\b(?:'s)?(?: (\d{{4}}))?",
        _month,
    ),
    (r"\bq([1-4])\b(?: (\d{4}))?", _quarter),
    (r"\b(first|second|third|fourth) quarter\b(?: of)?(?: (\d{4}))?", _quarter),
    (rf"\b(?:start|beginning) of (?:the|this) ({UNIT})\b", lambda m, n, a: around(around(n.date(), m[1])[0], "day")),
    (rf"\bend of (?:the|this) ({UNIT})\b", lambda m, n, a: around(around(n.date(), m[1])[1] - ONE, "day")),
    (rf"{AFTER_PREPOSITION}(20\d\d)\b", lambda m, n, a: around(date(int(m[1]), 1, 1), "year")),
    (r"(?<=\bthe )(\d{1,2})(?:st|nd|rd|th)\b", _ordinal),
]
