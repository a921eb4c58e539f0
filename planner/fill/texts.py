"""Arguments that are words: names, places, notes, reasons, searches, addresses."""

import re
from collections.abc import Collection
from typing import Any

from planner.fill.filled import Told
from planner.read.entities import countries
from planner.read.fields import Field, Kind
from planner.read.reading import NAME, Reading
from planner.read.signals import WRITING_STARTS
from planner.read.words import FILLER, content, stem, tokens, words_of

SAYING = r"(?:saying|says|stating|reading|with the text|that says)(?:\s+that)?"
TELLING = (
    r"(?:answer|reply|respond|tell|say|inform)\b(?:\s+(?:back|him|her|them|to|the|customer|buyer|client|lady|guy|man))*"
)
NOTING = "(?:note|remember|write|remark|comment|memo|mention|message|document|jot|record)"
# What to do with what was said before: "the bank pays on Wednesday, put that as a note on it".
AFTERWARDS = re.compile(
    r"\s*[,;.]?\s*(?:\band\s+)?(?:please\s+|can you\s+|could you\s+)?(?:put|add|write|note|leave|save|make|keep)\s+"
    r"(?:that|this|it)(?:\s+down)?"
    r"(?:\s+(?:as|in|into|on|to)\b.{0,40})?[.!]?$",
    re.I,
)
REASON = r"\b(?:because(?: of)?|due to|reason(?: is)?:?|on account of|given that)\s+(.+?)\s*[.!]?$"
STREET = re.compile(
    r"(?<!\d)\d{1,4}\w?,?\s+(?!(?:units|pieces)\b)[^\W\d][^\d,\n]{2,40}?(?=,|\s*$)|[A-ZÀ-Þ][\w.'’-]+(?:\s[\w.'’-]+){0,3}\s\d+\w?(?=,|\s*$)"
)
TAIL = re.compile(
    r"\s*,\s*(?:(?P<before>[A-Z]{0,2}-?\d{3,6}(?: ?[A-Z]{2})?)\s+)?"
    r"(?P<city>(?!\s|(?:the )?same\b|not\b|please\b|pls\b)[^\d,\n]{2,40}?)"
    r"(?:\s+(?:(?P<state>[A-Z]{2})\s+)?(?P<after>\d{4,6}|[A-Z]{1,2}\d\w? ?\d[A-Z]{2}))?\s*(?=[,;]|\.(?:\s|$)|$| for\b)"
)
POSTCODE = re.compile(r"\s*,\s*(?P<before>\d{4,6})(?=[,.;]|\s*$)")  # of a street whose town is known
WITHIN = re.compile(
    r"\s*,\s*(?P<said>(?:suite|apt\.?|apartment|unit|floor|flat|ste\.?|étage|bât(?:iment)?\.?|etage|stock)\s*#?[\w-]+)",
    re.I,
)
NAMED_STREET = re.compile(
    r"(?!\d+\w?,)(?:.*[A-ZÀ-Þ]|.*\b(?i:rue|street|st|road|avenue|ave|lane|stra(?:ß|ss)e|str|platz|weg|via|calle|place|quai|boulevard)\b)"
)
PARTS = {"street": r"line_?1|street|address", "within": r"line_?2", "region": "region|state"}
INTRODUCING = words_of("of for the many much with our any about named called matching containing some no on de")
WHOLE = r"([A-ZÀ-Þ0-9][^,.;:\n]*?)(?=\s+(?:from|now|please|instead|for|at|priced|with|in|sku|SKU|on|and)\b|[,.;:]|\s*$)"
CALLED = "called|named|name(?: is(?: now)?| to|:)?|titled|rename .*?to|is now|call (?:it|the shop|us)|new name.*?:"
UNITS = words_of("grams kg minutes days hours cm mm id")
WHERE = r"(?:in|from|to|at|near|around|out of|into|for)"
UNSAID = re.compile(r"\b(?:no|not|without|sans|pas de|kein\w*|ohne)\s+['\"“‘«„]?$", re.I)
MANNERS = words_of(  # how something is to be written, and not what: "write her that, nice and short"
    """nice nicely short shortly brief briefly kind kindly friendly polite politely quick quickly warm warmly formal formally
    kurz nett freundlich höflich knapp court gentil gentiment poli poliment bref"""
)


