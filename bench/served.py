"""How often an operation that serves is called, or put on a card, for what people wrote who saw neither program nor corpus.

    python -m bench.served [--home HOME] [--only TEXT] [--answers OUT]

Plays the requests and conversations of `bench/readings/operations.jsonl` on the demo shop, as its owner, and prints the share for
requests and for the turns of conversations; turns that only agree or refuse are played and not counted. `--only` plays what has the
text in its reading and number ("all_rooms C07", " C" for all conversations). `--answers` writes a JSON object a turn: what was
said, what would serve, what was called with which arguments, and the answer. A play changes its shop: two are compared on new ones.
"""

import argparse
import asyncio
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.read import lines, play
from bench.requests import LOOK_UP, opened
from bench.shop import clear_away
from bench.turns import FILE
from db.models.backoffice import Role

TALK = "turns of conversations"


def told(nth: int, wanted: Sequence[str], turn: dict[str, Any]) -> dict[str, Any]:
    """A turn that was played, with whether it was served: None where it asks for nothing."""
    called = {name for name, _ in turn["called"] if name != LOOK_UP}
    serves = bool(called & {*wanted}) if wanted else None
    return {"turn": nth, "serves": serves, "wanted": wanted, **turn}


async def played(home: Path, only: str) -> list[dict[str, Any]]:
    """All turns, in order, each with the reading and the number of what it belongs to."""
    rows: list[dict[str, Any]] = []
    async with opened(home) as (chat, callers):
        owner = callers[Role.owner]
        for one in lines(FILE):
            name = f"{one['reading']} {one['id']}"
            if only not in name:
                continue
            kind = TALK if len(one["turns"]) > 1 else "requests"
            turns = await play(chat, owner, one["turns"], owner)
            for nth, (wanted, turn) in enumerate(zip(one["operations"], turns, strict=True), 1):
                rows.append({"of": name, "kind": kind, **told(nth, wanted, turn)})
    return rows


def table(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield "| | number | served |\n|---|---|---|"
    for kind in ("requests", TALK):
        served = [row["serves"] for row in rows if row["kind"] == kind and row["serves"] is not None]
        if served:
            yield f"| {kind} | {len(served)} | {sum(served) / len(served):.1%} |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.served", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--home", type=Path, help="a home whose demo shop is used, and kept; else a new one")
    parser.add_argument("--only", default="", help="a part of a reading's name and number")
    parser.add_argument("--answers", type=Path, help="where each turn is written, a JSON object a line")
    given = parser.parse_args()
    if given.home:
        rows = asyncio.run(played(given.home, given.only))
    else:
        with tempfile.TemporaryDirectory(prefix="shopkeeper-bench-") as folder:
            rows = asyncio.run(played(Path(folder) / "home", given.only))
            clear_away(Path(folder) / "home")
    if given.answers:
        given.answers.write_text("".join(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows))
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
