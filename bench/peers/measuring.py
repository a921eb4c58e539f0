"""What is asked of every peer, in whatever environment it runs: the harness's six requests, their cost, and how they stream.

It imports nothing but the harness (`catalog`, `common`), which has to be on the path by then.
"""

import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

WARM = 3
SLOW = {"ttft_ms": 400, "per_token_ms": 8}
STREAMED = ("lookup", "cross")


@dataclass(frozen=True)
class Turned:
    """What came of a request. `first` is when the last answer began to be streamed, in seconds."""

    answer: str
    rows: int = 0  # of checkpoints
    first: float | None = None
    streamed: str = ""


Turns = Callable[[Any, bool], Awaitable[Turned]]  # a request; whether its rows are to be counted


async def measure(
    name: str, turn: Turns, rounds: int, *, stream: Turns | None = None, streamed: Turns | None = None
) -> None:
    """Print a line for each request; counts are of one clean run, CPU is the median of the rounds.

    `streamed` is the same turn with its answer streamed, where `turn` has none; `stream` is that, timed to its first token.
    """
    import catalog
    import common

    for case in catalog.CASES:
        for _ in range(WARM):
            await turn(case, False)
        common.reset()
        turned = await turn(case, True)
        cost = common.get_stats()
        cpu = statistics.median([await _cpu(turn, case) for _ in range(rounds)])
        aloud = {"streamed": statistics.median([await _cpu(streamed, case) for _ in range(rounds)])} if streamed else {}
        _say(
            peer=name, case=case.key, right=case.answer in turned.answer, calls=cost["requests"], prompt=cost["prompt_tokens"],
            cpu=cpu, rows=turned.rows, steps=[logged[2] for logged in cost["log"]], **aloud,
        )  # fmt: skip
    if stream is not None:
        await _stream(name, stream)


async def _cpu(turn: Turns, case: Any) -> float:
    """Milliseconds of this process."""
    before = time.process_time()
    await turn(case, False)
    return (time.process_time() - before) * 1000


async def _stream(name: str, stream: Turns) -> None:
    """With a model that takes its time: when the answer begins, and how often it is in the stream; the better of two."""
    import catalog
    import common

    common.config(**SLOW)
    try:
        for case in (case for case in catalog.CASES if case.key in STREAMED):
            turned = [await stream(case, False) for _ in range(2)]
            first = min(one.first or 0.0 for one in turned)
            _say(peer=name, case=case.key, first=first * 1000, copies=turned[0].streamed.count(case.answer))
    finally:
        common.config(ttft_ms=0, per_token_ms=0)


def _say(**measured: Any) -> None:
    sys.stdout.write(json.dumps(measured) + "\n")
    sys.stdout.flush()
