"""Talking to the shop: conversations, messages and the events of their turns, in process or over HTTP."""

import asyncio
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from orchestrator.settings import Settings
from orchestrator.surfaces.cli import logs
from orchestrator.surfaces.cli.answers import Client, Refused
from orchestrator.surfaces.cli.calls import Local, Progress

if TYPE_CHECKING:
    from orchestrator.services import Services
    from orchestrator.surfaces.cli.remote import Remote

TRIES = 6  # to reach a server again that broke off


class Event(NamedTuple):
    """Something that a turn told. `id` is where to resume."""

    id: str
    kind: str
    data: dict[str, Any]


class Talk(Protocol):
    """A shop that can be talked to; `client` calls its operations, the decision about a card among them."""

    @property
    def client(self) -> Client: ...

    async def start(self) -> str:
        """A new conversation; its reference."""
        ...

    async def say(self, conversation: str, text: str) -> str:
        """Post a message; the turn that answers it. Raises `Refused`."""
        ...

    def events(self, conversation: str, turn: str) -> AsyncGenerator[Event]:
        """What the turn tells, to its end."""
        ...


@asynccontextmanager
async def talking(settings: Settings, progress: Progress) -> AsyncGenerator[Talk]:
    """The server that SHOPKEEPER_URL names, or the whole house in this process, as the shop's owner."""
    if settings.server_url:
        from orchestrator.surfaces.cli.remote import Remote

        async with Remote.at(settings) as remote:
            yield TalkOverHttp(remote)
        return
    from orchestrator import app as house
    from orchestrator import installation

    credentials = installation.read_credentials(settings)
    with logs.kept(settings), installation.database(settings, progress) as urls:
        progress("Waking the assistants")
        async with house.services(settings, urls) as parts:
            yield TalkHere(parts, Local(parts.shop, parts.settings, credentials.merchant, credentials.user))


class TalkHere:
    """Conversations of this process."""

    def __init__(self, parts: "Services", client: Local) -> None:
        self.chat = parts.chat
        self.client = client

    async def start(self) -> str:
        return (await self.chat.start_conversation(self.client.caller)).reference

    async def say(self, conversation: str, text: str) -> str:
        from tools.contract.errors import ShopError

        try:
            return str((await self.chat.post_message(self.client.caller, conversation, text, str(uuid.uuid4()))).id)
        except ShopError as refused:
            raise Refused(refused.status, refused.problem()) from None

    async def events(self, conversation: str, turn: str) -> AsyncGenerator[Event]:
        stream = self.chat.events(self.client.caller, conversation, turn=uuid.UUID(turn))
        async with aclosing(stream):
            async for event in stream:
                if event is not None:
                    yield Event(event.id, event.kind, event.data | {"turn": turn})


class TalkOverHttp:
    """Conversations of a server."""

    def __init__(self, remote: "Remote") -> None:
        self.client = remote

    async def start(self) -> str:
        return str((await self.client.post("/conversations", {}))["conversation"])

    async def say(self, conversation: str, text: str) -> str:
        return str((await self.client.post(f"/conversations/{conversation}/messages", {"text": text}))["turn"])

    async def events(self, conversation: str, turn: str) -> AsyncGenerator[Event]:
        """A connection that breaks off is taken up where it was."""
        import httpx

        last, failures = "", 0
        while True:
            try:
                async for id_, kind, data in self.client.follow(f"/conversations/{conversation}/events", turn, last):
                    yield Event(id_, kind, data)
                    last, failures = id_, 0
                    if kind == "run.finished":
                        return
            except httpx.TransportError:
                if failures == TRIES:
                    raise
            failures += 1
            await asyncio.sleep(0.25 * failures)
