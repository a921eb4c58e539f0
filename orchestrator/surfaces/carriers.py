"""Where carriers report what happens to parcels: the address itself is the secret, or the body is signed by a connector."""

import logging
import uuid

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.carriers import NotOurs
from orchestrator.carriage import Carriers
from orchestrator.parcels import report
from orchestrator.surfaces.problems import problem_response
from orchestrator.surfaces.rest import LARGEST_BODY, TooLarge, read_json
from tools.contract.errors import NotFound, ShopError, Unauthenticated
from tools.contract.files import PREFIX
from tools.contract.shop import Shop

_log = logging.getLogger(__name__)
SIGNATURE = "x-hmac-signature"


def routes(shop: Shop, carriers: Carriers) -> list[Route]:
    async def event(request: Request) -> Response:
        try:
            if SIGNATURE in request.headers:
                return await _signed(carriers, request)
            recorded = await report(shop, request.path_params["endpoint"], await read_json(request))
        except ShopError as refused:
            return problem_response(refused, request)
        return Response(recorded.model_dump_json(), 200, media_type="application/json")

    return [Route(f"{PREFIX}/shipments/events/{{endpoint}}", event, methods=["POST"])]


async def _signed(carriers: Carriers, request: Request) -> Response:
    """The shop and the connector stand in the address."""
    shop, _, name = str(request.path_params["endpoint"]).rpartition(".")
    try:
        merchant = uuid.UUID(shop)
        carrier = carriers.carriers(merchant)[name]
    except (ValueError, KeyError):
        raise NotFound(
            "Nobody tells anything at this address.", hint="get_carrier shows the address of events."
        ) from None
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise TooLarge(f"The body has more than {LARGEST_BODY:,} bytes.")
    try:
        told = carrier.read_event(body, request.headers[SIGNATURE])
    except NotOurs as refused:
        _log.warning("an event for %s was refused: %s", name, refused)
        raise Unauthenticated(str(refused), hint="Events are signed with the webhook's secret.") from None
    recorded = await carriers.receive(merchant, name, told)
    return Response(orjson.dumps({"event": told.id, "recorded": recorded}), media_type="application/json")