def note(field: Field, reading: Reading) -> str | None:
    """Text to be kept word for word: after a colon, in quotes, or after "saying" and the like; not what is not to be said."""
    quoted = [span for span in reading.free("quoted") if not UNSAID.search(reading.text[: span.start])]
    if quoted:
        return reading.take(quoted[0]).value
    patterns = (
        r":\s+(.+)$",
        rf"\b{SAYING}\s+(.+)$",
        rf"\b{TELLING}\s+that\s+(.+)$",
        rf"\b{NOTING}\b.*?\bthat\s+(.+)$",
        rf"\b{NOTING}\b[^,]*,\s+(.+)$",
        r"^(?:please )?(?:remind \w+|\w+ (?:a |an )?(?:task|to-do|todo|reminder)|i need (?:a )?(?:task|reminder))\b"
        r".*?\bto\s+(?!the\b|order\b|do\b)(.+)$",
    )
    for pattern in patterns:
        m = reading.search(pattern)
        if m:
            reading.claim(*m.span(1))
            said = AFTERWARDS.sub("", m[1]).strip()
            if {*content(said)} <= MANNERS:
                return None
            return said.rstrip(".") if len(said.split()) < 4 else said
    return None


def reason(reading: Reading, openers: Collection[str], *, apart: bool) -> str | None:
    """Why: after "because", or, where `apart`, what stands after a comma at the end."""
    m = reading.search(REASON)
    if m is None and apart:
        m = reading.search(r",\s+(?!please\b|thanks\b|thank\b|asap\b)((?:[^\W\d]|['’])[^,:]{5,}?)\s*[.!]?$")
    if m is None or set(tokens(m[1])[:1]) & (WRITING_STARTS | set(openers)):  # ", take them off stock" is no reason
        return None
    reading.claim(*m.span(1))
    return m[1].strip()


def left(reading: Reading, told: Told) -> str | None:
    """What is told beside the order itself: the part of the sentence that holds most words which the tool never hears."""
    best: tuple[int, int, int] = (0, 0, 0)
    for m in re.finditer(r"[^,;:.!?\n–—]+", reading.text):
        said = [word for word in tokens(m[0]) if word not in FILLER and not re.search(r"\d", word)]
        strange = [word for word in said if stem(word) not in told.own]
        first = next(iter(tokens(m[0])), "")
        if first in told.openers or len(said) < 2 or 2 * len(strange) < len(said) or not _untaken(reading, *m.span()):
            continue
        best = max(best, (len(strange), *m.span()))
    if not best[0] or {*content(reading.text[best[1] : best[2]])} <= MANNERS:
        return None
    reading.claim(*best[1:])
    return reading.text[best[1] : best[2]].strip()


def _untaken(reading: Reading, start: int, end: int) -> bool:
    """Whether most of a part is nobody's yet."""
    taken = sum(
        min(end, other_end) - max(start, other)
        for other, other_end in reading.claimed
        if other < end and start < other_end
    )
    return 2 * taken < end - start


def place(
    field: Field, reading: Reading, known: Collection[str], *, lead: str = WHERE, alone: bool = True
) -> str | None:
    """A city or a warehouse by name: "in Lyon", "the Lyon warehouse", "city Lyon". `alone` when no other field is such a place."""
    label = re.escape(field.label.split()[-1])
    proper = NAME.pattern
    by_label = (
        (rf"\b{label}\b(?:\s+of\s+\S+)?\s+(?:is|to|should be|=|:|of)?\s*({proper})", 0),
        (rf"({proper})\s+{label}\b", 0),
    )
    by_lead = (
        (rf"\b{lead}\s+(?:the\s+|our\s+)?({proper})", 0),
        (rf"\b{lead}\s+(?:the\s+|our\s+)?([^\W\d_]{{4,}})(?=\s+{label}|\s*[.?!,]?$|\s+to\b|\s+from\b)", re.I),
    )
    known_places = reading.grounded and field.kind is Kind.reference  # those that there are, the shop has told
    for pattern, flags in (*(by_label if alone else ()), *(() if known_places else by_lead)):
        m = reading.search(pattern, flags=flags)
        named = m and _names_place(m[1], known) and not reading.somebody(*m.span(1))
        if m and named and _plain(m[1], reading, m.start(1)):
            reading.claim(*m.span(1))
            return m[1].strip(" .,")
    return None


