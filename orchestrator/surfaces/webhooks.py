"""Where payment providers tell what happened: signed, at an address that names the shop and the provider."""

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestrator.outside import Outside
from orchestrator.surfaces.problems import problem_response
from orchestrator.surfaces.signed import event_of, told_by
from tools.contract.errors import ShopError
from tools.contract.files import PREFIX

SIGNATURES = ("stripe-signature", "shopkeeper-signature")
UNSIGNED = "Events are signed with the endpoint's secret, within five minutes."
PATH = f"{PREFIX}/payments/events/{{endpoint}}"


def with_webhooks(routes: list[Route], outside: Outside) -> list[Route]:
    """The same routes; what comes signed to the address of events is a provider's, anything else a person's as ever."""
    by_hand = next(route for route in routes if route.path == PATH)

    async def endpoint(request: Request) -> Response:
        signature = next((request.headers[name] for name in SIGNATURES if name in request.headers), None)
        if signature is None:
            return await by_hand.endpoint(request)
        try:
            return await _received(outside, request, signature)
        except ShopError as refused:
            return problem_response(refused, request)

    return [*(route for route in routes if route is not by_hand), Route(PATH, endpoint, methods=["POST"])]


async def _received(outside: Outside, request: Request, signature: str) -> Response:
    merchant, name, provider = told_by(request, outside.providers)
    told = await event_of(
        request, name, lambda body: provider.read_event(body, signature, outside.shop.clock()), UNSIGNED
    )
    received = await outside.receive(merchant, name, told)
    return Response(orjson.dumps({"event": received.event, "became": received.became}), media_type="application/json")
