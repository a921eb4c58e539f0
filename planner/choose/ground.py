"""What the words of a turn are in the shop: asked once, before it is decided what is wished.

Existence decides between readings: whether "tea" is a category, "jansen" a customer, "lille" a warehouse, "the rest" nothing at
all. The answers stay beside the request for as long as the turn lasts.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from planner.converse.memory import Conversation
from planner.read.grounds import Row

SEARCH = "search_shop"


def told(talk: Conversation) -> Mapping[str, Sequence[Row]] | None:
    """What the shop said in this turn, by the phrase as it was asked; None where it was not asked."""
    found: dict[str, list[Row]] | None = None
    for result in talk.results():
        if result.call.tool == SEARCH:
            value = cast(Mapping[str, Any], result.value) if isinstance(result.value, dict) else {}
            listed = cast(Sequence[Mapping[str, Any]], value.get("found") or ())
            rows = [(str(row.get("words")).casefold(), Row.of(row)) for row in listed]
            asked = [str(phrase).casefold() for phrase in result.call.args.get("words", ())]
            found = (found or {}) | {phrase: [row for words, row in rows if words == phrase] for phrase in asked}
    return found


def spoken_of(talk: Conversation) -> str:
    """What goods the latest answer was about that was about any: "the small ones" are of these."""
    for message in reversed(talk.earlier):
        did = cast(dict[str, Any], cast(dict[str, Any], getattr(message, "additional_kwargs", {})).get("did") or {})
        if did.get("goods"):
            return str(did["goods"])
    return ""
