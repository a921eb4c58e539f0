"""A turn as one running text: what it does in quoted lines, then its answer, or its card with what to say to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.specialist import Specialist
from orchestrator.chat.events import Event
from tools.contract.actors import Caller, Proof


@dataclass(frozen=True)
class Piece:
    """`shown` is the next piece of the running text; `final` the whole that stands alone, where the turn has come to it."""

    shown: str = ""
    final: str = ""
    usage: dict[str, Any] = field(default_factory=dict[str, Any])


class ToldTurn:
    """The text of a turn's events, in their order; with `after`, of those that follow that card's."""

    def __init__(self, scopes: Mapping[str, Specialist], caller: Caller, *, after: str | None = None) -> None:
        self.scopes = scopes
        self.by_person = caller.proof is Proof.user
        self.after = after
        self.over = False
        self._noted = False  # whether the text stands in a quoted line
        self._part = 0
        self._written = ""  # of the latest part of the answer

    def pieces(self, event: Event) -> Iterator[Piece]:
        told = event.data
        if self.after is not None:
            if event.kind == "approval.required" and told["approval"] == self.after:
                self.after = None
            return
        match event.kind:
            case "tool.started":
                yield self._note(f"→ {self._title(told['specialist'])}: {told['tool'].replace('_', ' ')}")
            case "tool.finished" if told["outcome"] != "done":
                yield self._note(f"→ {told['tool'].replace('_', ' ')}: {told['outcome']}")
            case "token":
                yield self._token(told["text"], told["part"])
            case "usage":
                yield Piece(usage=told)
            case "approval.required":
                self.over = True
                yield self._final(self._card(told))
            case "run.finished":
                self.over = True
                yield self._final(told["answer"])
            case _:
                return

    def _title(self, room: str) -> str:
        return self.scopes[room].title if room in self.scopes else room

    def _note(self, line: str) -> Piece:
        begin = "\n\n" if self._written else ""
        self._written, self._noted = "", True
        return Piece(f"{begin}> {line}\n")

    def _token(self, text: str, part: int) -> Piece:
        begin = self._begin() if part != self._part else ""
        self._written = text if part != self._part else self._written + text
        self._part = part
        return Piece(begin + text)

    def _begin(self) -> str:
        begin = "\n" if self._noted else "\n\n" if self._written else ""
        self._noted = False
        return begin

    def _final(self, answer: str) -> Piece:
        """The rest of the answer, or all of it where something else was written before."""
        if self._written and answer.startswith(self._written):
            return Piece(answer.removeprefix(self._written), answer)
        return Piece(self._begin() + answer, answer)

    def _card(self, told: dict[str, Any]) -> str:
        card, reference = told["card"], told["approval"]
        what = "\n".join(f"- {sentence}" for sentence in card["sentences"] or [card["summary"]])
        command = f"`shopkeeper backoffice decide-approval --approval {reference} --decision approve`"
        how = (
            f"Answer `approve`, or `reject: why not`. Elsewhere: {command}."
            if self.by_person
            else f"No key decides what it asked for itself. Somebody who is signed in does: {command}."
        )
        title = f"**{reference} waits for a decision: {told['tool'].replace('_', ' ')}**"
        return "\n\n".join([title, what, told["why"], how])
