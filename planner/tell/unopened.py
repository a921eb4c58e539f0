"""What is planned and not open yet: said plainly, with what can be done in the meantime."""

import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any, cast

from planner.tell.voice import ENGLISH, title, words


@lru_cache(maxsize=1)
def rooms() -> Mapping[str, Any]:
    """All rooms of the house: their names, and what the operations that are open do in the place of those that are not."""
    return cast(Mapping[str, Any], json.loads(files("planner.data").joinpath("rooms.json").read_text("utf-8")))


def not_open(operation: str, room: str, language: str = ENGLISH, *, shown: bool = False) -> str:
    """ "“Refund payment” belongs to payments, which is not open here yet; nothing was done. Meanwhile: …"."""
    known = rooms()[room]
    instead = known["operations"].get(operation, known["instead"])[language]
    frame = "not_open_but" if shown else "not_open" if operation else "room_not_open"
    what = title(operation, language)
    return str(words()["frames"][frame][language]).format(what=what, room=known["name"][language], instead=instead)


def room_name(room: str, language: str) -> str:
    """What people call a room."""
    return str(rooms()[room]["name"][language]) if room in rooms() else room.replace("_", " ")
