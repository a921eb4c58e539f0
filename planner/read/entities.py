"""The things that a sentence names in a form that can't be mistaken: references, SKUs, addresses of mail, money, periods.

Each is found once per text; `slots` then hands them to the fields that can take them. What no field takes is known to be
left over.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any

from planner.read import money, periods
from planner.read.words import NUMBER, NUMBERS, number, words_of

# Other words for what references name; the names themselves come with the tools' schemas.
ALSO_CALLED = {
    "order": ("order", "orders", "purchase"),
    "customer": ("customer", "customers", "client", "buyer", "shopper"),
    "product": ("product", "products"),
    "variant": ("sku", "skus", "item", "items", "variant", "article"),
    "return": ("return", "rma"),
    "shipment": ("shipment", "parcel"),
}
HYPHENATED = words_of(
    """e-mail e-mails follow-up low-stock out-of-stock in-stock best-seller best-sellers best-selling top-selling check-in
    re-order back-order back-orders pick-up drop-off add-on add-ons sign-off sign-in log-in set-up four-eyes year-to-date
    on-hand write-off write-offs to-do to-dos go-ahead buy-in x-ray opt-in opt-out t-shirt t-shirts month-to-date
    year-on-year stock-take pre-order pre-orders well-known day-to-day one-off"""
)
ASKED_IN_FRENCH = re.compile(r"-(?:on|nous|vous|ce|tu|ils?|elles?|moi|toi|les?|la|lui|leur|en|y|je|t|là)$")  # "vend-on"

TAKEN_BACK = re.compile(r"(?:\s+[^\W\d]+){0,3}\s*,?\s*(?:and |und |et )?(?:not|nicht|pas)\s+", re.I)
EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
URL = re.compile(r"https?://\S+")
PHONE = re.compile(
    r"(?<![\w.-])(?:\+\d[\d\s().-]{6,}\d|0\d(?:[\s.-]?\d{2}){4}|0\d(?:[\s.-]\d{2,3}){3}|0\d{8,11})(?![\w-])"
)
QUOTED = re.compile(r"[\"“«„]\s?([^\"”»“]{1,200}?)\s?[\"”»“]|(?<!\w)[‘']([^'’]{2,80})[’'](?!\w)")
FOREIGN = re.compile(
    r"(?<![\w-])#?(?:[A-Z]{1,2}\d{5,}|\d{3}-\d{6,}-\d{6,})\b|#[\w-]*\d[\w-]*|(?<![\w.,-])\d{6,}(?![\w,.-]*\d)", re.I
)
# "lea_roux_31": another shop's name for a customer.
LOGIN = re.compile(r"(?<![\w@.-])[a-z]+(?:_[a-z]+)+_\d+(?![\w@.-])", re.I)
CODE = re.compile(r"(?<![\w@./-])(?:[A-Z0-9]+(?:-[A-Z0-9]+)+|[a-z0-9]{2,}(?:-[a-z0-9]{1,6}){1,4})(?![\w@-])")
# A bare number can be an order's, unless what follows is counted by it, or a comparison or a new value leads to it.
COUNTED = re.compile(
    r"\s*(?:[A-Z0-9]+-[A-Z0-9]|(?!is\b|was\b|has\b|its\b|as\b|needs\b|wants\b|pls\b)[^\W\d_]+s\b|%|x\b)"
)
MEASURING = re.compile(
    r"\b(?:over|above|under|below|than|least|most|up to|to|minus|plus|by|between|make it|=)\s+$", re.I
)
POSTAL = re.compile(r"\b(?:zip|(?:post|zip|postal)\s?code|plz|postleitzahl|code postal)\s+(?:is |est |ist )?$", re.I)
PERSON = re.compile(  # two capitalised words; products ("the Oak Lamp") come with an article
    r"(?<=[\w,:] )(?<!the )(?<!a )(?<!an )(?<!new )(?<!product )(?<!called )(?<!named )(?<!article )"
    r"[A-ZÀ-Þ][\w'’-]+ [A-ZÀ-Þ][\w'’-]+"
)
PERCENT = re.compile(r"(?<![\w.])(\d+(?:[.,]\d+)?)\s?(?:%|percent\b|per cent\b|pct\b)", re.I)
DURATION = re.compile(
    rf"\b(?:for|within|in|of|to|next)?\s*(?:the next )?\b{NUMBER} (minute|hour|day|week|month|year)s?\b", re.I
)
COUNT = re.compile(r"(?<![\w.,-])[+-]\s?\d+(?![\w.,]*\d)|(?<![\w.,-])\d+(?:(?:[.,]\d+)?(?![\w-]|[.,]\d)|(?=[x×]\s))")
THE_ONE = re.compile(r"\bthe\s+[a-z][\w-]*\s+$", re.I)  # "same as the sage one": it counts nothing
WORD_COUNT = re.compile(
    r"\b(?:(?:an?|one|\d+) dozen|" + "|".join(word for word in NUMBERS if word not in ("a", "an")) + r")\b", re.I
)


@dataclass(frozen=True)
class Span:
    """Something found in a text: its kind, its value as the tools want it, and where it stood."""

    kind: str  # reference, code, foreign, email, phone, url, quoted, money, percent, period, duration, number, country
    start: int
    end: int
    value: Any
    reference: str = ""  # what a reference names, where its prefix or the word before tells: "order"
    currency: str = ""

    def overlaps(self, other: "Span") -> bool:
        return self.start < other.end and other.start < self.end


class Vocabulary:
    """The prefixes that references have (`ORD` names an order) and the nouns for what they name, from the tools' schemas."""

    def __init__(self, prefixes: Mapping[str, str]) -> None:
        self.prefixes = dict(prefixes)
        self.references = sorted({*prefixes.values()})
        self._nouns = {word: reference for reference, words in ALSO_CALLED.items() for word in words}
        for reference in self.references:
            self._nouns |= {reference.replace("_", " "): reference, f"{reference}s": reference}

    @cached_property
    def pairs(self) -> str:
        """A pattern of the nouns of two words, before a single one: "pick list 4", "purchase order 17"."""
        pairs = [
            rf"{first}\s+{second}" for first, second in (noun.split() for noun in self._nouns if noun.count(" ") == 1)
        ]
        return "".join(f"{pair}|" for pair in sorted(pairs, key=len, reverse=True))

    def noun(self, word: str) -> str:
        """The kind of reference that a noun stands for; "" for another word."""
        return self._nouns.get(re.sub(r"\s+", " ", word.lower()), "")

    def prefix(self, reference: str) -> str:
        """`ORD` for "order"; "" where references have none."""
        return next((prefix for prefix, named in self.prefixes.items() if named == reference), "")


