"""What people say around arguments, by language as data (`planner/data/spoken.json`)."""

import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any


@lru_cache(maxsize=1)
def _figures() -> Mapping[str, Mapping[str, str]]:
    return json.loads(files("planner.data").joinpath("figures.json").read_text(encoding="utf-8"))


def said(name: str) -> str:
    """The words of all languages for what figures do (`planner/data/figures.json`), as one of them in a pattern."""
    return f"(?:{'|'.join(_figures()[name].values())})"


@lru_cache(maxsize=1)
def words() -> Mapping[str, Any]:
    """As they are shipped."""
    return json.loads(files("planner.data").joinpath("spoken.json").read_text(encoding="utf-8"))
