"""A request and its answer for each operation, for the OpenAPI document: written by `make docs` from the cases of the tests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import orjson

FILE = Path(__file__).with_name("examples.json")


@dataclass(frozen=True)
class Example:
    """What is sent, by where it stands, and what is answered."""

    path: Mapping[str, str] = field(default_factory=dict[str, str])
    query: Mapping[str, Any] = field(default_factory=dict[str, Any])
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    answer: Any = None


@cache
def examples() -> dict[str, Example]:
    """By operation."""
    return {name: Example(**written) for name, written in orjson.loads(FILE.read_bytes()).items()}
