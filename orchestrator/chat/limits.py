"""How much chat there is room for: turns at once, streams at once, and whether who listens still may."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from tools.contract.actors import Caller
from tools.contract.errors import Busy, ShopError, TooManyRequests

Still = Callable[[], Awaitable[object]]  # asks the door once more who is there; raises when nobody is


class TooManyTurns(TooManyRequests):
    """One person or key has as many turns under way as one may have."""

    hint = "Wait for the answers that are under way; GET /conversations/{conversation} shows them."


class ChatBusy(Busy):
    """The process works on as many turns as it can at once."""

    hint = "Try again in a moment, with the same idempotency key. The operations' own routes answer meanwhile."


class TooManyStreams(TooManyRequests):
    """As many streams of events are open as one person, or one conversation, may have."""

    hint = "Close one of them: a closed window or an ended `GET …/events` frees its place at once."


class TurnTookTooLong(ShopError):
    """The turn was not through at its deadline, and was cut short."""

    status = 503


@dataclass(frozen=True)
class ChatLimits:
    """What the settings say of chat; their reasons stand there."""

    turns: int = 32
    turns_per_actor: int = 8
    streams_per_actor: int = 20
    streams_per_conversation: int = 5
    right_seconds: float = 60.0


class Listeners:
    """The streams of this process, and when each who listens was last seen to be known to the shop."""

    def __init__(self, limits: ChatLimits) -> None:
        self.limits = limits
        self._open: Counter[tuple[UUID, str]] = Counter()  # by merchant, and actor or conversation
        self._known: dict[tuple[UUID, str, str], float] = {}

    @contextmanager
    def one(self, merchant: UUID, actor: str, conversation: str) -> Generator[None]:
        """A stream, while it is open. Raises `TooManyStreams`."""
        for whose, most in (
            (actor, self.limits.streams_per_actor),
            (conversation, self.limits.streams_per_conversation),
        ):
            if self._open[merchant, whose] >= most:
                raise TooManyStreams(f"{whose} has {most} streams open, and may have no more.", retry_after=5)
        both = [(merchant, actor), (merchant, conversation)]
        self._open.update(both)
        try:
            yield
        finally:
            self._open.subtract(both)
            self._open += Counter()  # drops what is at nothing

    def is_due(self, caller: Caller) -> bool:
        """Whether the shop has to be asked again if it knows the caller.

        All streams of one caller share an answer, so that a thousand of them cost no more than one: it counts for half the time.
        """
        return time.monotonic() - self._known.get(_name(caller), 0.0) >= self.limits.right_seconds / 2

    def seen(self, caller: Caller) -> None:
        now = time.monotonic()
        self._known[_name(caller)] = now
        if len(self._known) > 10_000:
            self._known = {who: at for who, at in self._known.items() if now - at < self.limits.right_seconds}


def _name(caller: Caller) -> tuple[UUID, str, str]:
    return caller.merchant, caller.proof, caller.name
