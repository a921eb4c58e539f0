"""How far the tests' clock is ahead of the machine's: told to the processes that tests start, which import nothing for it."""

import os
from datetime import timedelta

from db import clock

AHEAD = "TESTS_AHEAD"  # seconds


def keep_time() -> None:
    """Be on the tests' day, if they have one: what a process writes, and what has lapsed by then, goes by it."""
    if AHEAD in os.environ:
        clock.set_to(clock.now() + timedelta(seconds=float(os.environ[AHEAD])))
