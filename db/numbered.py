"""Statements as the server wants them: `$1` for `%(name)s` and `%s`, worked out once for each.

psycopg does so itself, but remembers only the short ones: an order's four statements were read through anew each time, which was
a tenth of what it costs the application.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

_HOLE = re.compile(r"%(?:\((\w+)\)s|(s)|%)")


class Numbered(NamedTuple):
    """A statement, and the names of its parameters in their order; None where they come in order already."""

    text: bytes
    names: tuple[str, ...] | None

    def ordered(self, params: Mapping[str, Any] | Sequence[Any]) -> Sequence[Any]:
        if self.names is None:
            return params if isinstance(params, Sequence) else ()
        return [params[name] for name in self.names] if isinstance(params, Mapping) else params


@lru_cache(maxsize=2048)
def numbered(sql: str) -> Numbered:
    """A statement with parameters, by its text. `%%` is a percent sign."""
    places: dict[str, int] = {}
    unnamed = 0

    def place(hole: re.Match[str]) -> str:
        nonlocal unnamed
        name, bare = hole.groups()
        if name:
            return f"${places.setdefault(name, len(places) + 1)}"
        if bare:
            unnamed += 1
            return f"${unnamed}"
        return "%"

    text = _HOLE.sub(place, sql).encode()
    return Numbered(text, tuple(places) if places else None)