def find(text: str, vocabulary: Vocabulary, now: datetime, *, ahead: bool = False) -> list[Span]:
    """Everything of a known form, in order, without overlaps: the most specific reading of a place wins."""
    found: list[Span] = []
    for span in _candidates(text, vocabulary, now, ahead):
        if not any(span.overlaps(other) for other in found):
            found.append(span)
    found.sort(key=lambda span: span.start)
    return [span for n, span in enumerate(found) if not (n and _taken_back(text, found[n - 1], span))]


def _taken_back(text: str, before: Span, span: Span) -> bool:
    """ "4 not 6", "is 2 in Lyon not 3": the figure that is not meant."""
    figures = before.kind == span.kind and span.kind in ("number", "money", "percent")
    return figures and TAKEN_BACK.fullmatch(text[before.end : span.start]) is not None


def _candidates(text: str, vocabulary: Vocabulary, now: datetime, ahead: bool) -> Iterator[Span]:
    yield from (Span("url", *m.span(), m[0]) for m in URL.finditer(text))
    yield from (Span("email", *m.span(), m[0].rstrip(".").lower()) for m in EMAIL.finditer(text))
    yield from (Span("quoted", *m.span(), (m[1] or m[2]).strip()) for m in QUOTED.finditer(text))
    yield from (Span("phone", *m.span(), m[0].strip()) for m in PHONE.finditer(text))
    yield from _references(text, vocabulary)
    yield from (
        Span("period", *period.where, period)
        for period in periods.find(text, now, ahead=ahead)
        if period.where[0] < period.where[1]
    )
    yield from _amounts(text)
    yield from (Span("percent", *m.span(), money.figure(m[1])) for m in PERCENT.finditer(text))
    yield from _codes(text)
    yield from (Span("duration", *m.span(), (number(m[1]), m[2].lower())) for m in DURATION.finditer(text))
    yield from _counts(text)
    yield from _countries(text)