def _names_place(said: str, known: Collection[str]) -> bool:
    word = said.lower()
    return (
        word not in FILLER
        and not re.search(r"\d", word)
        and word not in countries()
        and (said[0].isupper() or stem(word) not in known)
    )


def _plain(said: str, reading: Reading, start: int) -> bool:
    """Whether a word is no figure, period or reference that another argument should have."""
    return not any(span.start < start + len(said) and start < span.end for span in reading.spans)


def labelled(field: Field, reading: Reading) -> str | None:
    """A value said with the name of its field: "brand Acme", "set the order prefix to WEB"."""
    words = [word for word in field.name.split("_") if word not in UNITS]
    if words in (["to"], ["from"], ["by"]):
        return None  # before any name
    label = r"[\s_-]?".join(map(re.escape, words)).removesuffix("s") + r"(?:s|ged|ed)?(?:\s+with)?"
    value = rf"(?:[\"“](?P<quoted>[^\"”]+)[\"”]|(?P<code>\w*[/\d][\w/+.-]*)|(?P<name>{NAME.pattern})|(?P<word>[\w-]+))"
    joints = (
        rf"[^.;\n]{{0,40}}?\s(?:to|is now|is|as|=|should be|becomes|with)\s+{value}",
        rf"\s*[:=]?\s+(?!of\b|for\b|the\b|in\b|on\b){value}",
    )
    for joint in joints:
        for m in re.finditer(rf"(?<![\w-])(?i:{label})\b{joint}", reading.text):
            group = next(name for name, found in m.groupdict().items() if found)
            if m[group].lower() in FILLER or not reading.open(*m.span(group)):
                continue
            reading.claim(*m.span(group))
            return m[group]
    return None


def listed(field: Field, reading: Reading) -> list[str] | None:
    """Several values: "tag it with summer and sale"."""
    first = labelled(field, reading)
    if first is None:
        return None
    found = [first]
    further = re.compile(r"(?:\s*,\s*|\s+and\s+)(?!the\b)([\w-]+)")
    after = reading.claimed[-1][1]
    while m := further.match(reading.text, after):
        reading.claim(*m.span(1))
        found.append(m[1])
        after = m.end()
    return found


def demanded(field: Field, reading: Reading) -> str | None:
    """A value that a tool can't do without: a key such as `orders.prefix` by its form, anything else at the end."""
    if field.name not in ("key", "code"):
        return _new_value(reading, switched="boolean" in field.type or field.type == "any")
    m = reading.search(r"(?<![\w@.-])([a-z]+(?:[._][a-z]+)+)(?![\w@-])")
    if m is None:
        return None
    reading.claim(*m.span(1))
    return m[1]


def _new_value(reading: Reading, *, switched: bool) -> str | None:
    """A new value at the end: "set ... to 60 minutes"; "on" or "off" where something can be `switched`."""
    m = reading.search(
        r"\b(?:to|as|=|:)\s+([\"“]?)([\w./+-]+)\1(?:\s+(?:minutes?|days?|hours?|units?|euros?|eur))?[\"”]?\s*[.!]?$",
        group=2,
    )
    if m:
        reading.claim(*m.span(2))
        return m[2]
    m = reading.search(r"\bon\s+([A-Z0-9][\w.-]*)\s*[.!]?$", flags=0)
    if m:
        reading.claim(*m.span(1))
        return m[1]
    m = reading.search(r"\b(enable|disable|activate|deactivate|on|off)\b") if switched else None
    if m is None:
        return None
    reading.claim(*m.span(1))
    return "true" if m[1].lower() in ("enable", "activate", "on") else "false"


