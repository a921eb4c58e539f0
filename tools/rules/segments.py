"""The language of segments: which customers, in words that people can read and the database can answer.

    orders >= 3 and city = "Lyon" and last_order before 90 days ago
    (tag = "vip" or spend > 500) and not consent = "email"

    filter      one or more comparisons, joined by `and`, `or`, `not` and brackets; `and` binds closer than `or`
    numbers     orders, points, spend (whole units of the home currency, such as 49.90)    = != < <= > >=
    words       name, email, company, price_group, language, status; of an address: city, region, postcode, country;
                tag, bought (a SKU), consent (email, sms, phone or post)    = != in ("a", "b"), contains, starts with
    times       last_order, registered    before, after: 2026-03-01, today, yesterday, 90 days ago

A filter becomes a condition on customers `c` and their figures `f`. What people write only ever becomes a parameter; columns and
operators come from the tables below.
"""

import re
from collections.abc import Callable, Collection
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import or_, select

from db.models.customers import ConsentChannel, CustomerStatus, Segment
from db.money import exponent
from db.references import Kind
from db.text import fold
from tools.contract.context import Context
from tools.contract.errors import Invalid, NotFound
from tools.rules.periods import YEARS
from tools.rules.sales import COUNTED

LONGEST, DEEPEST = 1_000, 20
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<day>\d{4}-\d\d-\d\d)|(?P<number>-?\d+(?:\.\d+)?)
    |(?P<sign><=|>=|!=|<>|[=<>(),])|(?P<word>[^\W\d]\w*))""",
    re.VERBOSE,
)
_COMPARED = {"=": "=", "!=": "<>", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_NUMBERS = {"orders": "f.orders", "points": "f.points", "spend": "f.spend"}
_TIMES = {"last_order": "f.orders > 0 and f.last_order_at", "registered": "c.created_at"}
_FOLDED = "unaccent(lower(coalesce({}, '')))"
_OF_AN_ADDRESS = "exists (select from addresses a where a.merchant_id = %(m)s and a.customer_id = c.id and {})"
_AGREES = """coalesce((select s.granted from consents s where s.merchant_id = %(m)s and s.customer_id = c.id and {}
    order by s.occurred_at desc, s.id desc limit 1), false)"""
# The same of all customers at once: a look at each would take longer.
_ALL_AGREE = """
left join (
    select distinct on (s.customer_id) s.customer_id, s.granted from consents s where s.merchant_id = %(m)s and {compared}
    order by s.customer_id, s.occurred_at desc, s.id desc
) {alias} on {alias}.customer_id = c.id"""
_BOUGHT = """exists (select from orders o cross join lateral (
        select sku from order_lines where merchant_id = %(m)s and order_id = o.id and quantity > cancelled
        union all select sku from order_bundles where merchant_id = %(m)s and order_id = o.id and quantity > 0
    ) l where o.merchant_id = %(m)s and o.customer_id = c.id and o.status = any(%(counted)s) and {})"""


def _postcode(written: str) -> str:
    return written.upper().replace(" ", "")


class _Words(NamedTuple):
    """A field of words: the column, as it is compared; how what is written becomes the same; and the condition around it.

    `given`: whether the column has anything, which what is compared with a word has to have.
    """

    column: str
    written: Callable[[str], str] = fold
    within: str = "{}"
    among: tuple[str, ...] = ()
    given: str = ""


def _perhaps(column: str) -> _Words:
    """A column of customers that may have nothing in it, which is the empty word."""
    return _Words(_FOLDED.format(column), given=f"{column} is not null")


_WORDS = {
    "name": _Words("c.name_key"),
    "email": _Words("coalesce(c.email_key, '')", str.casefold),
    "company": _perhaps("c.company"),
    "price_group": _perhaps("c.customer_group"),
    "language": _perhaps("c.locale"),
    "status": _Words("c.status", fold, "{}", tuple(status.value for status in CustomerStatus)),
    "city": _Words(_FOLDED.format("a.city"), fold, _OF_AN_ADDRESS),
    "region": _Words(_FOLDED.format("a.region"), fold, _OF_AN_ADDRESS),
    "postcode": _Words("replace(upper(a.postcode), ' ', '')", _postcode, _OF_AN_ADDRESS),
    "country": _Words("a.country", str.upper, _OF_AN_ADDRESS),
    "tag": _Words(
        "tag", fold, f"exists (select from unnest(c.tags) as tags(said), {_FOLDED.format('said')} as tag where {{}})"
    ),
    "bought": _Words("lower(l.sku)", str.lower, _BOUGHT),
    "consent": _Words("s.channel", fold, _AGREES, tuple(channel.value for channel in ConsentChannel)),
}
FIELDS = (*_NUMBERS, *_WORDS, *_TIMES)


class FilterNotUnderstood(Invalid):
    """A filter is written in the language of segments."""


class Condition(NamedTuple):
    """SQL on customers `c` and figures `f` of merchant `m`, and its own parameters; `joins` are what it needs beside them."""

    sql: str
    params: dict[str, Any]
    joins: str = ""

    @property
    def counted(self) -> str:
        """A query for how many fit: merged and erased customers do not. It reads figures or customers alone where these say it."""
        if not re.search(r"\bc\.(?!id\b)", self.sql):
            return (
                f"select count(*) from {_FIGURES} {self.joins} where f.merchant_id = %(m)s and {_STAYED} and {self.sql}"
            )
        figures = _WITH_FIGURES if re.search(r"\bf\.", self.sql) else ""
        return f"select count(*) from customers c {figures} {self.joins} where c.merchant_id = %(m)s and {_STAYS} and {self.sql}"


_FIGURES = "customer_figures f cross join lateral (select f.id) c"
_WITH_FIGURES = "join customer_figures f on f.merchant_id = %(m)s and f.id = c.id"
_STAYS = "c.status not in ('merged', 'erased')"
_STAYED = """not exists (
    select from customers gone
    where gone.merchant_id = %(m)s and gone.id = f.id and gone.status in ('merged', 'erased'))"""


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def condition_of(ctx: Context, written: str, name: str = "seg", *, of_all: bool = False) -> Condition:
    """The condition that a filter is; `name` begins the names of its parameters. Raises `FilterNotUnderstood`, naming the place.

    `of_all`: it is asked of all customers at once, and not of one after the other.
    """
    parser = _Parser(ctx, written, name, of_all=of_all)
    sql = parser.filter()
    return Condition(f"({sql})", parser.params, "".join(parser.joins))


async def find_segment(ctx: Context, written: str) -> Segment:
    """The segment of a `SEG-7`, or of its name. Raises `NotFound`."""
    reference, key = Kind.segment.canonical(written), fold(written)
    query = select(Segment).where(
        Segment.merchant_id == ctx.merchant.id,
        or_(Segment.reference == reference, Segment.name_key == key, Segment.external_reference == written.strip()),
    )
    found = (await ctx.db.scalars(query)).all()
    meant = (
        [row for row in found if row.reference == reference] or [row for row in found if row.name_key == key] or found
    )
    if not meant:
        raise await _no_segment(ctx, written)
    ctx.means(Kind.segment, written, meant[0].reference)
    return meant[0]


class _Within(NamedTuple):
    within: list[bool]


async def segments_of(ctx: Context, customer: UUID | None, segments: Collection[UUID]) -> frozenset[UUID]:
    """In which of the segments a customer is now; a guest is in none."""
    if customer is None or not segments:
        return frozenset()
    rows = (
        await ctx.db.scalars(select(Segment).where(Segment.merchant_id == ctx.merchant.id, Segment.id.in_(segments)))
    ).all()
    conditions = [condition_of(ctx, row.filter, f"s{nth}_") for nth, row in enumerate(rows)]
    query = f"""
        select array[{", ".join(condition.sql for condition in conditions)}] as within
        from customers c join customer_figures f on f.merchant_id = %(m)s and f.id = c.id
        where c.merchant_id = %(m)s and c.id = %(customer)s
    """
    params: dict[str, Any] = {"m": ctx.merchant.id, "customer": customer}
    for condition in conditions:
        params |= condition.params
    (found,) = await ctx.sql.rows(query, params, as_=_Within)
    return frozenset(row.id for row, within in zip(rows, found.within, strict=True) if within)


class _Near(NamedTuple):
    name: str


async def _no_segment(ctx: Context, written: str) -> NotFound:
    query = """
        select name || ' (' || reference || ')' as name from segments where merchant_id = %(m)s
        order by similarity(name_key, %(key)s) desc, id limit 3
    """
    nearest = [row.name for row in await ctx.sql.rows(query, {"m": ctx.merchant.id, "key": fold(written)}, as_=_Near)]
    hint = f"The nearest are {', '.join(nearest)}." if nearest else "This shop has no segment yet: create_segment."
    return NotFound(f"There is no segment {written}.", hint=hint, nearest=nearest)


class _Parser:
    """Reads a filter from left to right, and writes the condition meanwhile."""

    def __init__(self, ctx: Context, written: str, name: str, *, of_all: bool) -> None:
        self.ctx = ctx
        self.written = written
        self.name = name
        self.of_all = of_all
        self.params: dict[str, Any] = {}
        self.joins: list[str] = []
        self.depth = 0
        self.tokens = self._tokens()
        self.next = 0

    def filter(self) -> str:
        sql = self._any()
        if self._ahead.kind != "end":
            raise self._wrong("here a comparison is over", "Join comparisons with `and` or `or`.")
        return sql

    # ---- and, or, not ----------------------------------------------------------------------------------------------------

    def _any(self) -> str:
        parts = [self._all()]
        while self._takes("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else f"({' or '.join(parts)})"

    def _all(self) -> str:
        parts = [self._one()]
        while self._takes("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else f"({' and '.join(parts)})"

    def _one(self) -> str:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self._wrong(f"this is more than {DEEPEST} brackets deep", "Write it with fewer brackets.")
        if self._takes("not"):
            sql = f"not {self._one()}"
        elif self._takes("("):
            sql = self._any()
            self._must(")", "a bracket that was opened is closed")
        else:
            sql = self._comparison()
        self.depth -= 1
        return sql

    # ---- comparisons -----------------------------------------------------------------------------------------------------

    def _comparison(self) -> str:
        field = self._take("word", "a field is compared", f"Fields are {', '.join(FIELDS)}.").text.lower()
        if field in _NUMBERS:
            return self._number(field)
        if field in _TIMES:
            return self._time(field)
        if field in _WORDS:
            return self._words(_WORDS[field])
        near = get_close_matches(field, FIELDS, n=1)
        hint = f"Is {near[0]} meant? " if near else ""
        raise self._wrong(f"there is no field {field}", f"{hint}Fields are {', '.join(FIELDS)}.", before=True)

    def _number(self, field: str) -> str:
        sign = self._sign(f"{field} is compared by =, !=, <, <=, > or >=")
        token = self._take("number", f"{field} is compared with a number", f"Such as {field} >= 3.")
        value = Decimal(token.text)
        places = exponent(self.ctx.merchant.currency) if field == "spend" else 0
        minor = value.scaleb(places)
        if minor != minor.to_integral_value() or abs(minor) > 10**15:
            raise self._wrong(f"{token.text} is no number that {field} can have", "Give a plain number.", before=True)
        return f"{_NUMBERS[field]} {sign} {self._param(int(minor))}"

    def _time(self, field: str) -> str:
        after = self._takes("after")
        if not after:
            self._must("before", f"{field} is compared by `before` or `after`")
        return f"({_TIMES[field]} {'>=' if after else '<'} {self._param(self._moment())})"

    def _words(self, field: _Words) -> str:
        if self._takes("contains"):
            return self._like(field, f"%{_escaped(self._text(field))}%")
        if self._takes("starts"):
            self._must("with", "it is `starts with`")
            return self._like(field, f"{_escaped(self._text(field))}%")
        unlike = self._takes("not")
        if unlike or self._ahead.text.lower() == "in":
            self._must("in", "after a field, `not` is followed by `in`")
            return self._among(field, self._texts(field), unlike)
        sign = self._sign("words are compared by =, !=, in, contains or starts with")
        if sign not in ("=", "<>"):
            raise self._wrong("words are the same or not, and never more or less", "Use = or !=.", before=True)
        return self._among(field, [self._text(field)], sign == "<>")

    def _like(self, field: _Words, pattern: str) -> str:
        return self._around(field, f"{field.column} like {self._param(pattern)}", given=pattern.strip("%") != "")

    def _among(self, field: _Words, texts: list[str], unlike: bool) -> str:
        found = self._around(field, f"{field.column} = any({self._param(texts)})", given=all(texts))
        return f"not {found}" if unlike else found

    def _around(self, field: _Words, compared: str, *, given: bool) -> str:
        """`given`: whether only what has a word can fit."""
        if field.within == _BOUGHT:
            self.params["counted"] = COUNTED
        if field.within == _AGREES and self.of_all:
            alias = f"{self.name}agrees{len(self.joins)}"
            self.joins.append(_ALL_AGREE.format(compared=compared, alias=alias))
            return f"({alias}.granted is true)"
        if given and field.given:
            compared = f"{field.given} and {compared}"
        return f"({field.within.format(compared)})"

    # ---- values ----------------------------------------------------------------------------------------------------------

    def _texts(self, field: _Words) -> list[str]:
        self._must("(", 'after `in` stands a list, such as ("Lyon", "Lille")')
        texts = [self._text(field)]
        while self._takes(","):
            texts.append(self._text(field))
        self._must(")", "a list ends with a bracket")
        return texts

    def _text(self, field: _Words) -> str:
        token = self._take("text", "a word is compared with text in quotes", 'Such as city = "Lyon".')
        text = field.written(re.sub(r"\\(.)", r"\1", token.text[1:-1]))
        if field.among and text not in field.among:
            raise self._wrong(f"it cannot be {token.text}", f"It is one of {', '.join(field.among)}.", before=True)
        return text

    def _moment(self) -> datetime:
        """The beginning of a day of the shop's calendar."""
        today = self.ctx.now().astimezone(self.ctx.merchant.zone).date()
        if self._ahead.kind == "day":
            return self._midnight(self._day(self._take("day", "", "")))
        if self._takes("today"):
            return self._midnight(today)
        if self._takes("yesterday"):
            return self._midnight(today - timedelta(days=1))
        wants = "a time is a day, `today`, `yesterday`, or a number of days ago"
        number = self._take("number", wants, "Such as 2026-03-01 or 90 days ago.")
        unit = self._take(
            "word", "a number of days, weeks, months or years is said", "Such as 90 days ago."
        ).text.lower()
        days = {"day": 1, "week": 7, "month": 30, "year": 365}.get(unit.removesuffix("s"))
        if days is None or not number.text.isdigit() or int(number.text) * days > 36_500:
            raise self._wrong(
                f"{number.text} {unit} is no time that can be reckoned with", "Such as 90 days ago.", before=True
            )
        self._must("ago", "a time that is reckoned from today ends with `ago`")
        return self._midnight(today - timedelta(days=int(number.text) * days))

    def _day(self, token: _Token) -> date:
        try:
            day = date.fromisoformat(token.text)
        except ValueError:
            day = None
        if day is None or day.year not in YEARS:
            raise self._wrong(f"there is no day {token.text} to reckon with", "Write days as 2026-03-01.", before=True)
        return day

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self.ctx.merchant.zone)

    # ---- reading ---------------------------------------------------------------------------------------------------------

    def _tokens(self) -> list[_Token]:
        tokens: list[_Token] = []
        at, end = 0, len(self.written.rstrip())
        while at < end:
            found = _TOKEN.match(self.written, at, end)
            if found is None or found.lastgroup is None:
                start = at + len(self.written[at:]) - len(self.written[at:].lstrip())
                quote = self.written[start] in "\"'"
                why = "a text that begins here does not end" if quote else f"nothing begins with {self.written[start]}"
                raise self._at(start, why, "Close the quotes." if quote else "Texts stand in quotes.")
            tokens.append(_Token(found.lastgroup, found[found.lastgroup], found.start(found.lastgroup)))
            at = found.end()
        return [*tokens, _Token("end", "the end", end)]

    @property
    def _ahead(self) -> _Token:
        return self.tokens[self.next]

    def _takes(self, word: str) -> bool:
        found = self._ahead.kind in ("word", "sign") and self._ahead.text.lower() == word
        self.next += found
        return found

    def _must(self, word: str, why: str) -> None:
        if not self._takes(word):
            raise self._wrong(why, f"Write `{word}` here.")

    def _take(self, kind: str, why: str, hint: str) -> _Token:
        token = self._ahead
        if token.kind != kind:
            raise self._wrong(why, hint)
        self.next += 1
        return token

    def _sign(self, why: str) -> str:
        return (
            _COMPARED[self._take("sign", why, "Such as = or >=.").text]
            if self._ahead.text in _COMPARED
            else self._no(why)
        )

    def _no(self, why: str) -> str:
        raise self._wrong(why, "Such as = or >=.")

    def _param(self, value: Any) -> str:
        name = f"{self.name}{len(self.params)}"
        self.params[name] = value
        return f"%({name})s"

    def _wrong(self, why: str, hint: str, *, before: bool = False) -> FilterNotUnderstood:
        """What is wrong with the token ahead, or with the one before it."""
        token = self.tokens[self.next - 1] if before else self._ahead
        return self._at(token.at, why, hint, "" if token.kind == "end" else token.text)

    def _at(self, at: int, why: str, hint: str, text: str = "") -> FilterNotUnderstood:
        named = f", at {text}" if text else ", at its end" if at >= len(self.written.rstrip()) else ""
        return FilterNotUnderstood(f"Character {at + 1} of the filter{named}: {why}.", hint=hint, position=at + 1)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
