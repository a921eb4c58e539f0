"""What is too vague to be done, though it names something: "the order from the lady in Lyon is wrong, fix it".

What is named is looked up, the little that is known is shown, and one question is asked.
"""

import re
from collections.abc import Sequence

from planner.choose.decisions import Ask, Decision, Decline, Desk, Step
from planner.choose.settle import complete
from planner.fill import slots
from planner.read import mood
from planner.read.fields import Kind
from planner.read.goods import OF_PEOPLE
from planner.read.words import FILLER, content, fold

FEW = 5  # orders that are shown to choose from
ORDERS = re.compile(r"\b(?:orders?|commandes?|bestellung(?:en)?|aufträge?|auftrag)\b", re.I)
GOODS = ("product", "variant", "code")
LONGEST = 3  # words of a name


def instead(decision: Decision, text: str, said: str, desk: Desk) -> Decision:
    """The decision, or a look at what is named with a question, where nothing can be made of what is wished.

    `text` is in English words, `said` are the person's own.
    """
    unheard = isinstance(decision, Decline)
    wanting = mood.complains(said) and not _changes(decision, desk)
    priceless = mood.unpriced(said) and not desk.reading(text).free("money", "percent", "number")
    if not (wanting or (priceless and (unheard or _changes(decision, desk)))):
        return decision
    looked = _looked(text, said, desk, priced=priceless)
    if not looked:
        return decision
    return Ask({"kind": "vague", "frame": "how_much" if priceless else "what_is_wrong"}, tuple(looked))


def _changes(decision: Decision, desk: Desk) -> bool:
    """Whether it is a change, or a question about one."""
    tools = desk.index.tools
    match decision:
        case Ask():
            asked = decision.pending.get("tool")
            return asked is not None and tools[asked].entry.writes
        case Decline():
            return False
        case _:
            return any(tools[step.tool].entry.writes for step in decision)


def _looked(text: str, said: str, desk: Desk, *, priced: bool) -> Sequence[Step]:
    """The look-ups that show what is named; none where nothing is."""
    reading = desk.reading(text)
    for span in reading.free("reference"):
        shows = f"get_{span.reference}"
        if shows in desk.offered:
            found = complete(desk.index.tools[shows], text, desk)
            return found if isinstance(found, list) else ()
    if ORDERS.search(said) and "list_orders" in desk.offered:
        return _orders(text, desk)
    goods = _name(text, desk, *GOODS)
    reads_goods = "get_product" if priced else "list_stock"
    if goods and reads_goods in desk.offered:
        return (Step(reads_goods, people={"product": goods}),)
    person = _name(text, desk, *OF_PEOPLE)
    if person and "list_orders" in desk.offered:
        return (Step("list_orders", {"limit": FEW}, {"customer": person}),)
    named = _unknown(text, desk)
    return (Step("search_shop", {"words": [named]}),) if named and "search_shop" in desk.offered else ()


def _orders(text: str, desk: Desk) -> Sequence[Step]:
    """The newest orders of the place or the person that is named."""
    tool = desk.index.tools["list_orders"]
    filled = slots.fill(tool.fields, desk.reading(text), desk.told(tool))
    kept = {f.name for f in tool.fields if f.kind in (Kind.city, Kind.country, Kind.reference)}
    args = {name: value for name, value in filled.args.items() if name in kept}
    people = {name: value for name, value in filled.people.items() if name in kept and name not in args}
    return (Step("list_orders", {**args, "limit": FEW}, people),) if args or people else ()


def _name(text: str, desk: Desk, *kinds: str) -> str:
    named = desk.reading(text).named(*kinds)
    return text[named[0].start : named[0].end] if named else ""


def _unknown(text: str, desk: Desk) -> str:
    """The first words that are not the language's own, nor the trade's."""
    reading = desk.reading(text)
    for start, end in reading.unknown(desk.index.lexicon):
        words = [word for word in content(text[start:end]) if fold(word) not in FILLER][:LONGEST]
        if words and not mood.complains(" ".join(words)):
            return " ".join(words)
    return ""
