"""What the planner says when there is nothing to call: greetings, help, and the plain admission that it did not understand."""

import re
from collections.abc import Collection

from planner.choose.decide import Decline
from planner.choose.index import BEYOND, HELP, SMALL_TALK, Index

GREETING = re.compile(r"\b(?:hi|hello|hey|good (?:morning|evening|afternoon)|bonjour|hallo)\b", re.I)
THANKS = re.compile(r"\b(?:thanks?|thank you|merci|danke|great|perfect|nice|good job|cheers)\b", re.I)
FAREWELL = re.compile(r"\b(?:bye|goodbye|see you|good night|have a (?:good|nice))\b", re.I)
IDENTITY = re.compile(r"\b(?:you|your)\b", re.I)
SHOWN = 6


def declined(decline: Decline, index: Index, offered: Collection[str]) -> str:
    """The answer to a request for which there is no call."""
    match decline.why:
        case "left":
            return "All right, nothing was done."
        case "forbidden":
            return f"You said “{decline.said}”: I leave it as it is. Nothing was done."
        case "elsewhere":
            return f"That belongs to {decline.room.replace('_', ' ')}, which is not open to this conversation. Nothing was done."
        case "planned" | "people":
            return f"{closed(decline)} Nothing was done."
        case why if why == SMALL_TALK:
            return _small_talk(decline.said, index, offered)
        case why if why == HELP:
            return f"I am the embedded planner: I turn plain requests into operations of the shop. {_examples(index, offered)}"
        case why if why == BEYOND:
            return f"That is beyond me, or I did not understand it; nothing was done. {_examples(index, offered)}"
        case _:
            return hint(index, offered)


def closed(decline: Decline) -> str:
    """Why what was asked for is not done here, though it is known."""
    what = decline.operation.replace("_", " ").capitalize()
    if decline.why == "planned":
        return f"{what} is not open here yet."
    return f"{what} is done by people themselves, signed in or at the command line, not in a conversation."


def hint(index: Index, offered: Collection[str]) -> str:
    """ "I did not understand", with requests that would be understood."""
    return f"I did not understand that, and nothing was done. {_examples(index, offered)}"


def _small_talk(said: str, index: Index, offered: Collection[str]) -> str:
    if FAREWELL.search(said):
        return "Goodbye."
    if THANKS.search(said):
        return "You are welcome."
    if GREETING.search(said):
        return f"Hello. {_examples(index, offered)}"
    if IDENTITY.search(said):
        return f"I am the embedded planner, for requests about the shop. {_examples(index, offered)}"
    return hint(index, offered)


def _examples(index: Index, offered: Collection[str]) -> str:
    """One example each of the first tools of every room on offer, reads first."""
    tools = sorted((tool for name, tool in index.tools.items() if name in offered), key=lambda tool: tool.entry.writes)
    rooms: dict[str, list[str]] = {}
    for tool in tools:
        if tool.entry.examples:
            rooms.setdefault(tool.entry.room, []).append(tool.entry.examples[0])
    shown: list[str] = []
    while len(shown) < SHOWN and any(rooms.values()):
        shown += [examples.pop(0) for examples in rooms.values() if examples]
    lines = "\n".join(f"- {example}" for example in shown[:SHOWN])
    return (
        f"Here is what you can ask, for example:\n\n{lines}" if lines else "No operation is open to this conversation."
    )
