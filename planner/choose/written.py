"""Notes and reasons stay in the words in which they were said, though the wish around them was read in English ones.

What a customer is told says "you": "tell her that she gets it on Friday" is written to her.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from planner.choose.decisions import Ask, Decision, Decline, Desk
from planner.read.fields import Kind
from planner.read.language import as_said
from planner.read.spoken import language_of

TOLD = ("reply_to_ticket", "notify_customer")  # whose text the customer reads
WILL = (
    r"will|would|can|could|should|shall|may|might|must|had|did|was|were|is|are|has|does|doesn['’]?t|won['’]?t|can['’]?t"
)
VERBS = {"is": "are", "was": "were", "has": "have", "does": "do", "doesn't": "don't", "doesn’t": "don’t", "goes": "go"}
SAYING_YOU: Sequence[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]] = (
    (
        re.compile(rf"\b(?:she|he|they)\s+(?P<verb>{WILL})(?![\w'’])", re.I),
        lambda m: f"you {VERBS.get(m['verb'].lower(), m['verb'])}",
    ),
    (re.compile(r"\b(?:she|he|they)(?=['’](?:ll|d)\b)", re.I), lambda m: "you"),
    (re.compile(r"\b(?:she|he|they)['’](?:s|re)\b", re.I), lambda m: "you are"),
    (re.compile(r"\b(?:she|he)\s+(?P<verb>[a-z]{2,}?)(?:(?<=[sxzh]|o)es|s)\b", re.I), lambda m: f"you {m['verb']}"),
    (re.compile(r"\b(?:she|he|they)\b", re.I), lambda m: "you"),
    (
        re.compile(
            r"\b(?:her|his|their)(?=\s+(?!(?:back|again|that|when|as|if|and|by|on|in|at|to|for|a|an|the|it)\b)[a-z])",
            re.I,
        ),
        lambda m: "your",
    ),
    (re.compile(r"\b(?:her|him|them)(?!\w)", re.I), lambda m: "you"),
)


def kept(decision: Decision, text: str, desk: Desk) -> Decision:
    """The decision about a text with what is to be written down as it stands there; of two readings, with the text itself."""

    def written(call: Mapping[str, Any]) -> dict[str, Any]:
        return {**call, "args": _written(str(call["tool"]), call["args"], text, desk)}

    match decision:
        case Decline():
            return decision
        case Ask():
            asked = dict(decision.pending)
            asked |= written(asked) if "tool" in asked and "args" in asked else {}
            asked |= {"steps": [written(step) for step in asked["steps"]]} if "steps" in asked else {}
            asked |= {"said": text} if asked["kind"] == "choice" else {}
            return replace(decision, pending=asked)
        case _:
            return [replace(step, args=_written(step.tool, step.args, text, desk)) for step in decision]


def _written(tool: str, args: Mapping[str, Any], text: str, desk: Desk) -> dict[str, Any]:
    notes = [f.name for f in desk.index.tools[tool].fields if f.kind in (Kind.note, Kind.reason_text)]
    spoken = desk.talk.language if language_of(text) in (None, desk.talk.language) else ""
    said = {name: as_said(text, args[name], spoken) for name in notes if isinstance(args.get(name), str)}
    if tool in TOLD and args.get("kind") != "note":
        said = {name: addressed(text) for name, text in said.items()}
    return {**args, **said}


def addressed(text: str) -> str:
    """A message in English that speaks of its reader, as it is written to them."""
    if re.search(r"\byou", text, re.I):
        return text
    for spoken, meant in SAYING_YOU:
        text = spoken.sub(meant, text)
    return text
