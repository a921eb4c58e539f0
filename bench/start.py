"""`make start`, from nothing and from what is there; and what the running shop holds in memory."""

import tempfile
import time
from pathlib import Path

from bench.machine import children, resident
from bench.shop import clear_away, free_port, postmaster_of, running

ROUNDS = 2


def measure() -> str:
    cold: list[float] = []
    warm: list[float] = []
    memory = (0.0, 0.0)
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(prefix="shopkeeper-bench-") as folder:
            cold.append(_start(Path(folder))[0])
            took, memory = _start(Path(folder))
            warm.append(took)
            clear_away(Path(folder))
    return "\n".join(
        [
            "## Start",
            "",
            "| | seconds (range) |",
            "|---|---|",
            f"| first start: server, tables, demo shop, serving | {_shown(cold)} |",
            f"| next start | {_shown(warm)} |",
            "",
            "Memory of the running shop (proportional set size): "
            f"application with worker {memory[0]:.0f} MB, PostgreSQL {memory[1]:.0f} MB.",
        ]
    )


def _start(home: Path) -> tuple[float, tuple[float, float]]:
    """Seconds from the command to the first answer of /ready, and the megabytes of both sides then."""
    began = time.perf_counter()
    with running("start", home, free_port()) as process:
        took = time.perf_counter() - began
        postmaster = postmaster_of(home)
        database = sum(resident(pid) for pid in [postmaster, *children(postmaster)])
        return took, (resident(process.pid), database)


def _shown(seconds: list[float]) -> str:
    return f"{sorted(seconds)[len(seconds) // 2]:.1f} ({min(seconds):.1f} to {max(seconds):.1f})"