def _references(text: str, vocabulary: Vocabulary) -> Iterator[Span]:
    prefixes = "|".join(sorted(map(re.escape, vocabulary.prefixes), key=len, reverse=True))
    if prefixes:
        for m in re.finditer(rf"(?<![\w-])({prefixes})(?:-|–|\s?#?)(\d+)(?![\w-])", text, re.I):
            prefix = m[1].upper()
            yield Span("reference", *m.span(), f"{prefix}-{int(m[2])}", vocabulary.prefixes[prefix])
    for m in re.finditer(
        rf"\b({vocabulary.pairs}[a-z]+)\s+(?:(?:number|no\.?|nr\.?|n°|id|ref\.?)\s*)?"
        r"((?:#\s?)?(?:\d+|[a-z]*\d[\w-]*)(?:(?:,| and| or|, and|&)\s*#?\d{3,})*)(?![\w.]*\d|-\w|\s?%)",
        text,
        re.I,
    ):
        noun = vocabulary.noun(m[1])
        if noun:
            yield from _listed(m, noun, vocabulary)
    yield from (Span("reference", *m.span(), m[0], "customer") for m in LOGIN.finditer(text))
    for m in re.finditer(r"(?<!\w)#(\d{1,6})(?![\w-])", text):
        yield Span("reference", *m.span(), m[1])
    yield from (Span("foreign", *m.span(), m[0]) for m in FOREIGN.finditer(text))


def _listed(match: re.Match[str], noun: str, vocabulary: Vocabulary) -> Iterator[Span]:
    """ "orders 1042, 1043 and #1044": every number is an order's."""
    prefix = vocabulary.prefix(noun)
    for m in re.finditer(r"#?([\w-]*\d[\w-]*)", match[2]):
        start = match.start(2) + m.start()
        own = m[1].isdigit() and len(m[1]) <= 6 and prefix
        counted = len(m[1]) < 3 and re.match(r"\s+\w", match.string[start + len(m[0]) :])  # "order 5 mugs"
        if not (counted and match[0].endswith(match[2])):
            yield Span("reference", start, start + len(m[0]), f"{prefix}-{int(m[1])}" if own else m[0], noun)


def _amounts(text: str) -> Iterator[Span]:
    for m in money.AMOUNT.finditer(text):
        currency = money.SIGNS[(m["sign"] or m["unit"]).lower()]
        yield Span("money", *m.span(), money.figure(m["after"] or m["before"]), currency=currency)
    for m in money.CENTS.finditer(text):
        yield Span("money", *m.span(), int(m[1]) / 100)


def _codes(text: str) -> Iterator[Span]:
    for m in CODE.finditer(text):
        word = m[0].lower()
        if word in HYPHENATED or not re.search(r"[a-z]", word) or ASKED_IN_FRENCH.search(m[0]):
            continue
        certain = m[0].isupper() or re.search(r"\d", word)
        yield Span("code" if certain else "perhaps_code", *m.span(), m[0].upper())


def _counts(text: str) -> Iterator[Span]:
    for m in COUNT.finditer(text):
        bare = (
            re.fullmatch(r"\d{3,6}", m[0])
            and not COUNTED.match(text, m.end())
            and not MEASURING.search(text[: m.start()])
        )
        yield Span("number", *m.span(), money.figure(m[0].replace(" ", "")), reference="?" if bare else "")
    for m in WORD_COUNT.finditer(text):
        said = m[0].lower()
        if said == "one" and THE_ONE.search(text[: m.start()]) and not re.match(r"\s+\w", text[m.end() :]):
            continue
        dozens = said.removesuffix(" dozen")
        yield Span("number", *m.span(), 12 * number(dozens) if said != dozens else number(said))


