"""Signing in and out of a browser session, and whether the process is well."""

import psycopg
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from db.session import Database, DatabaseBusy
from orchestrator.accounts import SIGNED_IN
from orchestrator.surfaces.identity import COOKIE, Identity, refuse_cross_site, visit_of
from orchestrator.surfaces.problems import problem_response
from orchestrator.surfaces.rest import PREFIX, read_json
from tools.contract.errors import Invalid, ShopError


class SignIn(BaseModel):
    """Who signs in, and to which shop."""

    model_config = ConfigDict(extra="forbid")

    email: str = Field(max_length=254, description="The person's e-mail address.")
    password: str = Field(max_length=1024, description="Their password.")
    merchant: str | None = Field(
        default=None, max_length=100, description="The shop's slug; by default the one used last."
    )


def signed_in(answer: Response, token: str, request: Request) -> Response:
    """The answer, with the session's cookie."""
    answer.set_cookie(
        COOKIE, token, max_age=int(SIGNED_IN.total_seconds()), httponly=True, samesite="lax",
        secure=request.url.scheme == "https",
    )  # fmt: skip
    return answer


def routes(identity: Identity, database: Database, version: str) -> list[Route]:
    async def sign_in(request: Request) -> Response:
        try:
            refuse_cross_site(request)
            form = SignIn.model_validate(await read_json(request))
            token = await identity.sign_in(form.email, form.password, form.merchant, visit_of(request))
        except ValidationError as invalid:
            return problem_response(Invalid.of(invalid, "session"), request)
        except ShopError as refused:
            return problem_response(refused, request)
        return signed_in(Response(status_code=204), token, request)

    async def sign_out(request: Request) -> Response:
        try:
            refuse_cross_site(request)
        except ShopError as refused:
            return problem_response(refused, request)
        if token := request.cookies.get(COOKIE):
            await identity.sign_out(token)
        answer = Response(status_code=204)
        answer.delete_cookie(COOKIE)
        return answer

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok", "name": "shopkeeper", "version": version})

    async def ready(_: Request) -> Response:
        try:
            async with database.connection() as connection:
                await connection.execute("select 1 from merchants limit 1")
        except (psycopg.Error, DatabaseBusy) as trouble:
            return JSONResponse({"status": "not ready", "reason": type(trouble).__name__}, 503)
        return JSONResponse({"status": "ready"})

    return [
        Route(f"{PREFIX}/session", sign_in, methods=["POST"]),
        Route(f"{PREFIX}/session", sign_out, methods=["DELETE"]),
        Route("/health", health),
        Route("/ready", ready),
    ]
