"""Arguments that are figures and times: money, quantities, signs, limits, periods, dates."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from planner.fill import measures, times
from planner.fill.spoken import said
from planner.read import money, periods
from planner.read.entities import Span
from planner.read.fields import Field, Kind
from planner.read.reading import Reading, Setting
from planner.read.words import NUMBER, number

AT_LEAST, AT_MOST = said("at_least"), said("at_most")
TAKING = re.compile(rf"\b{said('taking')}\b|\boff (?:the )?stock\b", re.I)
ADDING = re.compile(rf"\b{said('adding')}\b", re.I)
# Which way figures go that are neither stock nor points: prices.
CHEAPER = re.compile(rf"{TAKING.pattern}|\b{said('cheaper')}\b", re.I)
DEARER = re.compile(rf"\b{said('dearer')}\b", re.I)
COUNTING = re.compile(
    rf"\b{said('counting')}\b|\b(?:set|put|make|correct)\b.*\bto\s+\d+\s*(?:units|pieces)?[.!]?$", re.I
)
LOW_NAMES, HIGH_NAMES = (
    {"min", "minimum", "least", "above", "over"},
    {"max", "maximum", "most", "below", "under", "within"},
)
NEWEST, FOREMOST = said("newest"), said("foremost")
THING = r"(?!selling|running|paying)[^\W\d_]*[^\W\d_s]"  # in the singular: "customer", not "customers"
ONE = (  # "who is our best customer?", "which product sold best?"
    rf"^(?:and )?(?:who|which|what)(?:['’]s\b|\b.*?\b(?:is|was)\b)(?:\s+\w+){{0,2}}?\s+{FOREMOST}\s+"
    rf"(?:\w+ing\s+)?({THING})(?:$|[?.! ])",
    rf"^(?:and )?which\s+({THING})\s+(?:\w+\s+){{1,3}}?(?:most|least|best|worst)\b",
)
SO_MANY = (
    rf"\b{NEWEST}\s+{NUMBER}\b(?!\s*(?:day|week|month|year|hour|quarter)s?\b)",
    rf"\b{NUMBER}\s+(?:\w+\s+)?(?:{NEWEST}|most)\b",
    rf"\b(?:which|what)\s+{NUMBER}\s+(?!of\b)[a-z]+s\b",  # "which three things made most of it"
)
LASTLY = re.compile(rf"\b{said('lastly')}\s+last\b(?!\s+\w)", re.I)  # "what did she buy last?"
FEW = rf"\b{said('few')}\s+(\d{{1,6}})\b(?!\s*(?:%|{said('lengths')}))"
UP_TO = rf"\b{said('up_to')}\s+(\d{{1,6}})\b"
WITHDRAWING = re.compile(rf"\b{said('withdrawing')}\b", re.I)
STOPS = re.compile(rf"\b{said('stops')}\b[^.;]*$", re.I)
RELATIVE = re.compile(rf"\s+{said('relative')}\b", re.I)
MOST_BARE_PERCENT = 50  # a figure above is a rate only with its sign: "make it round, 79" is a price
MONEYED = re.compile(rf"\b{said('moneyed')}\b", re.I)
RAISED = re.compile(  # "put the mug up to 15.90" is what it will cost
    r"\b(?:put|bring|raise|move|take|set)\s+(?!up\b)[^.;?!]+(?<!\bfor) up to\s*$", re.I
)
IN_CURRENCY = re.compile(rf"\bin ({money.SIGN})", re.I)
UNITS = re.compile(rf"\s*(?:[a-z]+\s+)?{said('units')}\b", re.I)
FIRST_DAY = datetime.fromisoformat("2000-01-01")  # before there was any shop
HAPPENED = {"received_at", "said_at", "occurred_at"}
HALF_A_YEAR = timedelta(days=183)
ONLY = re.compile(rf"\b{said('only')}\b", re.I)
LENGTHS = {"minute": 1 / 1440, "hour": 1 / 24, "day": 1, "week": 7, "month": 30, "year": 365}


def role(field: Field) -> str:
    """ "low" for `min_total`, "high" for `below` and `max_price`, "" for a plain amount."""
    parts = set(field.name.split("_"))
    return "low" if parts & LOW_NAMES else "high" if parts & HIGH_NAMES else ""


def fill(fields: list[Field], reading: Reading, setting: Setting, *, ahead: bool = False) -> dict[str, Any]:
    """Every argument of these fields that is a figure or a time, and that the text states. `ahead` for what is to come."""
    args = measures.fill(fields, reading)  # "1.4 kg" is no price
    args |= _moments(fields, reading, setting)
    args |= _period(fields, reading, setting, ahead=ahead)
    counts = [field for field in fields if field.kind is Kind.quantity]
    amounts = [field for field in fields if field.kind is Kind.money]
    args |= _amounts(amounts, reading, setting, bare=not counts)
    args |= _quantities([field for field in counts if role(field)], reading)
    for kind, filler in ((Kind.percent, _percent), (Kind.limit, _limit), (Kind.days, _days)):
        for field in fields:
            value = filler(field, reading) if field.kind is kind else None
            if value is not None:
                args[field.name] = value
    for field in (field for field in fields if field.kind is Kind.delta):
        value = _delta(field, reading, setting)
        if value is not None:
            args[field.name] = value
    args |= _counted([field for field in fields if field.name == "counted"], reading)
    args |= _low_mark([field for field in fields if field.name in ("reorder_point", "reorder_target")], reading)
    return args | _quantities([field for field in counts if not role(field)], reading)


def _counted(fields: list[Field], reading: Reading) -> dict[str, Any]:
    """A new total, where a tool takes a change or a total: "set the stock of MUG-BLUE to 40", "counted 40"."""
    if not fields or not COUNTING.search(reading.text):
        return {}
    whole = [span for span in reading.free("number") if span.value == int(span.value) >= 0]
    return {fields[0].name: int(reading.take(whole[-1]).value)} if whole else {}


def _low_mark(fields: list[Field], reading: Reading) -> dict[str, Any]:
    """How few are few enough to buy more: "when fewer than 20 are left", "when it falls to 20"."""
    if not fields:
        return {}
    target = reading.search(UP_TO) if len(fields) > 1 else None
    if target:
        reading.claim(*target.span(1))
    found = reading.search(FEW)
    if found:
        reading.claim(*found.span(1))
    whole = [] if found else [one for one in reading.free("number") if one.value == int(one.value) >= 0]
    point = int(found[1]) if found else int(reading.take(whole[0]).value) if whole else None
    told = {fields[0].name: point, fields[-1].name: int(target[1])} if target else {fields[0].name: point}
    return {name: value for name, value in told.items() if value is not None}


def instant(local: datetime, setting: Setting) -> str:
    """A local time as a UTC instant: midnight of 23 November in Paris is `2026-11-22T23:00:00Z`."""
    return local.replace(tzinfo=setting.zone).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _stamp(field: Field, local: datetime, setting: Setting) -> str:
    return local.date().isoformat() if field.day_only else instant(local, setting)


def period_args(fields: list[Field], start: datetime | None, end: datetime | None, setting: Setting) -> dict[str, Any]:
    """A period as the arguments of a tool; an end is exclusive."""
    args: dict[str, Any] = {}
    for field in times.main(fields):
        if field.kind is Kind.period_start and start:
            args[field.name] = _stamp(field, start, setting)
        if field.kind is Kind.period_end and end:
            args[field.name] = _stamp(field, end, setting)
    return args


def _period(fields: list[Field], reading: Reading, setting: Setting, *, ahead: bool) -> dict[str, Any]:
    if not any(field.kind in (Kind.period_start, Kind.period_end) for field in fields):
        return {}
    spans = [span for span in reading.free("period") if not span.value.before]
    if not spans:
        return _of_all_time(fields, reading, setting)
    if not ahead and _cannot_be_yet(fields, spans[0].value, setting):
        return {}
    period = reading.take(spans[0]).value
    if ahead:
        period = next(
            (p for p in periods.find(reading.text, setting.local, ahead=True) if p.where == period.where), period
        )
    bounds = times.bounds(fields, period, reading.text)
    args = period_args(fields, *(_from_now(*bounds, reading, setting) if ahead else bounds), setting)
    # "this month against the month before": a report that compares does that itself.
    for span in reading.free("period"):
        for field in fields:
            if field.kind is Kind.flag and "compare" in field.name:
                args[field.name] = True
                reading.take(span)
    return args


def _of_all_time(fields: list[Field], reading: Reading, setting: Setting) -> dict[str, Any]:
    """ "Our best customer ever", asked of what is else of the last weeks."""
    begins = [f for f in times.main(fields) if f.kind is Kind.period_start and "unless said" in f.description]
    ever = reading.search(rf"\b({said('ever')})\b") if begins else None
    if not ever:
        return {}
    reading.claim(*ever.span(1))
    return period_args(begins, FIRST_DAY, None, setting)


def _from_now(
    start: datetime | None, end: datetime | None, reading: Reading, setting: Setting
) -> tuple[datetime | None, datetime | None]:
    """What is changed "today" is changed now; it ends with the day where it is for that day only."""
    if start is None or start > setting.local:
        return start, end
    one_day = end is not None and end - start <= timedelta(days=1)
    return None, None if one_day and not ONLY.search(reading.text) else end


def _cannot_be_yet(fields: list[Field], period: periods.Period, setting: Setting) -> bool:
    """Whether a time that is to come is said to a list of what has been: of nobody the last order was "tomorrow"."""
    own = [times.stem(field) for field in times.main(fields) if times.stem(field)]
    to_come = period.start is not None and period.start > setting.local
    return to_come and bool(own) and not any(times.words().get(stem, {}).get("ahead") for stem in own)


def _moments(fields: list[Field], reading: Reading, setting: Setting) -> dict[str, Any]:
    """Dates and instants that are no period: one that something ends at reads "until Friday" as the end of Friday."""
    wanted = [field for field in fields if field.kind is Kind.moment]
    args: dict[str, Any] = {}
    for period in [period for period in _told(wanted, reading, setting) if reading.open(*period.where)]:
        fitting = [field for field in wanted if field.name not in args and _fits(field, period)]
        if STOPS.search(reading.text[: period.where[0]]):
            fitting.sort(key=lambda field: not _ends(field))
        if not fitting:
            continue
        both = _from_and_until(wanted, args, period, setting)
        if both:
            args |= both
            reading.claim(*period.where)
            continue
        last = period.end - timedelta(days=1) if period.end else period.start
        start = period.start or last
        ending = last if fitting[0].day_only else period.end or start
        local = ending if _ends(fitting[0]) else start
        if local:
            args[fitting[0].name] = _stamp(fitting[0], local, setting)
            reading.claim(*period.where)
    return args


def _told(wanted: list[Field], reading: Reading, setting: Setting) -> list[periods.Period]:
    """The dates of a text: to come, but for what is told when it is over; "of November" of a list is the nearer one."""
    over = {field.name for field in wanted} <= HAPPENED
    found = periods.find(reading.text, setting.local, ahead=not over) if wanted else []
    if any(field.name.endswith(times.BOUNDS[0]) for field in wanted):
        gone = {p.where: p for p in periods.find(reading.text, setting.local)}
        found = [gone.get(p.where, p) if p.start and p.start - setting.local > HALF_A_YEAR else p for p in found]
    return [period for period in found if period.start or period.end]


def _from_and_until(
    wanted: list[Field], args: dict[str, Any], period: periods.Period, setting: Setting
) -> dict[str, Any]:
    """ "From 1 to 24 December", where a tool takes when something begins and when it ends."""
    begins = next((field for field in wanted if not _ends(field) and field.name not in args), None)
    ends = next((field for field in wanted if _ends(field) and field.name not in args), None)
    if not (begins and ends and period.start and period.end):
        return {}
    # "Expected tomorrow" is from and until that day; a promotion of one day has to be said.
    pair = begins.name.rpartition("_")[0] == ends.name.rpartition("_")[0]
    if not pair and period.end - period.start <= timedelta(days=1):
        return {}
    last = period.end - timedelta(days=1) if ends.day_only else period.end
    return {begins.name: _stamp(begins, period.start, setting), ends.name: _stamp(ends, last, setting)}


def _ends(field: Field) -> bool:
    return bool(set(field.name.split("_")) & {"until", "expires", "end", "ends", "by", "due", "deadline"})


def _fits(field: Field, period: periods.Period) -> bool:
    """ "until Friday" is no beginning, and "from Friday" no end."""
    if period.start is None:
        return _ends(field)
    return period.end is not None or not _ends(field)


def _amounts(fields: list[Field], reading: Reading, setting: Setting, *, bare: bool) -> dict[str, Any]:
    args: dict[str, Any] = {}
    between = _between(fields, reading, setting)
    if between:
        return between
    aims = [field for field in fields if field.name == "to_amount"]
    for field in sorted(fields, key=lambda field: not role(field)):
        spans = [*reading.free("money"), *reading.free("number")]
        for span in sorted(spans, key=lambda span: not _led(reading, span)):  # "we sit on 94, drop it to 15"
            if (aims and _reaches(reading, span) != (field in aims)) or (not field.signed and _relative(reading, span)):
                continue
            plain = bare or _of_money(reading, span)
            fits = _can_be_money(field, span, bare=plain) or (field in aims and _led(reading, span))  # "drop it to 15"
            if fits and _said_role(reading, span) == role(field):
                way = _way(reading) if field.signed else 1
                if not way:
                    break
                reading.take(span)
                args[field.name] = way * money.minor_units(span.value, span.currency or setting.currency)
                break
    return args


def _reaches(reading: Reading, span: Span) -> bool:
    """Whether an amount is what a price becomes, not by how much it changes: "down to 69.90", "make all three 44.90"."""
    return _led(reading, span) or not (
        CHEAPER.search(reading.text) or DEARER.search(reading.text) or _relative(reading, span)
    )


def _led(reading: Reading, span: Span) -> bool:
    return re.search(r"\b(?:to|at|auf|à)$", reading.before(span.start, 1)) is not None


def _relative(reading: Reading, span: Span) -> bool:
    """Whether an amount is by how much something changes: "2 euro up", "by 2 euro", "2 € teurer"."""
    by = re.search(r"\b(?:by|um)$", reading.before(span.start, 1))
    return by is not None or RELATIVE.match(reading.text, span.end) is not None


def _of_money(reading: Reading, span: Span) -> bool:
    """Whether a figure without a currency is money by its verb: "who owes us more than 500", "spent over 1000"."""
    return bool(MONEYED.search(reading.before(span.start, 7))) and not UNITS.match(reading.text, span.end)


def _can_be_money(field: Field, span: Span, *, bare: bool) -> bool:
    return span.kind == "money" or span.value != int(span.value) or (bare and (bool(role(field)) or field.required))


def _between(fields: list[Field], reading: Reading, setting: Setting) -> dict[str, Any]:
    low = next((field for field in fields if role(field) == "low"), None)
    high = next((field for field in fields if role(field) == "high"), None)
    figures = reading.free("money", "number")
    for first, second in pairwise(figures):
        joint = re.fullmatch(r"\s*(?:and|to|-|–)\s*", reading.text[first.end : second.start], re.I)
        if low and high and joint and re.search(r"\b(?:between|from)$", reading.before(first.start, 1)):
            currency = second.currency or first.currency or setting.currency
            reading.take(first)
            reading.take(second)
            return {
                low.name: money.minor_units(first.value, currency),
                high.name: money.minor_units(second.value, currency),
            }
    return {}


def _said_role(reading: Reading, span: Span) -> str:
    before = reading.before(span.start)
    after = reading.text[span.end : span.end + 12].lower()
    if re.search(rf"{AT_LEAST}$", before) or re.match(r"\s*(?:or more|\+|and up|and more|and above)", after):
        return "low"
    if RAISED.search(reading.text[: span.start]):
        return ""
    if re.search(rf"{AT_MOST}$", before) or re.match(r"\s*(?:or less|or fewer|and below|or under)", after):
        return "high"
    return ""


def _percent(field: Field, reading: Reading) -> float | None:
    bare = [span for span in reading.free("number") if span.value <= MOST_BARE_PERCENT] if field.required else []
    spans = reading.free("percent") or bare
    way = _way(reading) if field.signed else 1
    if not spans or not way:
        return None
    return way * float(reading.take(spans[-1]).value)


def _way(reading: Reading) -> int:
    """Whether prices are to go up or down; 0 where neither is said, or both: that has to be asked."""
    down, up = bool(CHEAPER.search(reading.text)), bool(DEARER.search(reading.text))
    return 0 if down == up else -1 if down else 1


def _limit(field: Field, reading: Reading) -> int | None:
    ways = (rf"{AT_MOST}\s*{NUMBER}\b", *SO_MANY) if field.name == "at_most" else SO_MANY
    m = next(filter(None, (reading.search(pattern) for pattern in ways)), None)
    if m:
        reading.claim(*m.span(1))  # "biggest" may still say how to sort
        return number(m[1])
    newest = reading.search(r"\b(?:last|latest|newest|most recent)\s+(order|customer|product|sale|return|payment)\b")
    return 1 if newest or LASTLY.search(reading.text) or any(reading.search(pattern) for pattern in ONE) else None


def _days(field: Field, reading: Reading) -> int | None:
    for span in reading.free("duration"):
        count, unit = span.value
        days = count * LENGTHS[unit]
        if days >= 1:
            reading.take(span)
            return round(days)
    return None


def _delta(field: Field, reading: Reading, setting: Setting) -> int | None:
    amounts = reading.free("money") if field.description.startswith("Minor units") else []
    if amounts:  # given, unless it is said to be taken
        taken, minor = reading.take(amounts[-1]), -1 if WITHDRAWING.search(reading.text) else 1
        return minor * money.minor_units(taken.value, taken.currency or setting.currency)
    spans = [span for span in reading.free("number") if span.value == int(span.value)]
    if not spans or re.search(r"\bset\b.*\bto$", reading.before(spans[0].start, 12)):
        return None  # "set the stock to 40" is no change by 40
    value, said = int(spans[0].value), reading.text[spans[0].start : spans[0].end]
    signed = said.startswith(("+", "-"))
    takes = bool(TAKING.search(reading.text))
    adds = bool(ADDING.search(reading.text)) or (field.name == "points" and not takes)  # points are given, unless taken
    if not signed and takes == adds:
        return None  # no sign was said, or both: it has to be asked
    reading.take(spans[0])
    return value if signed else -abs(value) if takes else abs(value)


def _quantities(fields: list[Field], reading: Reading) -> dict[str, Any]:
    args: dict[str, Any] = {}
    for field in sorted(fields, key=lambda field: not role(field)):
        for span in reading.free("number"):
            if _said_role(reading, span) == role(field) and span.value == int(span.value) and span.value > 0:
                args[field.name] = int(reading.take(span).value)
                break
    if not args and len(fields) == 1 and fields[0].required:
        m = reading.search(r"\b(an?)\s+(?=[A-Z0-9]+-[A-Z0-9])", flags=0)
        if m:
            reading.claim(*m.span(1))
            args[fields[0].name] = 1
    return args


def local(stamp: str, setting: Setting) -> datetime:
    """A date or a UTC instant of an argument, as the merchant's wall clock shows it."""
    if len(stamp) == 10:
        return datetime.fromisoformat(stamp)
    return datetime.fromisoformat(stamp.replace("Z", "+00:00")).astimezone(setting.zone).replace(tzinfo=None)
