"""One route for each path, with all its methods: a wrong method is then told all the right ones."""

from collections.abc import Awaitable, Callable, Iterable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Endpoint = Callable[[Request], Awaitable[Response]]


def joined(routes: Iterable[Route]) -> list[Route]:
    """The same endpoints, by path; literal segments win over parameters, so they come first."""
    paths: dict[str, dict[str, Endpoint]] = {}
    for route in routes:
        paths.setdefault(route.path, {}).update(dict.fromkeys(route.methods or (), route.endpoint))
    ordered = sorted(paths, key=_parameters)
    return [Route(path, _by_method(paths[path]), methods=list(paths[path])) for path in ordered]


def _parameters(path: str) -> list[bool]:
    return [segment.startswith("{") for segment in path.split("/")]


def _by_method(endpoints: dict[str, Endpoint]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return await endpoints[request.method](request)

    return endpoint
