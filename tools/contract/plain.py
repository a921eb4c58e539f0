"""Values as JSON that PostgreSQL can keep: what cannot be is the caller's to hear, not a fault of ours."""

from typing import Any

import orjson
from psycopg.types.json import Jsonb

from tools.contract.errors import OutOfRange


def as_json(value: Any) -> bytes:
    """JSON with its keys in order. Raises `OutOfRange` for numbers beyond 64 bits, nesting beyond 254, and text that is none."""
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_SORT_KEYS)
    except TypeError as unstorable:
        raise OutOfRange(f"A value cannot be stored: {unstorable}.", hint="Give a smaller or a plainer one.") from None


def as_jsonb(value: Any) -> Jsonb:
    """A JSON parameter of a statement."""
    return Jsonb(value, dumps=as_json)
