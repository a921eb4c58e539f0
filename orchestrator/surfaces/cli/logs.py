"""What went wrong inside, kept for whoever looks into it: `logs/shopkeeper.log` in the home."""

import logging
from logging.handlers import RotatingFileHandler

from orchestrator.settings import Settings

LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"
SIZE, FILES = 2_000_000, 5  # bytes of a file, and how many are kept


def keep(settings: Settings, *, shown: bool = False) -> None:
    """Warnings and errors of this process go to the file; `shown`, to standard error too, for a process that serves."""
    folder = settings.home / "logs"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handlers: list[logging.Handler] = [RotatingFileHandler(folder / "shopkeeper.log", maxBytes=SIZE, backupCount=FILES)]
    if shown:
        handlers.append(logging.StreamHandler())
    logging.basicConfig(level=logging.WARNING, format=LINE, handlers=handlers)
