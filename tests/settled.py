"""When a run of the tests takes place, and what chance gives it: `--today=2028-02-29T23:30` (UTC) and `--seed=7`.

The clock is the product's own, set to begin at that moment; a shop that a test starts as a process has the same. PostgreSQL
keeps the machine's time, by which leases and sessions are measured, and nothing that a merchant would notice.
"""

import asyncio
import gc
import os
import random
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import hypothesis
import pytest
import uvloop

from db import clock
from tests.ahead import AHEAD, keep_time


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--today", help="the day, or the moment in UTC, at which the tests take place; else now")
    parser.addoption("--longer", default="1", help="so many times as long as in the suite is what chance does in shops")
    parser.addoption("--seed", default="0", help="what the tests and the secrets that are made in them are drawn from")


def pytest_configure(config: pytest.Config) -> None:
    # The loop that the product runs on, and a tenth of the run's time less.
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())  # pyrefly: ignore[deprecated]  # from Python 3.14 on, which is not ours
    in_its_own_time = [hypothesis.HealthCheck.too_slow]  # a busy machine is no finding
    hypothesis.settings.register_profile(
        "settled", derandomize=True, deadline=None, suppress_health_check=in_its_own_time
    )
    hypothesis.settings.load_profile("settled")
    if today := config.getoption("today"):
        os.environ.setdefault(AHEAD, str((_moment(today) - datetime.now(UTC)).total_seconds()))
        keep_time()


def pytest_collection(session: pytest.Session) -> None:
    """What is collected stays: looking through it for garbage, while it grows and ever after, took a tenth of the run's time.
    The process that only hands tests out to others collects none.
    """
    if not session.config.pluginmanager.hasplugin("dsession"):
        gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_report_header(config: pytest.Config) -> str:
    return f"today: {clock.now():%A %Y-%m-%d %H:%M} UTC, seed: {config.getoption('seed')}"


@pytest.fixture(autouse=True)
def chance(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> random.Random:
    """What a test draws, and every secret that is made meanwhile: the same whether it runs alone or among the others."""
    test: pytest.Item = cast(Any, request).node  # which pytest has no type for
    alone = f"{test.location[0]}::{test.name}"  # its node's id tells its group too, when it runs in one
    drawn = random.Random(f"{request.config.getoption('seed')} {alone}")

    def token_bytes(count: int | None = None) -> bytes:
        return drawn.randbytes(32 if count is None else count)

    monkeypatch.setattr(secrets, "token_bytes", token_bytes)  # of it the other tokens are made
    return drawn


def shopkeeper() -> list[str]:
    """The real command, which a run on another day begins through `main`."""
    own = str(Path(sys.executable).with_name("shopkeeper"))
    return [sys.executable, "-m", "tests.settled"] if AHEAD in os.environ else [own]


def main() -> None:
    """The command line, on the tests' day."""
    from orchestrator.surfaces import cli

    # By its name it knows what it is asked to complete.
    sys.argv[0], sys.modules["__main__"].__package__ = "shopkeeper", ""
    keep_time()
    cli.main()


def _moment(said: str) -> datetime:
    """The moment that was said, in UTC; of a day, the machine's hour."""
    day = datetime.fromisoformat(said)
    return day.replace(tzinfo=UTC) if "T" in said else datetime.combine(day, datetime.now(UTC).timetz())


if __name__ == "__main__":
    main()
