"""What the settings refuse, and how the limits that they name reach those who keep them."""

import pytest
from pydantic import ValidationError

from db.session import PATIENCE
from orchestrator import limits
from orchestrator.chat.limits import ChatLimits
from orchestrator.settings import Settings
from orchestrator.state import Limits
from tools.contract.room import JOBS, REPORTS


def test_changes_and_reports_leave_a_connection_for_reads() -> None:
    with pytest.raises(
        ValidationError, match=r"SHOPKEEPER_WRITES and SHOPKEEPER_REPORTS together \(10\) have to be fewer"
    ):
        Settings.model_validate({"SHOPKEEPER_POOL": 10, "SHOPKEEPER_WRITES": 8})


def test_every_limit_is_a_setting_with_its_reason_and_what_is_built_without_them_keeps_the_same() -> None:
    settings = Settings.model_validate({})
    room = limits.room(settings)

    assert (room.calls, room.reports_patience, room.jobs) == (PATIENCE, REPORTS, JOBS)
    assert (room.reports.at_once, room.writes.at_once, room.writes.most_waiting, room.writes.seconds) == (
        2,
        6,
        100,
        5.0,
    )
    assert limits.chat_limits(settings) == ChatLimits()
    assert limits.turn_limits(settings) == Limits()
