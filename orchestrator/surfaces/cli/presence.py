"""Which process of a home has a port: it holds a lock on a file of the home, and writes its number into it.

So that another start knows whether what has the port is this home's own shop without asking whoever is there: a stranger on the
port is told nothing, and a lock ends with its process, however that ends.
"""

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def serving(home: Path, port: int) -> Generator[None]:
    """Say that this process has the port. Another of this home's may have it too, at another address of the machine."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _file(home, port).open("a+") as file:
        if _lock(file):
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
        yield


def server_of(home: Path, port: int) -> str | None:
    """The number of the process of this home that has the port; None when none has it."""
    try:
        with _file(home, port).open("r+") as file:
            return None if _lock(file) else file.read().strip()
    except OSError:
        return None


def _file(home: Path, port: int) -> Path:
    return home / f"serving-{port}"


def _lock(file: IO[str]) -> bool:
    """Lock it, until it is closed; False when another process holds it."""
    file.seek(0)
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
