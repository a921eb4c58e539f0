"""Errors on the wire: RFC 9457 problems with the shop's code, message, hint and details."""

import logging
from typing import Any

import orjson
import psycopg
from starlette.requests import Request
from starlette.responses import Response

from tools.contract.errors import DATABASE_ERRORS, Busy, ShopError, of_database

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger(__name__)


class InternalError(ShopError):
    """The request failed because of a fault in Shopkeeper."""

    status = 500
    retryable = True


def problem_response(error: ShopError, request: Request) -> Response:
    """The answer for a rule that was not kept."""
    body = problem_of(error, request)
    headers = {"Retry-After": str(error.details["retry_after"])} if "retry_after" in error.details else {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(orjson.dumps(body, default=str), error.status, headers, MEDIA_TYPE)


def problem_of(error: ShopError, request: Request) -> dict[str, Any]:
    told = error.problem()
    return {
        "type": f"urn:shopkeeper:problem:{error.code()}",
        "title": (type(error).__doc__ or "").partition("\n")[0],
        "status": error.status,
        "detail": told.pop("message"),
        "instance": request.url.path,
        "request_id": request.state.request_id,
        **told,
    }


def database_response(request: Request, failed: Exception) -> Response:
    """What the database refused, or that it does not answer: then the same key tells later whether a commit came through."""
    refused = _of_database(request, failed)
    return problem_response(refused, request) if refused else crash_response(request, failed)


def fault_of(request: Request, failed: Exception) -> ShopError:
    """What the database refused, or a bug of ours, as an error that any door can tell."""
    refused = _of_database(request, failed) if isinstance(failed, DATABASE_ERRORS) else None
    if refused is None:
        _log.error("request %s failed", request.state.request_id, exc_info=failed)
    return refused or InternalError(f"Something went wrong on our side; report the request {request.state.request_id}.")


def _of_database(request: Request, failed: Exception) -> ShopError | None:
    refused = of_database(failed)
    if refused is None and isinstance(failed, psycopg.OperationalError):
        _log.warning("request %s: %s", request.state.request_id, failed)
        refused = Busy("The database does not answer at the moment.", retry_after=2)
    return refused


def crash_response(request: Request, crash: Exception) -> Response:
    """A bug of ours: logged with its request's id, told without its innards."""
    _log.error("request %s failed", request.state.request_id, exc_info=crash)
    body = {
        "type": "about:blank",
        "title": "Something went wrong on our side.",
        "status": 500,
        "detail": "The request failed because of a fault in Shopkeeper; nothing of it was kept.",
        "code": "InternalError",
        "hint": "Try again; if it persists, report the request_id.",
        "retryable": True,
        "instance": request.url.path,
        "request_id": request.state.request_id,
    }
    return Response(orjson.dumps(body), 500, media_type=MEDIA_TYPE)
