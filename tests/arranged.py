"""A shop arranged for a tool, once in a process, for all tests that leave it as they found it: reads, previews, refusals."""

import copy
import importlib
from typing import Any

from tests.factories import NewShop, new_shop
from tools.contract.call import Shop
from tools.contract.declare import Tool

AnyTool = Tool[Any, Any]
_arranged: dict[tuple[str, int], tuple[NewShop, dict[str, Any]]] = {}


async def arguments_of(tool: AnyTool, mine: NewShop) -> dict[str, Any]:
    """Valid arguments in a shop that was arranged for them."""
    case = importlib.import_module(f"tests.tools.cases.{tool.room}")
    return await getattr(case, tool.name)(mine)


async def arranged(tool: AnyTool, shop: Shop) -> tuple[NewShop, dict[str, Any]]:
    """The shop that was arranged for the tool, and the valid arguments. Whoever changes it makes a new one: `arguments_of`."""
    key = tool.name, id(shop)
    if key not in _arranged:
        mine = await new_shop(shop)
        _arranged[key] = mine, await arguments_of(tool, mine)
    mine, arguments = _arranged[key]
    return mine, copy.deepcopy(arguments)
