"""What a specialist is: not a process, a scope. Its prompt is `prompts/<room>.md`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Specialist:
    """A room's tools in the order in which models see them, and what they are for."""

    room: str
    title: str
    handles: str  # one sentence; the supervisor routes by it
    tools: tuple[str, ...]
