"""What is still to be done in a turn, as it is kept on the message that makes the next calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from planner.choose.decisions import Ask, Decline, Step


@dataclass(frozen=True)
class Plan:
    """What is still to be done: steps in order, remarks for the answer, and a question to end with."""

    steps: Sequence[Step] = ()
    notes: Sequence[str] = ()
    question: Ask | None = None
    awaiting: Mapping[str, Any] | None = None  # the look-up that the last call makes: which field, by what name
    leads: Sequence[str] = ()  # remarks that the answer begins with
    # What is not open here, operation and room, for which something is shown meanwhile.
    unopened: Sequence[Sequence[str]] = ()
    opening: str = ""  # the greeting that the last calls are made for
    open: Mapping[str, Any] | None = None  # an earlier question that stays open beside what is done
    wider: bool = False  # the last call asks more widely what the one before it asked

    def packed(self) -> dict[str, Any]:
        """As JSON, for `additional_kwargs`."""
        steps = [step.packed() for step in self.steps]
        question = {"pending": dict(self.question.pending)} if self.question else None
        return {
            "steps": steps,
            "notes": list(self.notes),
            "question": question,
            "awaiting": self.awaiting,
            "leads": list(self.leads),
            "unopened": [list(one) for one in self.unopened],
            "opening": self.opening,
            "open": self.open,
            "wider": self.wider,
        }

    @classmethod
    def unpacked(cls, stored: Mapping[str, Any]) -> "Plan":
        steps = [Step.unpacked(step) for step in stored.get("steps", [])]
        asked = stored.get("question")
        question = Ask(asked["pending"]) if asked else None
        return cls(
            steps,
            stored.get("notes", []),
            question,
            stored.get("awaiting"),
            stored.get("leads", []),
            stored.get("unopened", []),
            stored.get("opening", ""),
            stored.get("open"),
            bool(stored.get("wider")),
        )


@dataclass(frozen=True)
class Nothing(Plan):
    """No step at all: why, and where the request belongs."""

    decline: Decline = field(default_factory=lambda: Decline("unclear"))
