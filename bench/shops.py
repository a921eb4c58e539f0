"""Which operation is understood at shops that the reader was not taught: four of them, 1,859 turns.

`python -m bench.shops [READER]` reads `bench/readings/shops`, in the form of `prompts/voices/days`: each author invented a shop,
saw the operations' sentences alone and wrote what its people say, single requests and conversations of five turns. A turn is read
after the operation that its author wrote before it, and weighed by what is asked for often. READER is a folder with another reader.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.turns import scored
from planner.read.reader import NOTHING, Beside, Reader, shipped
from prompts import voices
from prompts.voices import Phrasing

FOLDER = Path(__file__).parent / "readings/shops"
LANGUAGES = ("english", "french", "german")


class Read(NamedTuple):
    """A turn, and the operations it is taken for, the likeliest first."""

    said: Phrasing
    ranked: list[str]
    sure: float  # the probability of the first


def turns() -> Iterator[Phrasing]:
    """All that ask for an operation, shop by shop."""
    for file in sorted(FOLDER.glob("*.tsv")):
        told = voices.told(file.stem, file.read_text(encoding="utf-8"))
        yield from (one for one in told if not one.operation.startswith("~"))


def right(some: list[Read], most: int) -> float:
    """The share of turns whose operation is among the first so many."""
    return sum(one.said.operation in one.ranked[:most] for one in some) / len(some)


def reliability(read: list[Read]) -> Iterator[str]:
    """In ten bins, what the reader held its first for, and how often it was right."""
    for tenth in range(10):
        some = [one for one in read if tenth <= min(one.sure * 10, 9.99) < tenth + 1]
        if some:
            held = sum(one.sure for one in some) / len(some)
            yield f"| {held:.0%} | {len(some)} | {right(some, 1):.0%} |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.shops", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "reader", nargs="?", type=Path, help="a folder with `reader.onnx` and `reader.json`; else what is shipped"
    )
    given = parser.parse_args()
    reader = Reader(given.reader) if given.reader else shipped()
    read: list[Read] = []
    for one in turns():
        scores = scored(reader, one.text, Beside(one.after) if one.after else NOTHING)
        read.append(Read(one, [*scores], max(scores.values())))
    print("| | number | right first | among three |\n|---|---|---|---|")
    for language in LANGUAGES:
        for kind, after in (("single requests and first turns", False), ("later turns", True)):
            some = [one for one in read if one.said.voice.startswith(language) and bool(one.said.after) is after]
            print(f"| {language}, {kind} | {len(some)} | {right(some, 1):.1%} | {right(some, 3):.1%} |")
    print(f"| all | {len(read)} | {right(read, 1):.1%} | {right(read, 3):.1%} |")
    print("\n".join(["", "| held for so likely | number | right |", "|---|---|---|", *reliability(read)]))


if __name__ == "__main__":
    main()
