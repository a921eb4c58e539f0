"""Valid arguments for each tool of the room, in a shop that has what they name."""

from typing import Any

from tests.factories import NewShop, make_variant, number, warehouse_of
from tests.tools.returning import converse, delivered
from tests.tools.till import writing
from tools import registry
from tools.contract.call import call


async def _do(mine: NewShop, tool: str, **arguments: Any) -> Any:
    outcome = await call(mine.shop, registry.tool(tool), arguments, mine.caller("owner"), key=f"case-{number()}")
    assert outcome.result is not None
    return outcome.result


async def _return(mine: NewShop, upto: str = "requested", **more: Any) -> str:
    """The reference of a return of two of five blue mugs, as far as it has come."""
    arguments = await request_return(mine) | more
    rma = (await _do(mine, "request_return", **arguments)).reference
    if upto != "requested":
        await _do(mine, "approve_return", rma=rma)
    if upto in ("received", "accepted"):
        await _do(mine, "receive_return", rma=rma)
    if upto == "accepted":
        await _do(mine, "inspect_return", rma=rma, condition="damaged")
    return rma


async def check_return_eligibility(mine: NewShop) -> dict[str, Any]:
    return {"order": (await delivered(mine)).order, "reason": "too_small"}


async def request_return(mine: NewShop) -> dict[str, Any]:
    lines = [{"sku": "blue mugs", "quantity": 2}]
    return {
        "order": (await delivered(mine)).order,
        "lines": lines,
        "reason": "arrived_broken",
        "note": "All in pieces!",
    }


async def get_return(mine: NewShop) -> dict[str, Any]:
    return {"rma": await _return(mine)}


async def list_returns(mine: NewShop) -> dict[str, Any]:
    await _return(mine)
    return {"status": ["requested"], "product": "MUG-BLUE"}


async def cancel_return(mine: NewShop) -> dict[str, Any]:
    return {"rma": await _return(mine), "note": "She keeps them."}


async def approve_return(mine: NewShop) -> dict[str, Any]:
    return {"rma": await _return(mine), "keeps_goods": True}


async def reject_return(mine: NewShop) -> dict[str, Any]:
    return {"rma": await _return(mine), "note": "The photos show no crack."}


async def receive_return(mine: NewShop) -> dict[str, Any]:
    rma = await _return(mine, "approved")
    return {"rma": rma, "lines": [{"sku": "MUG-BLUE", "quantity": 1}], "warehouse": "WH-1", "note": "The box is wet."}


async def inspect_return(mine: NewShop) -> dict[str, Any]:
    damaged = {"sku": "blue mug", "quantity": 1, "condition": "damaged", "note": "No handle."}
    as_new = {"sku": "MUG-BLUE", "quantity": 1, "condition": "as_new"}
    return {"rma": await _return(mine, "received"), "units": [damaged, as_new]}


async def settle_return(mine: NewShop) -> dict[str, Any]:
    return {"rma": await _return(mine, "accepted"), "fee": 1_050}


async def exchange_items(mine: NewShop) -> dict[str, Any]:
    async with writing(mine) as sql:
        make_variant(sql, "MUG-WHITE", title="White mug", price=1_500, warehouse=await warehouse_of(sql))
    swap = {"sku": "blue mugs", "quantity": 2, "new_sku": "MUG-WHITE"}
    return {"order": (await delivered(mine)).order, "items": [swap], "note": "She likes white better."}


async def get_return_policy(mine: NewShop) -> dict[str, Any]:
    return {"order": (await delivered(mine)).order}


async def set_return_policy(mine: NewShop) -> dict[str, Any]:
    await delivered(mine)
    return {"category": "Mugs", "reasons": ["changed_mind"], "window_days": 60, "fee": 1_450}


async def _ticket(mine: NewShop, **more: Any) -> str:
    order, customer = await delivered(mine)
    arguments = {"subject": "Parcel was wet", "order": order, "customer": customer.reference} | more
    return (await _do(mine, "open_ticket", **arguments)).reference


async def open_ticket(mine: NewShop) -> dict[str, Any]:
    rma = await _return(mine)
    return {
        "subject": "Five broken mugs",
        "text": "Is nobody there?",
        "rma": rma,
        "priority": "high",
        "assignee": "USR-1002",
    }


async def assign_ticket(mine: NewShop) -> dict[str, Any]:
    return {"ticket": await _ticket(mine), "assignee": "USR-1002"}


async def reply_to_ticket(mine: NewShop) -> dict[str, Any]:
    return {"ticket": await _ticket(mine), "text": "A new parcel leaves tomorrow."}


async def close_ticket(mine: NewShop) -> dict[str, Any]:
    return {"ticket": await _ticket(mine), "resolution": "A new parcel was sent."}


async def escalate_ticket(mine: NewShop) -> dict[str, Any]:
    return {"ticket": await _ticket(mine), "assignee": "USR-1001", "note": "He threatens with a lawyer."}


async def get_ticket(mine: NewShop) -> dict[str, Any]:
    ticket = await _ticket(mine, text="It dripped on the floor.")
    await _do(mine, "reply_to_ticket", ticket=ticket, text="We are sorry.")
    return {"ticket": ticket}


async def list_tickets(mine: NewShop) -> dict[str, Any]:
    order, customer = await delivered(mine)
    await _do(mine, "open_ticket", subject="Parcel was wet", order=order)
    return {"priority": ["normal"], "customer": customer.reference}


async def hand_over(mine: NewShop) -> dict[str, Any]:
    return {
        "conversation": await converse(mine, "owner"),
        "assignee": "USR-1002",
        "order": (await delivered(mine)).order,
    }


async def file_warranty_claim(mine: NewShop) -> dict[str, Any]:
    order = (await delivered(mine, days_ago=200)).order
    return {"order": order, "sku": "blue mug", "quantity": 2, "defect": "The glaze comes off."}


async def decide_warranty_claim(mine: NewShop) -> dict[str, Any]:
    claim = (await _do(mine, "file_warranty_claim", **await file_warranty_claim(mine))).reference
    return {"claim": claim, "decision": "accept", "remedy": "refund", "note": "A bad batch."}


async def list_warranty_claims(mine: NewShop) -> dict[str, Any]:
    await _do(mine, "file_warranty_claim", **await file_warranty_claim(mine))
    return {"status": ["filed"], "product": "MUG-BLUE"}


async def submit_survey(mine: NewShop) -> dict[str, Any]:
    order, customer = await delivered(mine)
    return {"order": order, "customer": customer.reference, "score": 4, "recommend": 9, "comment": "Quick and kind."}


async def satisfaction_report(mine: NewShop) -> dict[str, Any]:
    await _do(mine, "submit_survey", **await submit_survey(mine))
    return {}
