"""Prompts: files of prose beside this one, read once. A room's phrasings teach the index what its tools are asked with."""

import hashlib
import re
from collections.abc import Container
from functools import cache
from importlib.resources import files


@cache
def read(name: str) -> str:
    """The text of `prompts/<name>.md`; empty for a room that has none yet."""
    file = files(__name__) / f"{name}.md"
    return file.read_text(encoding="utf-8").strip() if file.is_file() else ""


_SPOKEN_OF = re.compile(r"`([a-z_]+)`")


def about(name: str, tools: Container[str], offered: Container[str]) -> str:
    """The same for a model that is offered some of the tools: a line that speaks of tools is told where one of them is offered."""

    def matters(line: str) -> bool:
        spoken_of = [word for word in _SPOKEN_OF.findall(line) if word in tools]
        return not spoken_of or any(tool in offered for tool in spoken_of)

    return "\n".join(line for line in read(name).splitlines() if matters(line))


@cache
def version(*names: str) -> str:
    """What tells one state of these prompts from another: recorded with each turn."""
    return hashlib.sha256("\n\n".join(read(name) for name in names).encode()).hexdigest()[:12]


@cache
def examples(room: str) -> dict[str, list[str]]:
    """The phrasings of `prompts/<room>.examples.md` by tool: `## tool_name`, then `- phrase` lines."""
    found: dict[str, list[str]] = {}
    phrases: list[str] = []
    for line in read(f"{room}.examples").splitlines():
        if line.startswith("## "):
            phrases = found.setdefault(line[3:].strip(), [])
        elif line.startswith("- "):
            phrases.append(line[2:].strip())
    return found
