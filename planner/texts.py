"""Arguments that are words: names, places, notes, reasons, searches, addresses."""

import re
from collections.abc import Collection
from typing import Any

from planner.entities import countries
from planner.fields import Field, Kind
from planner.reading import NAME, Reading
from planner.words import FILLER

SAYING = r"(?:saying|says|stating|reading|with the text|that says)(?:\s+that)?"
REASON = r"\b(?:because(?: of)?|due to|reason(?: is)?:?|on account of|given that)\s+(.+?)\s*[.!]?$"
STREET = r"((?:\d+\w?,?\s+(?!(?:units|pieces)\b)[^\d,\n]{3,40}|[A-ZÀ-Þ][\w.\- ]+?\s\d+\w?))(?=,|\n|$)"
WHERE = r"(?:in|from|to|at|near|around|out of|into|for)"


def note(field: Field, reading: Reading) -> str | None:
    """Text to be kept word for word: after a colon, in quotes, or after "saying" and the like."""
    quoted = reading.free("quoted")
    if quoted:
        return reading.take(quoted[0]).value
    patterns = (
        r":\s+(.+)$",
        rf"\b{SAYING}\s+(.+)$",
        r"\b(?:note|remember|write|remark|comment|memo|mention)\b.*?\bthat\s+(.+)$",
        r"^(?:please )?(?:remind \w+|\w+ (?:a |an )?(?:task|to-do|todo|reminder)|i need (?:a )?(?:task|reminder))\b.*?\bto\s+(?!the\b|order\b|do\b)(.+)$",
    )
    for pattern in patterns:
        m = reading.search(pattern)
        if m:
            reading.claim(*m.span(1))
            return m[1].strip().rstrip(".") if len(m[1].split()) < 4 else m[1].strip()
    return None


def reason(reading: Reading) -> str | None:
    """Why: after "because", or what stands apart after a comma at the end."""
    m = reading.search(REASON) or reading.search(r",\s+(?!please\b|thanks\b|thank\b|asap\b)((?:[^\W\d]|['’])[^,:]{5,}?)\s*[.!]?$")
    if m is None:
        return None
    reading.claim(*m.span(1))
    return m[1].strip()


def place(field: Field, reading: Reading, *, also: str = "") -> str | None:
    """A city or a warehouse by name: "in Lyon", "the Lyon warehouse", "city Lyon"."""
    label = re.escape(field.label.split()[-1])
    proper = NAME.pattern
    for pattern, flags in (
        (rf"\b{label}\b\s+(?:is|to|should be|=|:|of)?\s*({proper})", 0),
        (rf"({proper})\s+{label}\b", 0),
        (rf"\b{also or WHERE}\s+(?:the\s+|our\s+)?({proper})", 0),
        (rf"\b{also or '(?:in|from)'}\s+(?:the\s+|our\s+)?([^\W\d_]{{4,}})(?=\s+{label}|\s*[.?!,]?$|\s+to\b|\s+from\b)", re.I),
    ):
        m = reading.search(pattern, flags=flags)
        if m and m[1].lower() not in FILLER and m[1].lower() not in countries() and _plain(m[1], reading, m.start(1)):
            reading.claim(*m.span(1))
            return m[1].strip(" .,")
    return None


def _plain(said: str, reading: Reading, start: int) -> bool:
    """Whether a word is no figure, period or reference that another argument should have."""
    return not any(span.start < start + len(said) and start < span.end for span in reading.spans)


def labelled(field: Field, reading: Reading) -> str | None:
    """A value said with the name of its field: "brand Acme", "set the order prefix to WEB"."""
    label = r"[\s_-]?".join(map(re.escape, field.name.split("_")))
    value = rf"[\"“]([^\"”]+)[\"”]|({NAME.pattern})|([\w+@./#-]+)"
    joint = r"(?:\s+(?:is now|is|are|to|as|of|should be|becomes|=))?\s*[:=]?\s+"
    for m in re.finditer(rf"\b(?i:{label})\b[^.,;\n]{{0,25}}?{joint}(?:{value})", reading.text):
        group = next(n for n in (1, 2, 3) if m[n])
        word = m[group]
        if word.lower() in FILLER or word.lower() in ("of", "to", "the", "number", "address") or not reading.open(*m.span(group)):
            continue
        reading.claim(*m.span(group))
        return word
    return None


def name(field: Field, reading: Reading, openers: Collection[str], *, alone: bool) -> str | None:
    """A name of a person or thing. `alone` when the tool has nothing else that a bare name could be."""
    said = reading.search(rf"\b(?i:called|named|name(?: is(?: now)?| to|:)?|titled|rename .*?to)\s+({NAME.pattern})", flags=0)
    if said:
        reading.claim(*said.span(1))
        return re.sub(r"[’']s?$", "", said[1])
    quoted = reading.free("quoted")
    if quoted:
        return reading.take(quoted[0]).value
    changed = reading.search(rf"\b(?:name|title|rename)\b.*?\bto\s+({NAME.pattern}|[^\d,.;:]{{2,40}}$)")
    if changed:
        reading.claim(*changed.span(1))
        return changed[1].strip()
    if not (field.required and alone):
        return None
    for start, end in reading.names(openers):
        reading.claim(start, end)
        return reading.text[start:end]
    return None


def search(reading: Reading, known: Collection[str]) -> str | None:
    """What is looked for: quoted words, or the words that the tool itself does not know."""
    quoted = reading.free("quoted")
    if quoted:
        return reading.take(quoted[0]).value
    runs = reading.unknown(known)
    codes = reading.free("code", "perhaps_code", "reference", "foreign")
    if not runs:
        return str(reading.take(codes[0]).value) if codes else None
    start, end = max(runs, key=lambda run: run[1] - run[0])
    reading.claim(start, end)
    return re.sub(r"['’]s?$", "", reading.text[start:end])


def address(fields: tuple[Field, ...], reading: Reading) -> dict[str, Any] | None:
    """A postal address: street and number, postcode, city, country, in the usual orders."""
    street = reading.search(STREET, flags=0)
    if street is None:
        return None
    found: dict[str, Any] = {"street": street[1].strip(" ,")}
    reading.claim(*street.span(1))
    tail = re.compile(r"\s*,\s*(?:(?P<before>[A-Z]{0,2}-?\d{3,6}(?: ?[A-Z]{2})?)\s+)?(?P<city>[^\d,\n]{2,40}?)(?:\s+(?P<after>(?:[A-Z]{2}\s+)?\d{4,6}|[A-Z]{1,2}\d\w? ?\d[A-Z]{2}))?\s*(?=,|\.?$)")
    m = tail.match(reading.text, street.end(1))
    if m:
        found |= {"city": m["city"].strip(), "postcode": m["before"] or m["after"]}
        reading.claim(*m.span())
    for span in reading.free("country"):
        found["country"] = reading.take(span).value
    by_kind = {Kind.city: "city", Kind.country: "country", Kind.postcode: "postcode"}
    args: dict[str, Any] = {}
    for field in fields:
        key = by_kind.get(field.kind) or ("street" if re.match(r"line_?1|street|address", field.name) else "")
        if found.get(key):
            args[field.name] = found[key]
    return args
