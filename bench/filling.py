"""What is lost between a sentence and the arguments of its operation: phrasings of `prompts/voices`, their operation given.

What a phrasing names is taken for something of the shop (there is none here). `python -m bench.filling [operation …]` prints, kind
by kind of what was named, how much found no argument; named operations are printed sentence by sentence.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from orchestrator.index import read_index
from planner.choose.index import Index
from planner.fill import slots
from planner.fill.filled import Filled, Told
from planner.read.grounds import Ground, Row
from planner.read.language import to_english
from planner.read.reading import Reading, Setting
from prompts import voices

PARIS = ZoneInfo("Europe/Paris")
SETTING = Setting(datetime(2026, 11, 28, 21, tzinfo=PARIS), PARIS, "EUR")
IN_THE_SHOP = {
    "product": "variant",
    "warehouse": "warehouse",
    "place": "city",
    "customer": "customer",
    "category": "category",
}
BY_A_LOOK_UP = {"status", "channel"}  # words that the operation may have no filter for
MOST = 12


class Try(NamedTuple):
    """A phrasing, what became of it, and which of its names found no argument."""

    operation: str
    text: str
    filled: Filled
    lost: list[tuple[str, str]]


def main() -> None:
    index, wanted = read_index(), set(sys.argv[1:])
    tries = [one for one in attempts(index) if not wanted or one.operation in wanted]
    if wanted:
        for one in tries:
            _print(one)
        return
    missing = Counter(f"{one.operation}.{f.name} ({f.kind})" for one in tries for f in one.filled.missing)
    lost = defaultdict[str, Counter[str]](Counter)
    for one in tries:
        for kind, _ in one.lost:
            lost[kind][one.operation] += 1
    named = sum(len(p.spans) for p in _marked(index))
    print(
        f"{len(tries)} sentences, {named} names, {sum(c.total() for c in lost.values())} without an argument; "
        f"{missing.total()} required arguments missing"
    )
    for kind, by_operation in sorted(lost.items(), key=lambda item: -item[1].total()):
        print(
            f"\n{kind}: {by_operation.total()}\n  " + ", ".join(f"{n} {c}" for n, c in by_operation.most_common(MOST))
        )
    print("\nmissing\n  " + "\n  ".join(f"{n} {c}" for n, c in missing.most_common(5 * MOST)))


def attempts(index: Index) -> Iterator[Try]:
    for phrasing in _marked(index):
        tool, text = index.tools[phrasing.operation], to_english(phrasing.text)
        reading = Reading.of(text, index.vocabulary, SETTING, index.mentions(text))
        names = [(s.kind, phrasing.text[s.start : s.end]) for s in phrasing.spans]
        grounds = [ground for kind, said in names if (ground := _ground(text, kind, said))]
        reading = replace(reading, grounds=tuple(grounds), grounded=True, ordinary=index.ordinary)
        told = Told(SETTING, index.lexicon, index.openers, tool.words, tool.entry.writes)
        filled = slots.fill(tool.fields, reading, told)
        yield Try(phrasing.operation, phrasing.text, filled, [one for one in names if _lost(text, one[1], reading)])


def _marked(index: Index) -> Iterator[voices.Phrasing]:
    spoken = (one for voice in voices.VOICES for one in voices.phrasings(voice))
    return (one for one in spoken if one.operation in index.tools)


def _ground(text: str, kind: str, said: str) -> Ground | None:
    """A name as the shop would tell it, one of each."""
    at = text.casefold().find(said.casefold())
    known = IN_THE_SHOP.get(kind)
    if at < 0 or known is None:
        return None
    name = said.upper().replace(" ", "-") if known == "variant" else said
    return Ground(at, at + len(said), said, (Row(known, f"{known[:3].upper()}-1", name, said, "exact", "", ""),))


def _lost(text: str, said: str, reading: Reading) -> bool:
    at = text.casefold().find(said.casefold())
    return at >= 0 and reading.open(at, at + len(said))


def _print(one: Try) -> None:
    told = {**one.filled.args, **one.filled.people}
    print(f"## {one.text}\n   {told}")
    lacks = [f.name for f in one.filled.missing]
    print(f"   lost {one.lost}; missing {lacks}" if one.lost or lacks else "")


if __name__ == "__main__":
    main()
