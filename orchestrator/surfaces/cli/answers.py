"""What a call of an operation gives, wherever it was carried out: an answer, or a refusal."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tools.contract.declare import Tool


@dataclass(frozen=True)
class Answer:
    """A result; or a card, with the approval that it waits for unless it was a preview. All of it is plain JSON."""

    result: dict[str, Any] | None = None
    card: dict[str, Any] | None = None
    approval: str | None = None
    why: str = ""
    replayed: bool = False

    def as_json(self) -> dict[str, Any]:
        waiting = {"approval": self.approval, "why": self.why, "card": self.card}
        return waiting if self.result is None else self.result


class Refused(Exception):
    """An operation was refused: the problem, as every door tells it."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(problem["message"])
        self.status = status
        self.problem = problem

    @property
    def exit_code(self) -> int:
        """2 for what was asked in a wrong way, 1 for what cannot be done."""
        return 2 if self.status in (400, 422) else 1


@dataclass(frozen=True)
class Download:
    """A file on its way: what it is called, and its pieces."""

    name: str
    pieces: AsyncIterator[bytes]


class Client(Protocol):
    async def call(
        self, tool: Tool[Any, Any], arguments: Mapping[str, Any], *, key: str | None = None, preview: bool = False
    ) -> Answer:
        """Call a tool. Raises `Refused`."""
        ...

    def fetch(self, tool: Tool[Any, Any], arguments: Mapping[str, Any]) -> AbstractAsyncContextManager[Download]:
        """The file that a reading tool gives. Raises `Refused`."""
        ...

    async def upload(self, path: Path, key: str) -> str:
        """The reference of a file that was taken in. Raises `Refused`."""
        ...

    async def job(self, reference: str) -> dict[str, Any]:
        """How far a job is. Raises `Refused`."""
        ...

    def errors(self, reference: str) -> AbstractAsyncContextManager[Download]:
        """What a job could not take, as a file. Raises `Refused`."""
        ...

    def working(self, reference: str) -> AbstractAsyncContextManager[None]:
        """While it lasts, somebody works on the job."""
        ...
