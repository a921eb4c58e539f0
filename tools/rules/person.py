"""By what a person is known in a text: names, e-mail addresses, phone numbers, streets, as people write them."""

import json
import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

from db.text import fold

SHORTEST = 4  # letters of a name that is one word: shorter ones are parts of other words' company
FEWEST_DIGITS = 6


class Said(NamedTuple):
    """What a row says of somebody."""

    name: str | None
    first_name: str | None
    last_name: str | None
    email: str | None
    phone: str | None
    street: str | None
    other: str | None


class Term(NamedTuple):
    """Something that a person is known by."""

    kind: Literal["words", "alone", "email", "phone"]  # a family name is theirs where it stands alone
    text: str


def terms_of(rows: Iterable[Said]) -> list[Term]:
    """All that somebody is known by, each once."""
    terms: dict[Term, None] = {}
    for row in rows:
        for name in (row.name, f"{row.first_name or ''} {row.last_name or ''}"):
            terms |= dict.fromkeys(_of_name(name or ""))
        if row.last_name and len(row.last_name) >= SHORTEST:
            terms |= dict.fromkeys((Term("alone", row.last_name), Term("alone", fold(row.last_name))))
        for text in (row.street, row.other):
            terms |= {Term("words", text): None} if text and len(text.strip()) >= SHORTEST else {}
        terms |= {Term("email", row.email): None} if row.email else {}
        if row.phone and len(re.sub(r"\D", "", row.phone)) >= FEWEST_DIGITS:
            terms |= {Term("phone", row.phone): None}
    return list(terms)


def _of_name(name: str) -> list[Term]:
    """A name, the other way round, and without its accents."""
    parts = name.split()
    if len("".join(parts)) < SHORTEST:
        return []
    turned = [f"{parts[-1]} {' '.join(parts[:-1])}", f"{parts[-1]}, {' '.join(parts[:-1])}"] if len(parts) > 1 else []
    written = [" ".join(parts), *turned]
    return [Term("words", text) for one in written for text in dict.fromkeys((one, fold(one)))]


def pattern_of(terms: Iterable[Term]) -> str:
    """A regular expression of PostgreSQL that fits any of the terms, whatever the case and the spaces; empty for none."""
    return "|".join(dict.fromkeys(_fits(term) for term in sorted(terms, key=lambda term: -len(term.text))))


def _fits(term: Term) -> str:
    if term.kind == "phone":
        return _dialled(term.text)
    if term.kind == "alone":  # all of a text, or of one within JSON
        return rf'^{re.escape(term.text)}$|"{re.escape(term.text)}"'
    if term.kind == "email":  # and no end of a longer one
        return rf"(?<![\w.+-]){re.escape(term.text)}(?![\w-])"
    written = dict.fromkeys((term.text, json.dumps(term.text, ensure_ascii=False)[1:-1]))  # as JSON writes it, too
    return "|".join(_whole(text) for text in written)


def _whole(text: str) -> str:
    """The words of a text, not as parts of longer ones, with any space between."""
    spaced = r"(?:\s|\\n)+".join(re.escape(word) for word in text.split())
    before, after = (r"(?<!\w)" if text[0].isalnum() else "", r"(?!\w)" if text[-1].isalnum() else "")
    return f"{before}{spaced}{after}"


def _dialled(phone: str) -> str:
    """A number with its country's code or without it, and whatever stands between its digits."""
    digits = re.sub(r"\D", "", phone)
    between = r"[\s./()-]*"
    abroad = rf"(?:\+|00)?{between}{between.join(digits)}"
    at_home = rf"0{between}{between.join(digits[-9:])}"
    either = f"{abroad}|{at_home}" if len(digits) > 9 else abroad
    return rf"(?<!\d)(?:{either})(?!\d)"