def name(field: Field, reading: Reading, openers: Collection[str], *, alone: bool, writes: bool) -> str | None:
    """A name of a person or thing. `alone` when the tool has nothing else that a bare name could be."""
    own = field.name.endswith(("name", "title"))  # not a brand
    said = reading.search(rf"\b(?i:{CALLED})\s+{WHOLE}", flags=0) if own else None
    if said:
        reading.claim(*said.span(1))
        return re.sub(r"[’']s?$", "", said[1])
    cued = writes and re.search(r"\b(?:name|title|call|rename|titled|called)\w*\b", reading.text, re.I)
    quoted = reading.free("quoted") if own and (cued or field.required) else []
    if quoted:
        return reading.take(quoted[0]).value
    changed = (
        None if not own else reading.search(rf"\b(?:name|title|rename)\b.*?\bto\s+({NAME.pattern}|[^\d,.;:]{{2,40}}$)")
    )
    if changed:
        reading.claim(*changed.span(1))
        return changed[1].strip()
    if not (field.required and alone):
        return None
    for start, end in reading.names(openers):
        tail = re.match(r"(?:\s+[a-zà-ÿ]{3,}){1,3}(?=\s*,)", reading.text[end:])  # "Oak tray, SKU TRAY-OAK"
        end += len(tail[0]) if tail and not set(tokens(tail[0])) & FILLER else 0
        reading.claim(start, end)
        return reading.text[start:end]
    return None


def search(reading: Reading, known: Collection[str], *, required: bool, people: bool = True) -> str | None:
    """What is looked for: quoted words, or the words that the tool itself does not know; nobody, where no `people` are found."""
    quoted = reading.free("quoted")
    if quoted:
        return reading.take(quoted[0]).value
    runs = [
        run for run in reading.unknown(known) if required or (_introduced(reading, run[0]) and _heard(reading, *run))
    ]
    runs = [run for run in runs if people or not reading.somebody(*run)]
    codes = reading.free("code", "perhaps_code", *(("reference", "foreign") if people else ()))
    if not runs:
        return str(reading.take(codes[0]).value) if codes else None
    start, end = max(runs, key=lambda run: run[1] - run[0])
    reading.claim(start, end)
    return re.sub(r"['’]s?$", "", reading.text[start:end])


def _heard(reading: Reading, start: int, end: int) -> bool:
    """Whether words name something: by the reader's word, or, where the shop was asked, by the shop's. A slip names nothing."""
    named = [(one.start, one.end) for one in (*reading.mentions, *reading.grounds)]
    return not reading.grounded or any(one[0] < end and start < one[1] for one in named)


def _introduced(reading: Reading, start: int) -> bool:
    """Whether a word stands where a thing would: capitalised, first, or after "of", "the", "many" and the like."""
    before = reading.before(start, 1)
    return reading.text[start].isupper() or not before or before in INTRODUCING


LED = re.compile(r"^[^\d,]*?\b(?:to|on|at|into|auf|nach|zu|à|au)\s+(?=[^\d,]*\d)", re.I)


def address(fields: tuple[Field, ...], reading: Reading) -> dict[str, Any] | None:
    """A postal address: street and number, postcode, city, country, in the usual orders."""
    text = reading.blanked("reference", "code", "email", "phone", "money", "country")
    street = next((m for m in STREET.finditer(text) if reading.open(*m.span())), None)
    if street is None:
        return None
    begins = max((m.end() for m in LED.finditer(street[0])), default=0)  # "in Berlin to Torstraße 12"
    found: dict[str, Any] = {"street": street[0][begins:].strip(" ,")}
    reading.claim(street.start() + begins, street.end())
    within = WITHIN.match(text, street.end())
    if within:
        found["within"] = within["said"]
        reading.claim(*within.span())
    for span in reading.free("country"):
        found["country"] = reading.take(span).value
    m = TAIL.match(text, within.end() if within else street.end())
    if m:
        found |= {"city": m["city"].strip(" ?!"), "region": m["state"], "postcode": m["before"] or m["after"]}
        reading.claim(*m.span())
    elif alone := POSTCODE.match(text, within.end() if within else street.end()):
        found["postcode"] = alone["before"]
        reading.claim(*alone.span())
    if "city" not in found and not NAMED_STREET.match(found["street"]):
        return None  # "14b instead of 14, the rest stays" names no street
    by_kind = {Kind.city: "city", Kind.country: "country", Kind.postcode: "postcode"}
    args: dict[str, Any] = {}
    for field in fields:
        key = by_kind.get(field.kind) or next((key for key, name in PARTS.items() if re.match(name, field.name)), "")
        if found.get(key):
            args[field.name] = found[key]
    return args
