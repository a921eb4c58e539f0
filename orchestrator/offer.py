"""What a model is offered: the tools of the rooms in scope that the actor may use, at most twenty, always in the same order.

`expand_scope` and `find_tools` are among them, so that a wrong route costs one call and not the answer.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

from agents.chat_tool import ChatTool, Json, function
from agents.specialist import Specialist
from planner.index import Entry, Ranked, Route
from tools.contract.actors import Actor
from tools.contract.declare import Effect, Tool

MOST = 18  # beside the two that are always offered
FOUND = 6  # tools that one search adds
EXPAND, FIND = "expand_scope", "find_tools"


class Index(Protocol):
    """What is asked of the index: `planner.index.Index` is one."""

    def rank(self, text: str, *, among: Collection[str] | None = None, limit: int = 18) -> Sequence[Ranked]: ...
    def route(self, text: str) -> Route: ...


def entries(tools: Iterable[Tool[Any, Any]], phrasings: Mapping[str, Sequence[str]]) -> list[Entry]:
    """The tools as the index is built from; those for people only are no model's business."""
    return [
        Entry(
            name=tool.name,
            room=tool.room,
            summary=tool.summary,
            description=tool.description,
            writes=tool.writes and tool.effect is not Effect.record,
            schema=tool.schema,
            examples=[*tool.examples, *phrasings.get(tool.name, ())],
        )
        for tool in tools
        if not tool.for_people
    ]


class Catalogue:
    """The specialists and their tools, each tool converted once."""

    def __init__(self, scopes: Sequence[Specialist], tools: Mapping[str, Tool[Any, Any]], index: Index) -> None:
        self.scopes = {scope.room: scope for scope in scopes}
        held = [(scope.room, name) for scope in scopes for name in scope.tools]
        self.tools = {name: ChatTool(tools[name]) for _, name in held if name in tools and not tools[name].for_people}
        self.room = {name: room for room, name in held}
        self.place = {name: place for place, (_, name) in enumerate(held)}
        self.index = index
        rooms = list(self.scopes)
        self._always = {reading: _always(self.scopes.values(), rooms, reading) for reading in (False, True)}

    def permitted(self, actor: Actor, *, reading: bool, rooms: Collection[str] | None = None) -> list[str]:
        """What the actor may use, of these rooms or all, in the fixed order."""
        return [
            name
            for name, chat_tool in self.tools.items()
            if chat_tool.tool.permission in actor.permissions
            and not (reading and chat_tool.tool.writes)
            and (rooms is None or self.room[name] in rooms)
        ]

    def offer(
        self, text: str, rooms: Collection[str], actor: Actor, *, reading: bool, found: Sequence[str] = ()
    ) -> list[str]:
        """The tools to offer: those that were searched for, then the likeliest of the rooms'."""
        permitted = self.permitted(actor, reading=reading, rooms=rooms)
        room_left = MOST - len(found)
        if len(permitted) > room_left:
            permitted = [ranked.name for ranked in self.index.rank(text, among=permitted, limit=room_left)]
        return sorted({*found, *permitted}, key=self.place.__getitem__)[:MOST]

    def find(self, text: str, actor: Actor, *, reading: bool) -> list[str]:
        """The tools, of all rooms, that a wish asks for."""
        permitted = self.permitted(actor, reading=reading)
        return [ranked.name for ranked in self.index.rank(text, among=permitted, limit=FOUND)]

    def chance_of_writing(self, text: str, actor: Actor) -> float:
        """How likely the index holds it, 0 to 1, that the wish asks for a change that the actor may make."""
        permitted = self.permitted(actor, reading=False)
        writers = {name for name in permitted if self.tools[name].tool.writes}
        if not writers:
            return 0.0
        return sum(r.score for r in self.index.rank(text, among=permitted, limit=len(permitted)) if r.name in writers)

    def functions(self, offered: Sequence[str], *, reading: bool) -> list[Json]:
        """The offer as models are told of it."""
        return [*self._always[reading], *(self.tools[name].function for name in offered)]


def _always(scopes: Iterable[Specialist], rooms: list[str], reading: bool) -> list[Json]:
    handles = " ".join(f"{scope.room}: {scope.handles}" for scope in scopes)
    change: Json = {
        "type": "boolean",
        "description": "True when something has to be changed; only readers are at hand.",
    }
    more = {"change": change} if reading else {}
    wanted = {"type": "array", "items": {"type": "string", "enum": rooms}, "description": f"The rooms. {handles}"}
    wish = {"type": "string", "description": "What the tool has to do, such as: move stock between warehouses."}
    return [
        function(
            EXPAND,
            "Get the tools of further rooms when those at hand cannot do it.",
            {"type": "object", "properties": {"rooms": wanted, **more}, "required": ["rooms"]},
        ),
        function(
            FIND,
            "Search all tools for what those at hand cannot do.",
            {"type": "object", "properties": {"wish": wish, **more}, "required": ["wish"]},
        ),
    ]
