"""Arguments made definite: what was written of a row (a SKU, an e-mail address, another shop's number) becomes our own reference,
so that an approved call means the row that its card was about, whoever goes by that name by then.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from pydantic import BaseModel

from db.references import Kind
from tools.contract.fields import Ref

Meant = Mapping[tuple[Kind, str], str]


def settled(model: BaseModel, meant: Meant) -> BaseModel:
    """A copy with our own references where rows are named, as the run's look-ups found them; what was not said stays unsaid."""
    changed: dict[str, Any] = {}
    for name in model.model_fields_set & set(type(model).model_fields):
        field, value = type(model).model_fields[name], getattr(model, name)
        kinds = [mark.kind for mark in (*field.metadata, *marks(field.annotation)) if isinstance(mark, Ref)]
        definite = _definite(value, kinds, meant)
        if definite != value:
            changed[name] = definite
    return model.model_copy(update=changed) if changed else model


def _definite(value: Any, kinds: list[Kind], meant: Meant) -> Any:
    if isinstance(value, BaseModel):
        return settled(value, meant)
    if isinstance(value, list):
        return [_definite(one, kinds, meant) for one in cast(list[Any], value)]
    if isinstance(value, str):
        known = (meant[kind, value.strip()] for kind in kinds if (kind, value.strip()) in meant)
        return next(known, value)
    return value


def marks(annotation: Any) -> Iterator[Any]:
    """The marks inside a union or a list: `CustomerRef | None`, `list[OrderRef]`."""
    yield from getattr(annotation, "__metadata__", ())
    for part in getattr(annotation, "__args__", ()):
        yield from marks(part)
