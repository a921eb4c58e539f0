"""States are data: beside each model stands a dict of the moves it allows, and `move` is the one door through it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol


class IllegalMove(Exception):
    """A status cannot change that way from where it is."""

    def __init__(self, subject: str, current: StrEnum, wanted: StrEnum, allowed: frozenset[Any]) -> None:
        self.subject = subject
        self.current = str(current)
        self.wanted = str(wanted)
        self.allowed = tuple(sorted(str(state) for state in allowed))
        moves = f"it can become {', '.join(self.allowed)}" if self.allowed else "that is final"
        super().__init__(f"{subject} is {current} and cannot become {wanted}; {moves}.")


class Row(Protocol):
    MOVES: Any
    reference: Any
    status: Any


def check_move(moves: Mapping[Any, frozenset[Any]], current: StrEnum, to: StrEnum, subject: str) -> None:
    """Raise `IllegalMove` unless the table of moves allows it."""
    if to not in moves[current]:
        raise IllegalMove(subject, current, to, moves[current])


def move(row: Row, to: StrEnum) -> StrEnum:
    """Change the status of a row; returns the status that it had."""
    before: StrEnum = row.status
    check_move(row.MOVES, before, to, str(row.reference))
    row.status = to
    return before
