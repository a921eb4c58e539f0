"""What comes signed to an address that names a shop and who tells: `/…/<shop>.<name>`."""

import logging
import uuid
from collections.abc import Callable, Mapping
from typing import TypeVar

from starlette.requests import Request

from connectors import NotOurs
from orchestrator.surfaces.rest import read_body
from tools.contract.errors import NotFound, Unauthenticated

_log = logging.getLogger(__name__)
Teller = TypeVar("Teller")
Told = TypeVar("Told")


def told_by(request: Request, known: Callable[[uuid.UUID], Mapping[str, Teller]]) -> tuple[uuid.UUID, str, Teller]:
    """The shop, the name, and who has it there. Raises `NotFound`."""
    shop, _, name = str(request.path_params["endpoint"]).rpartition(".")
    try:
        merchant = uuid.UUID(shop)
        return merchant, name, known(merchant)[name]
    except (ValueError, KeyError):
        raise NotFound("Nobody tells anything at this address.") from None


async def event_of(request: Request, name: str, read: Callable[[bytes], Told], hint: str) -> Told:
    """The event in the body, its signature checked by `read`. Raises `TooLarge` or `Unauthenticated`."""
    body = await read_body(request)
    try:
        return read(body)
    except NotOurs as refused:
        _log.warning("an event for %s was refused: %s", name, refused)
        raise Unauthenticated(str(refused), hint=hint) from None
