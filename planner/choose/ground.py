"""What the words of a turn are in the shop: asked once, before it is decided what is wished.

Existence decides between readings: whether "tea" is a category, "jansen" a customer, "lille" a warehouse, "the rest" nothing at
all. The answers stay beside the request for as long as the turn lasts.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from planner.converse.memory import Conversation
from planner.converse.results import rows_of
from planner.read.grounds import Row
from planner.read.reading import Reading

SEARCH = "search_shop"


def told(talk: Conversation) -> Mapping[str, Sequence[Row]] | None:
    """What the shop said in this turn, by the phrase as it was asked; None where it was not asked."""
    found: dict[str, list[Row]] | None = None
    for result in talk.results():
        if result.call.tool == SEARCH:
            value = cast(object, result.value)
            listed = rows_of(cast(Mapping[str, Any], value).get("found")) if isinstance(value, dict) else []
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


def titles(reading: Reading) -> list[str]:
    """The products that a text names, by their titles, in its order."""
    rows = [row for one in reading.grounds for row in one.goods[:1]]
    return [row.name if row.kind == "product" else row.about.split(" / ")[0] for row in rows]
