"""The limits that the settings name, as each part takes them."""

from db.session import Patience
from orchestrator.chat.limits import ChatLimits
from orchestrator.settings import Settings
from orchestrator.state import Limits
from tools.contract.room import Room


def call_patience(settings: Settings) -> Patience:
    """Of the database with a call that somebody waits for."""
    return _patience(settings.call_seconds, settings.lock_seconds, settings.idle_seconds)


def room(settings: Settings) -> Room:
    return Room(
        calls=call_patience(settings),
        reports=_patience(settings.report_seconds, settings.lock_seconds, settings.idle_seconds),
        jobs=job_patience(settings),
        reports_at_once=settings.reports_at_once,
        writes_at_once=settings.writes_at_once,
        waiting=settings.writes_waiting,
        seconds=settings.place_seconds,
    )


def job_patience(settings: Settings) -> Patience:
    return _patience(settings.job_seconds, settings.job_lock_seconds, settings.job_idle_seconds)


def chat_limits(settings: Settings) -> ChatLimits:
    return ChatLimits(
        turns=settings.turns_at_once,
        turns_per_actor=settings.turns_per_actor,
        streams_per_actor=settings.streams_per_actor,
        streams_per_conversation=settings.streams_per_conversation,
        right_seconds=settings.right_seconds,
    )


def turn_limits(settings: Settings) -> Limits:
    return Limits(seconds=settings.turn_seconds)


def _patience(statement: float, lock: float, idle: float) -> Patience:
    return Patience(*(round(seconds * 1000) for seconds in (statement, lock, idle)))
