"""What sentences ask of the rows of a list or a report, where that is one of a few values: "what nobody sent yet" is `open=true`.

`prompts/conditions` has a file for each operation; a line is the conditions, "-" where there is none, and the sentence, out of
`prompts.voices`. They were read and marked one by one, by what is meant and not by words: to teach the reader what words miss.
`untaught` has those that are marked and wait: what lies beside it is what the reader was taught.
"""

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import NamedTuple

NONE = "-"


class Marked(NamedTuple):
    """A sentence that asks for an operation, and the conditions that it puts: "field=value"."""

    operation: str
    text: str
    conditions: tuple[str, ...]


@cache
def marked() -> tuple[Marked, ...]:
    """All of them, operation by operation."""
    return tuple(one for operation, text in _files() for one in told(operation, text))


def told(operation: str, text: str) -> Iterator[Marked]:
    """Those of a file."""
    for line in text.splitlines():
        conditions, _, said = line.partition("\t")
        yield Marked(operation, said, () if conditions == NONE else tuple(conditions.split(", ")))


def fingerprint() -> str:
    """SHA-256 over the files, in order."""
    return hashlib.sha256("\n".join(f"{name}\n{text}" for name, text in _files()).encode()).hexdigest()


def _files() -> list[tuple[str, str]]:
    folder = files("prompts") / "conditions"
    found = sorted((one for one in folder.iterdir() if one.name.endswith(".tsv")), key=lambda one: one.name)
    return [(one.name.removesuffix(".tsv"), one.read_text(encoding="utf-8")) for one in found]
