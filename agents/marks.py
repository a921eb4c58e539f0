"""Text from outside, as models get it: inside a marked span that it cannot close."""

import hashlib
import re
from collections.abc import Iterator
from typing import Any, cast
from uuid import UUID

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tools.contract.fields import Untrusted

REFERENCE = re.compile(r"[A-Z]{1,4}-\d{1,12}")
_WORD = re.compile(r"\w+")
Json = dict[str, Any]


def nonce_of(turn: UUID) -> str:
    """What tells the marks of one turn from those that an outsider may have seen."""
    return hashlib.sha256(turn.bytes).hexdigest()[:8]


def marked(text: str, nonce: str) -> str:
    """A text between marks. A mark of its own is broken, not cut out: what a cut brings together may be one again."""
    broken = re.sub(r"<(?=\s*/?\s*untrusted)", "‹", text, flags=re.IGNORECASE)
    return f"<untrusted id={nonce}>{broken}</untrusted>"


def mark(model: BaseModel, told: Json, nonce: str) -> bool:
    """Put every text that outsiders wrote between marks; returns whether there was any."""
    found = False
    for name, field in type(model).model_fields.items():
        value: Any = getattr(model, name)
        if name not in told or value is None:
            continue
        if _is_untrusted(field):
            told[name], some = _wrapped(told[name], nonce)
            found = found or some
        else:
            inside = [mark(part, into, nonce) for part, into in _parts(value, told[name])]
            found = found or any(inside)
    return found


def _is_untrusted(field: FieldInfo) -> bool:
    return any(isinstance(mark, Untrusted) for mark in (*field.metadata, *_inner(field.annotation)))


def _inner(annotation: Any) -> Iterator[Any]:
    """Marks inside a union or a list: `Annotated[str, Untrusted()] | None`."""
    yield from getattr(annotation, "__metadata__", ())
    for part in getattr(annotation, "__args__", ()):
        yield from _inner(part)


def _parts(value: Any, told: Any) -> Iterator[tuple[BaseModel, Json]]:
    """The models inside a value, each with its place in the JSON."""
    if isinstance(value, BaseModel):
        yield value, told
    elif isinstance(value, (list, tuple)):
        for one, into in zip(cast(list[Any], value), told, strict=True):
            yield from _parts(one, into)
    elif isinstance(value, dict):
        for key, one in cast(dict[Any, Any], value).items():
            yield from _parts(one, told.get(str(key)))


def _wrapped(value: Any, nonce: str) -> tuple[Any, bool]:
    """The value with all its texts between marks, but for references, and whether it has any."""
    if isinstance(value, str):
        bare = not value or REFERENCE.fullmatch(value) is not None
        return (value, False) if bare else (marked(value, nonce), True)
    if isinstance(value, list):
        pairs = [_wrapped(one, nonce) for one in cast(list[Any], value)]
        return [one for one, _ in pairs], any(some for _, some in pairs)
    if isinstance(value, dict):
        named = {_key(key, nonce): _wrapped(one, nonce) for key, one in cast(Json, value).items()}
        return {key: one for key, (one, _) in named.items()}, any(some for _, some in named.values())
    return value, False


def _key(key: str, nonce: str) -> str:
    return key if _WORD.fullmatch(key) else marked(key, nonce)
