"""Where carriers report what happens to parcels: the address itself is the secret, or the body is signed by a connector."""

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestrator.carriage import Carriers
from orchestrator.parcels import report
from orchestrator.surfaces.problems import problem_response
from orchestrator.surfaces.rest import read_json
from orchestrator.surfaces.signed import event_of, told_by
from tools.contract.errors import ShopError
from tools.contract.files import PREFIX
from tools.contract.shop import Shop

SIGNATURE = "x-hmac-signature"
UNSIGNED = "Events are signed with the webhook's secret."


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
    merchant, name, carrier = told_by(request, carriers.carriers)
    signature = request.headers[SIGNATURE]
    told = await event_of(request, name, lambda body: carrier.read_event(body, signature), UNSIGNED)
    recorded = await carriers.receive(merchant, name, told)
    return Response(orjson.dumps({"event": told.id, "recorded": recorded}), media_type="application/json")
