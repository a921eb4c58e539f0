"""`make bench`: measures, and writes docs/figures.md. `python -m bench orders chat start growth` runs only some."""

import asyncio
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench import chat, conversations, forecast, growth, load, orders, peers, recall, start, streams
from bench.machine import cpu_name

FIGURES = Path(__file__).parents[1] / "docs" / "figures.md"
PARTS: dict[str, Callable[[], str]] = {
    "orders": lambda: asyncio.run(orders.measure()),
    "chat": lambda: asyncio.run(chat.measure()),
    "conversations": lambda: asyncio.run(conversations.measure()),
    "peers": peers.measure,
    "load": lambda: asyncio.run(load.measure()),
    "streams": lambda: asyncio.run(streams.measure()),
    "recall": recall.measure,
    "forecast": forecast.measure,
    "start": start.measure,
    "growth": growth.measure,
}


def main() -> None:
    wanted = sys.argv[1:] or list(PARTS)
    pieces = [PARTS[name]() for name in wanted]
    page = "\n\n".join([_head(), *pieces]) + "\n"
    print(page)
    if wanted == list(PARTS):
        FIGURES.write_text(page)


def _head() -> str:
    where = f"{cpu_name()}, Python {platform.python_version()}, embedded PostgreSQL 18, the demo shop of 10,000 orders"
    return (
        f"# Figures\n\nMeasured by `make bench` on {datetime.now(UTC):%d %B %Y}: {where}.\n"
        "The web process has one core; the database and the load have another. Rounds are interleaved; medians are shown,\n"
        "with the range in brackets. Differences under 20 % are noise."
    )


if __name__ == "__main__":
    main()
