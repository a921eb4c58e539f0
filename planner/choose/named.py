"""What was named, where no wish was understood: "Hausschuhe, alle Größen mit Bestand und Preis", "lefevre, nantes".

It is shown. Of an order to change something that is no understanding, and nothing is shown for it.
"""

from collections.abc import Sequence

from planner.choose.decisions import Ask, Decision, Decline, Desk, Step
from planner.choose.index import BEYOND
from planner.choose.settle import complete
from planner.read import cues, mood

SHOWS, FINDS, BOUGHT = "get_product", "list_customers", "list_orders"
SPOKEN = ("unclear", "~beyond", "elsewhere")


def instead(decision: Decision, text: str, desk: Desk) -> Decision:
    """The decision, or a look at the goods, the people, or who bought what, that are named. `text` is in English words."""
    if not (isinstance(decision, Decline) and decision.why in SPOKEN) or decision.writes:
        return decision  # a change that is not open to this person is no wish to see something
    if decision.why == BEYOND and cues.names(text, BEYOND):
        return decision  # "a newsletter about the throws" is no wish to see them
    reading = desk.reading(text)
    goods = [ground for ground in reading.grounds if ground.goods]
    people = [ground for ground in reading.grounds if ground.of("customer")]
    if len(goods) == len(people) == 1 and BOUGHT in desk.offered and not (goods[0].lacks or mood.orders(text)):
        return _told(complete(desk.index.tools[BOUGHT], text, desk)) or decision
    for name, named in ((SHOWS, goods), (FINDS, people)):
        lacking = any(ground.lacks for ground in named) and name == SHOWS
        if len(named) == 1 and name in desk.offered and (lacking or not mood.orders(text)):
            return _told(complete(desk.index.tools[name], text, desk)) or decision
    return decision


def _told(decision: Decision) -> Decision | None:
    """What can be shown or asked about it; a look-up that was told nothing is none."""
    steps: Sequence[Step] = decision if isinstance(decision, list) else ()
    told = any(step.args or step.people for step in steps)
    return decision if told or (isinstance(decision, Ask) and "choices" in decision.pending) else None
