"""Notes and reasons stay in the words in which they were said, though the wish around them was read in English ones."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from planner.choose.decisions import Ask, Decision, Decline, Desk
from planner.read.fields import Kind
from planner.read.language import as_said
from planner.read.spoken import language_of


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
    return {**args, **said}
