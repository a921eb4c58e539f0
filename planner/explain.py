"""What each stage makes of a sentence, for whoever looks for the one that went astray: `shopkeeper explain "…"`.

By itself, outside a conversation and a shop: names are not looked up, and nothing was spoken of before.
"""

from collections.abc import Iterator
from typing import NamedTuple

from planner.choose.decide import candidates, decide
from planner.choose.decisions import Ask, Decision, Decline, Desk
from planner.choose.index import Index, Tool
from planner.converse.memory import Conversation
from planner.read import clauses
from planner.read.reading import Reading, Setting
from planner.tell import asking

LIKELIEST = 5


class Told(NamedTuple):
    """A stage, and a line of what it says."""

    stage: str
    line: str


def explain(text: str, index: Index, setting: Setting) -> Iterator[Told]:
    """Stage by stage, clause by clause."""
    desk = Desk(index, frozenset(index.tools), Conversation(setting, text, (), ()))
    parts = clauses.split(text, index.wishes, index.begins)
    if len(parts) > 1:
        yield Told("read", f"{len(parts)} wishes: {' | '.join(part.text for part in parts)}")
    for part in parts:
        english = desk.english(part.text)
        if english != part.text:
            yield Told("read", f"in English words: {english}")
        yield from _read(english, desk.reading(english))
        scores = sorted(index.wishes(part.text).items(), key=lambda scored: -scored[1])[:LIKELIEST]
        yield Told("choose", ", ".join(f"{_called(name, index)} {score:.0%}" for name, score in scores))
        for one in candidates(english, desk, part.text):
            told = ", ".join(f"{name}={value}" for name, value in {**one.filled.args, **one.filled.people}.items())
            lacks = "".join(f"; lacks {field.label}" for field in one.filled.missing)
            left = "".join(f"; no place for “{english[span.start : span.end]}”" for span in one.filled.unplaced)
            yield from _asked(one.tool, desk.reading(english), index)
            yield Told("fill", f"{one.tool.entry.name}({told}){lacks}{left}")
        yield Told("decide", _decided(decide(english, desk, before=[], said=part.text), desk))


def _read(text: str, reading: Reading) -> Iterator[Told]:
    named = [f"{one.kind} “{text[one.start : one.end]}” {one.score:.0%}" for one in reading.mentions]
    if named:
        yield Told("read", f"names: {', '.join(named)}")
    forms = [f"{span.reference or span.kind} “{text[span.start : span.end].strip()}”" for span in reading.spans]
    if forms:
        yield Told("read", f"by form: {', '.join(forms)}")


def _asked(tool: Tool, reading: Reading, index: Index) -> Iterator[Told]:
    """What the reader hears a tool's rows asked to be."""
    heard = [(name, one) for name, one in reading.asked.items() if name in index.heard(tool.entry.name)]
    if heard:
        told = sorted(heard, key=lambda one: -one[1].likely)[:LIKELIEST]
        yield Told("read", f"of {tool.entry.name}: {', '.join(f'{name} {one.likely:.0%}' for name, one in told)}")


def _called(name: str, index: Index) -> str:
    return f"{name} (of {index.elsewhere[name].room}, not here)" if name in index.elsewhere else name


def _decided(decision: Decision, desk: Desk) -> str:
    match decision:
        case Ask():
            return f"asks: {asking.question(decision.pending, desk)}"
        case Decline():
            return f"declines: {decision.why} {decision.operation}".strip()
        case _:
            return "; ".join(
                f"calls {step.tool} {dict(step.args)} {dict(step.people) or ''}".strip() for step in decision
            )
