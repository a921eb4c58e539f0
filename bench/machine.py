"""What processes cost: CPU time and memory, from /proc (Linux)."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cpu:
    """CPU time so far, in milliseconds."""

    app: float
    database: float

    def __sub__(self, earlier: "Cpu") -> "Cpu":
        return Cpu(self.app - earlier.app, self.database - earlier.database)


def cpu(app: int, postmaster: int) -> Cpu:
    """Of a process, and of a PostgreSQL server with all its backends."""
    return Cpu(_of(app), _of(postmaster) + _reaped(postmaster) + sum(_of(child) for child in children(postmaster)))


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in listed.split()]


def resident(pid: int) -> float:
    """Proportional resident memory, in MB; nothing for a process that has just ended."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return int(next(line.split()[1] for line in rollup.splitlines() if line.startswith("Pss:"))) / 1024


def pin(core: int, pid: int = 0) -> None:
    """Keep a process, and what it starts from now on, on one core."""
    os.sched_setaffinity(pid, {core % (os.cpu_count() or 1)})


def pin_tree(core: int, pid: int) -> None:
    """Keep a process and its children on one core; those that have just ended need none."""
    for process in [pid, *children(pid)]:
        with suppress(FileNotFoundError, ProcessLookupError):
            for thread in Path(f"/proc/{process}/task").iterdir():
                pin(core, int(thread.name))


def _of(pid: int) -> float:
    """Nanoseconds on a CPU, of every thread."""
    try:
        threads = [thread.read_text() for thread in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    except FileNotFoundError:
        return 0.0
    return sum(int(thread.split()[0]) for thread in threads) / 1e6


def _reaped(pid: int) -> float:
    """What the children that have ended cost."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) * 1000 / os.sysconf("SC_CLK_TCK")


def cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown processor"
    )
    return f"{name}, {os.cpu_count()} cores"
