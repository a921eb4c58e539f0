"""Which operation requests and turns are taken for that people wrote who saw neither program nor corpus.

`python -m bench.turns` reads `bench/readings/operations.jsonl`: the requests and conversations of all readings, and for each turn
the operations that would serve it; none where a turn only agrees or refuses. A turn is read after the operation that served the
one before it, and weighed by what is asked for often.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from planner.read import habits
from planner.read.language import to_english
from planner.read.reader import NOTHING, Beside, Reader, shipped

FILE = Path(__file__).parent / "readings/operations.jsonl"


class Turn(NamedTuple):
    """What was said, the operations that would serve it, and the one before it."""

    text: str
    wanted: list[str]
    before: str
    kind: str


def turns() -> Iterator[Turn]:
    """Those that ask for something."""
    for line in FILE.read_text(encoding="utf-8").splitlines():
        told, before = json.loads(line), ""
        talk = len(told["turns"]) > 1
        for nth, (text, wanted) in enumerate(zip(told["turns"], told["operations"], strict=True)):
            if wanted:
                yield Turn(text, wanted, before, "later turns" if nth else "first turns" if talk else "requests")
                before = next((name for name in wanted if not name.startswith("~")), before)


def scored(reader: Reader, text: str, beside: Beside) -> Mapping[str, float]:
    """The operations with their probabilities, the likeliest first: of another language the mean of its words and the English."""
    each = [reader.read(said, beside).scores for said in dict.fromkeys((text, to_english(text)))]
    mean = {name: sum(told[name] for told in each) / len(each) for name in each[0]}
    scores = habits.kept().weighed(mean, beside.after)
    return dict(sorted(scores.items(), key=lambda one: -one[1]))


def likeliest(reader: Reader, text: str, beside: Beside) -> list[str]:
    """The operations, the likeliest first."""
    return [*scored(reader, text, beside)]


def main() -> None:
    reader, found = shipped(), list(turns())
    print("| | number | right first | among three |\n|---|---|---|---|")
    for kind, told in (("requests", True), ("first turns", True), ("later turns", False), ("later turns", True)):
        some = [turn for turn in found if turn.kind == kind]
        ranked = [likeliest(reader, turn.text, Beside(turn.before) if told else NOTHING) for turn in some]
        first, three = (
            sum(bool({*names[:most]} & {*turn.wanted}) for names, turn in zip(ranked, some, strict=True)) / len(some)
            for most in (1, 3)
        )
        print(f"| {kind}{'' if told else ', each alone'} | {len(some)} | {first:.1%} | {three:.1%} |")


if __name__ == "__main__":
    main()
