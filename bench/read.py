"""Plays requests and conversations that somebody wrote who saw neither program nor corpus, for another to read and judge.

`python -m bench.read [FOLDER]` plays `requests.jsonl` and `conversations.jsonl` of the folder (`bench/readings`) on the demo
shop and writes `answers.jsonl` there: what was called, and the whole answer or the card. A card is approved where the next turn
agrees to it, and rejected else. `verdicts.jsonl` beside them is a reader's; `python -m bench.read --verdicts` adds it up.
"""

import argparse
import asyncio
import json
import re
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from bench.requests import Turn, opened, say
from db.models.backoffice import Role
from orchestrator.chat import Chat
from tools.backoffice.approvals import decide_approval
from tools.contract.actors import Caller
from tools.contract.call import call

FOLDER = Path(__file__).parent / "readings"
AGREES = re.compile(
    r"^\W*(?:yes|yep|yeah|ok(?:ay)?|sure|go ahead|do it|approve|oui|d'accord|vas-y|allez-y|ja|genau|mach)\b", re.I
)


def lines(file: Path) -> Iterator[dict[str, Any]]:
    yield from (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip())


async def play(chat: Chat, caller: Caller, turns: Sequence[str], decider: Caller) -> list[dict[str, Any]]:
    """The turns of one conversation, each with what became of it; its cards go to somebody who may decide them."""
    conversation = (await chat.start_conversation(caller)).reference
    told: list[dict[str, Any]] = []
    waiting: list[str] = []
    for text in turns:
        for card in waiting:
            await decide(chat, decider, card, agreed=bool(AGREES.match(text)))
        turn = await say(chat, caller, conversation, text)
        waiting = [json.loads(card)["approval"] for card in turn.cards]
        told.append({"text": text, "called": turn.called, "answer": _answer(turn)})
    for card in waiting:
        await decide(chat, decider, card, agreed=False)
    return told


async def decide(chat: Chat, caller: Caller, card: str, *, agreed: bool) -> None:
    decision = {"approval": card} | ({"decision": "approve"} if agreed else {"decision": "reject", "reason": "No."})
    await call(chat.shop, decide_approval, decision, caller, key=uuid.uuid4().hex)
    await chat.carry_out(caller.merchant, card)


def _answer(turn: Turn) -> str:
    """The answer, or the cards as a person reads them: what would be done, and what is said beside it."""
    cards = [json.loads(card) for card in turn.cards]
    return "\n".join(f"[card] {' '.join([*card['card']['sentences'], card['why']])}" for card in cards) or turn.answer


async def main(folder: Path, home: Path) -> None:
    async with opened(home) as (chat, callers):
        with (folder / "answers.jsonl").open("w", encoding="utf-8") as out:
            for one in [*lines(folder / "requests.jsonl"), *lines(folder / "conversations.jsonl")]:
                turns = one.get("turns") or [one["request"]]
                told_of: Any = one["meant"]
                meant = cast(list[str], told_of if isinstance(told_of, list) else [told_of] * len(turns))
                asker = callers[Role(one.get("role", Role.owner))]
                for nth, told in enumerate(await play(chat, asker, turns, callers[Role.owner])):
                    row = {"id": one["id"], "turn": nth + 1, "meant": meant[nth], **told}
                    out.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")


def verdicts(folder: Path) -> None:
    """How many of each verdict there are, of requests and of turns of conversations."""
    judged = list(lines(folder / "verdicts.jsonl"))
    for kind in ("requests", "conversations"):  # of which the second are called C
        found = Counter(one["verdict"] for one in judged if one["id"].startswith("C") == (kind == "conversations"))
        print(kind, {verdict: f"{count} ({count / found.total():.0%})" for verdict, count in sorted(found.items())})


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    options.add_argument("--home", type=Path)
    options.add_argument("--verdicts", action="store_true")
    given = options.parse_args()
    if given.verdicts:
        verdicts(given.folder)
    elif given.home:
        asyncio.run(main(given.folder, given.home))
    else:
        with tempfile.TemporaryDirectory() as made:
            asyncio.run(main(given.folder, Path(made)))
