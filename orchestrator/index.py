"""The index over all tools and how they are asked for. Run as a program, it is trained anew: `make index`."""

import prompts
from orchestrator.offer import entries
from planner.choose.index import Elsewhere, Entry, Index
from planner.read import habits, unopened
from planner.read.reader import shipped
from prompts import voices
from tools import registry

OF_THE_MATTER = ("channel", "status", "reason")


def read_index() -> Index:
    """The index with what it learned before it was shipped."""
    return Index.shipped(_entries(), reader=shipped(), elsewhere=_elsewhere())


def _entries() -> list[Entry]:
    phrasings = {tool: phrases for room in registry.ROOMS for tool, phrases in prompts.examples(room).items()}
    return entries(registry.tools().values(), phrasings)


def _elsewhere() -> list[Elsewhere]:
    """What the catalogue has and no model is offered: rooms that are not open yet, and what only people do."""
    tools = registry.tools()
    return [
        Elsewhere(one.name, one.room, one.sentence, planned=one.name not in tools, reads=one.reads)
        for one in voices.operations()
        if not one.name.startswith("~") and (one.name not in tools or tools[one.name].for_people)
    ]


def phrasings() -> list[tuple[str, bool]]:
    """All that the voices ask for, without names, and whether it is planned only."""
    planned = {one.name for one in _elsewhere() if one.planned}
    spoken = (one for voice in voices.VOICES for one in voices.phrasings(voice))
    return [(_unnamed(one), one.operation in planned) for one in spoken if not one.operation.startswith("~")]


def asked() -> list[habits.Asked]:
    """All that was asked for at the shops whose days are told, in order."""
    return [habits.Asked(one.operation, one.after) for author in voices.DAYS for one in voices.day(author)]


def _unnamed(phrasing: voices.Phrasing) -> str:
    """A phrasing without what it names; a channel, a state and a reason are words of the matter."""
    text = phrasing.text
    for span in reversed(phrasing.spans):
        text = text if span.kind in OF_THE_MATTER else f"{text[: span.start]} {text[span.end :]}"
    return text


if __name__ == "__main__":
    Index.build(_entries()).ship()
    unopened.keep(unopened.learned(phrasings()))
    habits.keep(habits.counted({one.name: one.room for one in voices.operations()}, asked()))