def _countries(text: str) -> Iterator[Span]:
    for m in _country_pattern().finditer(text):
        yield Span("country", *m.span(), countries()[m[0].lower()])
    for m in re.finditer(r"\b(?:UK|USA|US)\b", text):
        yield Span("country", *m.span(), "GB" if m[0] == "UK" else "US")
    codes = set(countries().values())
    for m in re.finditer(r"(?:,|\b(?:in|to|from|for|into|on|country|VAT))\s+([A-Z]{2})\b(?!-)", text):
        if m[1] in codes:
            yield Span("country", *m.span(1), m[1])


@lru_cache(maxsize=1)
def countries() -> dict[str, str]:
    """Lower-case names of countries and their ISO 3166 codes, from the time zone database, and what people say instead."""
    table = files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if line and not line.startswith("#"))
    return {name.lower(): code for code, name in rows} | {
        "belgian": "BE", "swiss": "CH", "german": "DE", "french": "FR", "italian": "IT", "spanish": "ES", "dutch": "NL",
        "austrian": "AT", "british": "GB", "polish": "PL", "danish": "DK", "swedish": "SE", "norwegian": "NO", "irish": "IE",
        "portuguese": "PT", "finnish": "FI", "greek": "GR", "american": "US", "canadian": "CA", "japanese": "JP",
        "united kingdom": "GB", "great britain": "GB", "britain": "GB", "england": "GB", "scotland": "GB", "wales": "GB",
        "united states of america": "US", "usa": "US", "the states": "US", "america": "US", "holland": "NL",
        "the netherlands": "NL", "czechia": "CZ", "south korea": "KR", "north korea": "KP", "korea": "KR", "russia": "RU",
        "turkey": "TR",
        "vietnam": "VN", "ivory coast": "CI", "uae": "AE", "emirates": "AE", "bosnia": "BA", "macedonia": "MK",
        "deutschland": "DE", "allemagne": "DE", "frankreich": "FR", "espagne": "ES", "spanien": "ES", "italie": "IT",
        "italien": "IT", "belgique": "BE", "belgien": "BE", "suisse": "CH", "schweiz": "CH", "österreich": "AT",
        "autriche": "AT", "pays-bas": "NL", "niederlande": "NL", "royaume-uni": "GB", "états-unis": "US", "polen": "PL",
        "pologne": "PL", "luxemburg": "LU", "dänemark": "DK", "danemark": "DK", "schweden": "SE", "suède": "SE",
    }  # fmt: skip


@lru_cache(maxsize=1)
def _country_pattern() -> re.Pattern[str]:
    names = sorted((re.escape(name) for name in countries()), key=len, reverse=True)
    return re.compile(
        rf"(?<![\w-])(?:{'|'.join(names)})(?![\w/-])(?!\s+(?:francs?|pounds?|dollars?|kron|z[lł]ot))", re.I
    )


def mask(text: str, spans: list[Span]) -> str:
    """The text with names of single things replaced by what they are: what is asked stays, about which one goes."""
    pieces: list[str] = []
    position = 0
    for span in spans:
        word = _masked(span)
        if word is None:
            continue
        before = text[position : span.start]
        pieces.append(before)
        if word not in before.lower().split()[-2:]:
            pieces.append(word)
        position = span.end
    whole = PERSON.sub("customer", "".join(pieces) + text[position:])
    return re.sub(r"\s+", " ", re.sub(r"\bcustomer customer\b", "customer", whole)).strip()


def _masked(span: Span) -> str | None:
    if span.kind == "email":
        return "customer"
    if span.kind in ("reference", "foreign") or span.reference:
        return span.reference.strip("?") or "order"
    if span.kind == "code":
        return "item"
    return {"url": "link", "phone": "phone number"}.get(span.kind)
