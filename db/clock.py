"""What time it is. Asked here and nowhere else, so that a whole run of the tests can take place on another day."""

from datetime import UTC, datetime, timedelta

_ahead = timedelta()  # of the machine's clock


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC) + _ahead


def set_to(moment: datetime) -> None:
    """Let it be that moment now; the clock runs on from there. For tests, before anything has asked."""
    global _ahead
    _ahead = moment - datetime.now(UTC)
