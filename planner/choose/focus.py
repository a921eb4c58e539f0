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


def focus(talk: Conversation, index: Index, kinds: Collection[str]) -> list[str]:
    """The references of these kinds that were last spoken of: one where it is certain, several where it could be any of them."""
    wanted = {*kinds, *(GOODS if "product" in kinds else ())}
    for did in talk.did():
        for references in _of(did, index):
            found = list(dict.fromkeys(value for kind, value in references if kind in wanted))
            if found:
                return found
    return talk.mentioned(*(prefix for prefix, noun in index.vocabulary.prefixes.items() if noun in wanted))


def _of(did: Mapping[str, Any], index: Index) -> Iterator[list[tuple[str, str]]]:
    """What one answer was about, from the surest on."""
    for name in ("put", "calls"):
        calls = cast(list[dict[str, Any]], did.get(name) or [])
        yield [one for call in calls if call["tool"] in index.tools for one in referred(call, index)]
    shown = [one for one in cast(list[dict[str, Any]], did.get("shown") or []) if not one.get("inner")]
    yield [(kind, str(value)) for one in shown for kind, value in one["refers"].items()]
    whole = cast(list[dict[str, Any]], did.get("shown") or [])
    yield [(kind, str(value)) for one in whole for kind, value in one["refers"].items()]


def referred(call: Mapping[str, Any], index: Index) -> list[tuple[str, str]]:
    """The references in a call's arguments, and what they name."""
    return list(_references(call["args"], index.tools[call["tool"]].fields))


def _references(args: Any, fields: Sequence[Field]) -> Iterator[tuple[str, str]]:
    for f in fields:
        value = cast(dict[str, Any], args).get(f.name) if isinstance(args, dict) else None
        for one in cast(list[Any], value) if isinstance(value, list) else [value]:
            if f.parts:
                yield from _references(one, f.parts)
            elif f.kind is Kind.reference and isinstance(one, str):
                yield f.reference, one
