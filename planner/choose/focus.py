"""What a conversation was last about, by kind: the order, the customer, the goods that "it", "her" and "the customer" can mean.

Looked for in the latest answer that has any of the kind: first in what was put to the person, then in what was asked, then in
what was shown.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, cast

from planner.choose.index import Index
from planner.converse.memory import Conversation
from planner.read.fields import Field, Kind

GOODS = ("product", "variant")
PEOPLE = ("customer", "user")
NOBODYS = ("warehouse", "category", "carrier")  # places and drawers: what records stand in, not what is talked about


def focus(talk: Conversation, index: Index, kinds: Collection[str]) -> list[str]:
    """The references of these kinds that were last spoken of: one where it is certain, several where it could be any of them."""
    wanted = {*kinds, *(GOODS if "product" in kinds else ())}
    for did in talk.did():
        for references in _of(did, index):
            found = list(dict.fromkeys(value for kind, value in references if kind in wanted))
            if found:
                return found
    return talk.mentioned(*(prefix for prefix, noun in index.vocabulary.prefixes.items() if noun in wanted))


def one_by_one(talk: Conversation, index: Index, count: int) -> list[str]:
    """The last so many things of one kind that answers were about one at a time, the earliest first; none of fewer."""
    found, kind = list[str](), ""
    for did in talk.did():
        told = next(filter(None, _of(did, index)), list[tuple[str, str]]())
        kind = kind or (told[0][0] if told else "")
        values = {value for of, value in told if of == kind}
        if len(values) != 1:
            return []
        found += [value for value in values if value not in found]
        if len(found) == count:
            return found[::-1]
    return []


def at_hand(talk: Conversation, index: Index) -> frozenset[str]:
    """The kinds of which something was spoken of in the latest two answers that were about anything."""
    answers = [kinds for did in talk.did() if (kinds := {kind for one in _of(did, index) for kind, _ in one})]
    kinds = set[str]().union(*answers[:2])
    return frozenset(kinds | {*GOODS} if kinds & {*GOODS} else kinds)


def _of(did: Mapping[str, Any], index: Index) -> Iterator[list[tuple[str, str]]]:
    """What one answer was about, from the surest on: a change, the thing that was asked for, what was shown, what narrowed it."""
    put, calls, shown = (cast(list[dict[str, Any]], did.get(name) or []) for name in ("put", "calls", "shown"))
    yield [one for call in put for one in referred(call, index)]
    yield [one for call in calls for one in referred(call, index, required=True)]
    rows = [one for one in shown if not one.get("inner")]
    yield [(kind, str(value)) for one in rows for kind, value in one["refers"].items() if value == one["reference"]]
    yield [(kind, str(value)) for one in rows for kind, value in one["refers"].items()]
    yield [one for call in calls for one in referred(call, index)]
    yield [(kind, str(value)) for one in shown for kind, value in one["refers"].items()]


def referred(call: Mapping[str, Any], index: Index, *, required: bool = False) -> list[tuple[str, str]]:
    """The references in a call's arguments, and what they name; those alone that the call could not do without."""
    fields = index.tools[call["tool"]].fields if call["tool"] in index.tools else ()
    return list(_references(call["args"], [f for f in fields if f.required or not required]))


def listed(call: Mapping[str, Any], index: Index) -> list[str]:
    """The names in the lists of a call: the categories of a promotion."""
    known = index.tools[call["tool"]].fields if call["tool"] in index.tools else ()
    fields = [f for f in known if f.many and f.kind is Kind.reference]
    return [str(value) for f in fields for value in call["args"].get(f.name) or ()]


def _references(args: Any, fields: Sequence[Field]) -> Iterator[tuple[str, str]]:
    for f in fields:
        value = cast(dict[str, Any], args).get(f.name) if isinstance(args, dict) else None
        for one in cast(list[Any], value) if isinstance(value, list) else [value]:
            if f.parts:
                yield from _references(one, f.parts)
            elif f.kind is Kind.reference and isinstance(one, str):
                yield f.reference, one
