"""What people say around arguments, by language as data (`planner/data/spoken.json`)."""

import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any


@lru_cache(maxsize=1)
def words() -> Mapping[str, Any]:
    """As they are shipped."""
    return json.loads(files("planner.data").joinpath("spoken.json").read_text(encoding="utf-8"))
