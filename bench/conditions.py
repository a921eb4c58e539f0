"""Whether the rows of a list are asked for as a sentence means them: its operation given, at shops that the reader was not taught.

`python -m bench.conditions [-v]` reads `bench/readings/conditions`, in the form of `prompts/conditions`: sentences of the shops
that are left out, marked as those are. A sentence is right where all its conditions are called for and no other one, by words
alone and by the reader beside them; `-v` prints those that are not.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from bench.filling import SETTING
from orchestrator.index import read_index
from planner.choose.decisions import Desk
from planner.choose.index import Index
from planner.converse.memory import Conversation
from planner.fill import slots
from prompts import conditions
from prompts.conditions import Marked

FOLDER = Path(__file__).parent / "readings/conditions"


class Try(NamedTuple):
    """A sentence, and the conditions that are called for it."""

    said: Marked
    called: frozenset[str]

    @property
    def right(self) -> bool:
        return self.called == frozenset(self.said.conditions)


def tries(index: Index, *, by_words: bool = False) -> Iterator[Try]:
    """All sentences, by the reader and by words, or by words alone."""
    for file in sorted(FOLDER.glob("*.tsv")):
        for one in conditions.told(file.stem, file.read_text(encoding="utf-8")):
            yield Try(one, frozenset(_called(index, one, by_words=by_words)))


def _called(index: Index, one: Marked, *, by_words: bool) -> Iterator[str]:
    desk = Desk(index, frozenset(index.tools), Conversation(SETTING, one.text, (), ()))
    tool, reading = index.tools[one.operation], desk.reading(desk.english(one.text))
    told = desk.told(tool)
    if by_words:
        reading, told = replace(reading, asked={}), replace(told, heard=frozenset())
    args: dict[str, Any] = slots.fill(tool.fields, reading, told).args
    known = {name.partition("=")[0] for name in index.heard(one.operation)}
    if not {"open", "payment_state", "fulfilment_state"}.isdisjoint(args):
        args.pop("status", None)  # that nothing is owed for what was called off goes without saying
    for name, value in args.items():
        values: list[Any] = value if isinstance(value, list) else [value]
        for each in values:
            yield from [f"{name}={str(each).lower() if isinstance(each, bool) else each}"] if name in known else []


def share(some: list[Try]) -> str:
    return f"{sum(one.right for one in some) / len(some):.1%}" if some else "–"


def main() -> None:
    index = read_index()
    told = {way: [*tries(index, by_words=way == "by words")] for way in ("by words", "by the reader")}
    print("| | sentences | of these with a condition | right |\n|---|---|---|---|")
    for way, some in told.items():
        having = [one for one in some if one.said.conditions]
        print(f"| {way} | {len(some)} | {len(having)}, right {share(having)} | {share(some)} |")
    for one in told["by the reader"] if "-v" in sys.argv else ():
        if not one.right:
            print(
                f"{one.said.operation}: {one.said.text}\n  meant {set(one.said.conditions)}, called {set(one.called)}"
            )


if __name__ == "__main__":
    main()
