"""What went wrong inside, kept for whoever looks into it: `logs/shopkeeper.log` in the home."""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler

from orchestrator.settings import Settings

LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"
SIZE, FILES = 2_000_000, 5  # bytes of a file, and how many older ones are kept


@contextmanager
def kept(settings: Settings, *, shown: bool = False) -> Generator[None]:
    """Warnings and errors go to the file meanwhile; `shown`, to standard error too, for a process that serves."""
    folder = settings.home / "logs"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = RotatingFileHandler(folder / "shopkeeper.log", maxBytes=SIZE, backupCount=FILES, encoding="utf-8")
    handlers: list[logging.Handler] = [file, logging.StreamHandler()] if shown else [file]
    root = logging.getLogger()
    for handler in handlers:
        handler.setFormatter(logging.Formatter(LINE))
        handler.setLevel(logging.WARNING)
        root.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()
