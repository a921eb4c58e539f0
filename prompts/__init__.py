"""Prompts: files of prose beside this one, read once. A room's phrasings teach the index what its tools are asked with."""

import hashlib
from functools import cache
from importlib.resources import files


@cache
def read(name: str) -> str:
    """The text of `prompts/<name>.md`; empty for a room that has none yet."""
    file = files(__name__) / f"{name}.md"
    return file.read_text(encoding="utf-8").strip() if file.is_file() else ""


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
