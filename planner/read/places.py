"""What cities are called elsewhere: a shop has them as they are written on its parcels (`data/cities.json`)."""

import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files


def local(name: str) -> str:
    """A city as it is called there, "Köln" for "cologne"; any other name as it is."""
    return _cities().get(name.casefold(), name)


@lru_cache(maxsize=1)
def _cities() -> Mapping[str, str]:
    return json.loads(files("planner.data").joinpath("cities.json").read_text(encoding="utf-8"))
