"""Where carriers report what happens to parcels: no session and no key, the address itself is the secret."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestrator.parcels import report
from orchestrator.surfaces.problems import problem_response
from orchestrator.surfaces.rest import read_json
from tools.contract.errors import ShopError
from tools.contract.files import PREFIX
from tools.contract.shop import Shop


def routes(shop: Shop) -> list[Route]:
    async def event(request: Request) -> Response:
        try:
            recorded = await report(shop, request.path_params["endpoint"], await read_json(request))
        except ShopError as refused:
            return problem_response(refused, request)
        return Response(recorded.model_dump_json(), 200, media_type="application/json")

    return [Route(f"{PREFIX}/shipments/events/{{endpoint}}", event, methods=["POST"])]
