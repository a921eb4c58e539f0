"""Where payment providers tell what happened: signed, at an address that names the shop and the provider."""

import logging
import uuid

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.payments import NotOurs
from orchestrator.outside import Outside
from orchestrator.surfaces.problems import problem_response
from orchestrator.surfaces.rest import LARGEST_BODY, TooLarge
from tools.contract.errors import NotFound, ShopError, Unauthenticated
from tools.contract.files import PREFIX

_log = logging.getLogger(__name__)
SIGNATURES = ("stripe-signature", "shopkeeper-signature")
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
    shop, _, name = str(request.path_params["endpoint"]).rpartition(".")
    try:
        merchant = uuid.UUID(shop)
        provider = outside.providers(merchant)[name]
    except (ValueError, KeyError):
        raise NotFound("Nobody tells anything at this address.") from None
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise TooLarge(f"The body has more than {LARGEST_BODY:,} bytes.")
    try:
        told = provider.read_event(body, signature, outside.shop.clock())
    except NotOurs as refused:
        _log.warning("an event for %s was refused: %s", name, refused)
        raise Unauthenticated(
            str(refused), hint="Events are signed with the endpoint's secret, within five minutes."
        ) from None
    received = await outside.receive(merchant, name, told)
    return Response(orjson.dumps({"event": received.event, "became": received.became}), media_type="application/json")
