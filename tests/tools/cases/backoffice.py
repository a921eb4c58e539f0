"""Valid arguments for each tool of the room, in a shop that has what they name."""

from typing import Any

from tests.factories import NewShop, number
from tools.backoffice import keys, people, taxes
from tools.contract.actors import Hand
from tools.contract.call import call
from tools.contract.declare import Tool


async def _done(mine: NewShop, tool: Tool[Any, Any], arguments: dict[str, Any]) -> str:
    """The reference of what the owner made with a tool."""
    outcome = await call(mine.shop, tool, arguments, mine.caller("owner"), key=f"case-{number()}")
    assert outcome.result is not None
    return outcome.result.reference


async def _person(mine: NewShop) -> str:
    """A person whose reference no other new shop has."""
    return await _done(mine, people.create_user, await create_user(mine))


async def _key(mine: NewShop) -> str:
    return await _done(mine, keys.create_api_key, await create_api_key(mine))


async def _waiting(mine: NewShop) -> str:
    """A tax rate that the planner would set, which waits for a person."""
    planner = mine.caller("manager", hand=Hand.planner)
    outcome = await call(mine.shop, taxes.set_tax_rate, await set_tax_rate(mine), planner, key=f"case-{number()}")
    assert outcome.approval is not None
    return outcome.approval


async def create_user(mine: NewShop) -> dict[str, Any]:
    return {"email": f"lea.martin@{mine.slug}.example", "name": "Lea Martin", "role": "support"}


async def list_users(mine: NewShop) -> dict[str, Any]:
    return {"role": "manager", "active": True, "search": "manager"}


async def get_user(mine: NewShop) -> dict[str, Any]:
    return {"user": await _person(mine)}


async def update_user(mine: NewShop) -> dict[str, Any]:
    return {"user": await _person(mine), "role": "manager", "name": "Lea Dubois", "version": 1}


async def deactivate_user(mine: NewShop) -> dict[str, Any]:
    return {"user": await _person(mine)}


async def create_api_key(mine: NewShop) -> dict[str, Any]:
    return {
        "name": "Scanner",
        "scopes": ["inventory:*", "orders:read"],
        "limit_per_call": 5_000,
        "limit_per_day": 20_000,
    }


async def list_api_keys(mine: NewShop) -> dict[str, Any]:
    await _key(mine)
    return {"active": True}


async def revoke_api_key(mine: NewShop) -> dict[str, Any]:
    return {"key": await _key(mine)}


async def get_settings(mine: NewShop) -> dict[str, Any]:
    return {"search": "orders"}


async def set_setting(mine: NewShop) -> dict[str, Any]:
    return {"key": "orders.expire_unpaid_after_hours", "value": 48, "version": 0}


async def get_merchant(mine: NewShop) -> dict[str, Any]:
    return {}


async def update_merchant(mine: NewShop) -> dict[str, Any]:
    return {"name": "Fernway & Sons", "zone": "Europe/Lisbon", "country": "PT", "currencies": ["EUR", "GBP"]}


async def set_tax_rate(mine: NewShop) -> dict[str, Any]:
    return {"country": "FR", "rate": "21.5", "valid_from": "2030-01-01T00:00:00Z"}


async def list_tax_rates(mine: NewShop) -> dict[str, Any]:
    return {"country": "FR", "tax_class": "standard", "valid_at": "2026-01-01T00:00:00Z"}


async def set_shipping_method(mine: NewShop) -> dict[str, Any]:
    tiers = [{"above_weight": 5_000, "price": 1_490}]
    return {"code": "express", "name": "Express", "price": 990, "countries": ["FR", "BE"], "tiers": tiers}


async def list_shipping_methods(mine: NewShop) -> dict[str, Any]:
    return {"country": "FR", "active": True}


async def list_approvals(mine: NewShop) -> dict[str, Any]:
    await _waiting(mine)
    return {"status": "pending", "tool": "set_tax_rate", "asker": "USR-1002"}


async def get_approval(mine: NewShop) -> dict[str, Any]:
    return {"approval": await _waiting(mine)}


async def decide_approval(mine: NewShop) -> dict[str, Any]:
    return {"approval": await _waiting(mine), "decision": "approve"}


async def get_approval_policy(mine: NewShop) -> dict[str, Any]:
    return {}


async def set_approval_policy(mine: NewShop) -> dict[str, Any]:
    limits = {"per_call": 100_000, "per_day": 400_000, "stops_per_day": 20}
    return {"roles": {"manager": limits}, "always": ["cancel_order"], "version": 0}
