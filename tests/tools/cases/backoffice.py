"""Valid arguments for each tool of the room, in a shop that has what they name."""

from typing import Any
from uuid import UUID

from db.models.backoffice import Role
from orchestrator.accounts import Visit, open_session, reset_link, session_of
from tests.factories import NewShop, add_colleague, make_customer, make_order, make_variant, number
from tools.backoffice import invitations, keys, taxes
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
    return await _done(mine, invitations.create_user, await create_user(mine))


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


async def resend_invitation(mine: NewShop) -> dict[str, Any]:
    return {"user": await _person(mine)}


async def accept_invitation(mine: NewShop) -> dict[str, Any]:
    owner = mine.caller("owner")
    invited = await call(mine.shop, invitations.create_user, await create_user(mine), owner, key=f"case-{number()}")
    assert invited.result is not None
    return {"token": token_of(invited.result.link), "password": "four words of mine", "name": "Lea Dubois"}


def token_of(link: str | None) -> str:
    """The token of a link."""
    assert link is not None
    return link.partition("token=")[2]


async def change_password(mine: NewShop) -> dict[str, Any]:
    await mine.with_password("owner", "correct horse battery")
    return {"present": "correct horse battery", "password": "staple of the battery"}


async def request_password_reset(mine: NewShop) -> dict[str, Any]:
    return {"email": f"owner@{mine.slug}.example"}


async def reset_password(mine: NewShop) -> dict[str, Any]:
    link = await reset_link(mine.shop.database, mine.users["support"], "http://shop.example")
    return {"token": token_of(link), "password": "staple of the battery"}


async def list_sessions(mine: NewShop) -> dict[str, Any]:
    colleague, _ = await _signed_in(mine)
    return {"user": colleague, "limit": 5}


async def end_session(mine: NewShop) -> dict[str, Any]:
    colleague, session = await _signed_in(mine)
    return {"session": session, "user": colleague}


async def _signed_in(mine: NewShop) -> tuple[str, str]:
    """A colleague who is signed in, and their session."""
    colleague, caller = await add_colleague(mine, Role.support)
    database = mine.shop.database
    session = await session_of(
        database, await open_session(database, UUID(caller.name), mine.id, Visit("192.0.2.1", "A browser"))
    )
    assert session is not None
    return colleague, str(session.id)


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


async def search_shop(mine: NewShop) -> dict[str, Any]:
    async with mine.shop.database.transaction(mine.id) as sql:
        make_customer(sql, "Ana Torres", email="ana@example.com")
        make_order(sql, make_variant(sql, "MUG-BLUE")).ship_city = "Lyon"
        await sql.commit()
    return {"words": ["ana torres", "blue mug", "lyon"]}
