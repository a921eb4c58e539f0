"""The complete list of operations, read from the rooms and flows named here; nothing registers itself by being imported."""

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any

from tools import ROOMS, flows
from tools.contract.declare import Tool
from tools.contract.errors import NotFound


@cache
def tools() -> dict[str, Tool[Any, Any]]:
    """Every operation by its name, in the order of the rooms."""
    found = [tool for module in _modules() for tool in _declared(module)]
    found.sort(key=lambda tool: ROOMS.index(tool.room))
    twice = {tool.name for tool in found if sum(other.name == tool.name for other in found) > 1}
    if twice:
        raise ImportError(f"Declared twice: {', '.join(sorted(twice))}.")
    return {tool.name: tool for tool in found}


def tool(name: str) -> Tool[Any, Any]:
    """The operation of that name. Raises `NotFound`."""
    if name not in tools():
        raise NotFound(f"There is no operation {name}.", hint="`shopkeeper tools` lists them all.")
    return tools()[name]


def tools_of(room: str) -> list[Tool[Any, Any]]:
    return [tool for tool in tools().values() if tool.room == room]


def _modules() -> Iterator[ModuleType]:
    for room in ROOMS:
        yield from _with_parts(importlib.import_module(f"tools.{room}"))
    yield from _with_parts(flows)


def _with_parts(module: ModuleType) -> Iterator[ModuleType]:
    """A module, or a package with its modules: a room that outgrew its file."""
    yield module
    for part in pkgutil.iter_modules(getattr(module, "__path__", [])):
        yield importlib.import_module(f"{module.__name__}.{part.name}")


def _declared(module: ModuleType) -> list[Tool[Any, Any]]:
    values: list[Any] = list(vars(module).values())
    return [
        value for value in values if isinstance(value, Tool) and value.module == module.__name__ and not value.internal
    ]
