"""What all have in common who carry out intents: at once for whoever waits, one after the other, and what follows from each."""

import logging
import uuid
from abc import ABC, abstractmethod
from collections.abc import Sequence

_log = logging.getLogger(__name__)


class CarriesOut(ABC):
    """Asks somebody outside for one thing at a time."""

    async def first_try(self, merchant: uuid.UUID, intents: Sequence[str]) -> None:
        """At once, for whoever waits for the answer of a call; what fails is left to the worker."""
        for reference in intents:
            try:
                await self.carry_out(merchant, reference)
            except Exception:
                _log.exception("%s is left to the worker", reference)

    async def carry_out(self, merchant: uuid.UUID, reference: str) -> None:
        """Ask for one thing, and book what is answered; then what waited for that."""
        waiting = [reference]
        while waiting:
            waiting += await self._ask_and_book(merchant, waiting.pop(0))

    @abstractmethod
    async def _ask_and_book(self, merchant: uuid.UUID, reference: str) -> list[str]:
        """Returns what may be done now that this is; nothing for what is not open, or somebody else's to carry out."""
