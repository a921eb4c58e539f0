"""What a model is offered: the likeliest tools that the actor may use, few where the index is sure, always in the same order.

`expand_scope` and `find_tools` are among them, so that a wrong guess costs one call and not the answer. How many are enough was
measured (`bench/recall.py`): of unseen phrasings of which the index is sure, the right tool is among the 4 or 5 that this rule
offers for 96.0 of 100 (of 8 for 98.7, at more tokens than a turn may cost); of the others, among 18 for 92.8.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from agents.chat_tool import ChatTool, Json, Usable, function
from agents.roster import AT_HAND
from agents.specialist import Specialist
from planner.choose.index import Entry, Ranked, Route
from planner.read.reader import Mention
from tools.contract.actors import Actor
from tools.contract.declare import Effect, Tool

MOST = 18  # beside the two that are always offered
FEW, LEAST = 4, 2  # where the index is sure of one room
NOT_SURE = 8  # at least, where it is not
SHARE = 4  # of each room where there are several
ENOUGH = 0.97  # of the probability; what is likelier than the rest is offered, though it is of another room
FOUND = 6  # tools that one search adds
EXPAND, FIND = "expand_scope", "find_tools"
SEARCH = "search_shop"  # offered beside the others where somebody or something is named in words
NAMED_IN_WORDS = frozenset(("customer", "person", "product", "category", "warehouse", "place", "tag"))


class Index(Protocol):
    """What is asked of the index: `planner.index.Index` is one."""

    def rank(self, text: str, *, among: Collection[str] | None = None, limit: int = 18) -> Sequence[Ranked]: ...
    def route(self, text: str) -> Route: ...
    def mentions(self, text: str) -> Sequence[Mention]: ...
    def names(self, text: str) -> bool: ...


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


AnyTool = Tool[Any, Any] | Usable


def _usable(tool: AnyTool) -> Usable:
    return ChatTool(tool) if isinstance(tool, Tool) else tool


class Catalogue:
    """Any specialists and their tools: the shop's own, each converted once, or others that the graph can use."""

    def __init__(
        self, scopes: Sequence[Specialist], tools: Mapping[str, AnyTool], index: Index, *, few: int = FEW
    ) -> None:
        self.few = few  # tools that are enough where this index is sure
        self.scopes = {scope.room: scope for scope in scopes}
        held = [(scope.room, name) for scope in scopes for name in scope.tools]
        self.tools = {name: _usable(tools[name]) for _, name in held if name in tools and not tools[name].for_people}
        self.room = {name: room for room, name in held}
        self.place = {name: place for place, (_, name) in enumerate(held)}
        self.index = index
        rooms = list(self.scopes)
        self._always = {reading: _always(rooms, reading) for reading in (False, True)}

    def permitted(self, actor: Actor, *, reading: bool, rooms: Collection[str] | None = None) -> list[str]:
        """What the actor may use, of these rooms or all, in the fixed order."""
        return [
            name
            for name, chat_tool in self.tools.items()
            if chat_tool.permission in actor.permissions
            and not (reading and chat_tool.writes)
            and (rooms is None or self.room[name] in rooms)
        ]

    def offer(
        self,
        text: str,
        rooms: Collection[str],
        actor: Actor,
        *,
        reading: bool,
        found: Sequence[str] = (),
        wide: bool = False,
        closed: bool = False,
    ) -> list[str]:
        """The tools to offer: those that were searched for, the likeliest of all rooms, then the rooms' own.

        Without a room, for a greeting, the few from which can be told what there is to do today.
        `wide`: the index is not sure, or those that were at hand did not do. `closed`: none of another room.
        """
        if not rooms:  # small talk
            greeting = [name for name in self.permitted(actor, reading=True) if name in AT_HAND]
            return sorted({*found, *greeting}, key=self.place.__getitem__)
        permitted = self.permitted(actor, reading=reading, rooms=rooms if closed else None)
        ranked = self.index.rank(text, among=permitted, limit=len(permitted))
        own = {room: [one.name for one in ranked if one.room == room] for room in rooms}
        shares = [name for names in own.values() for name in names[:SHARE]] if len(rooms) > 1 else []
        likely = list(likeliest(ranked))
        finders = [name for name in self._finders(likely[:1], text) if name in permitted]
        most, least = (MOST, NOT_SURE) if wide else (self.few + SHARE * (len(rooms) - 1), LEAST)
        names = [SEARCH] if SEARCH in permitted and self._names(text) else []
        chosen = list(dict.fromkeys([*found, *names, *finders, *shares, *likely]))[: min(most + len(names), MOST)]
        others = [name for names in own.values() for name in names if name not in chosen]
        return sorted([*chosen, *others[: max(0, least - len(chosen))]], key=self.place.__getitem__)

    def _names(self, text: str) -> bool:
        return any(one.kind in NAMED_IN_WORDS for one in self.index.mentions(text)) or self.index.names(text)

    def _finders(self, names: Sequence[str], text: str) -> list[str]:
        """The readers that find what these tools have to be given and the text does not name: orders for an order."""
        fields = [self.tools[name].schema["properties"][field] for name in names for field in self._required(name)]
        return [
            f"list_{field['x-reference']}s"
            for field in fields
            if "x-reference" in field and not re.search(rf"\b{field['x-prefix']}-?\d", text, re.IGNORECASE)
        ]

    def _required(self, name: str) -> list[str]:
        return self.tools[name].schema.get("required", [])

    def find(self, text: str, actor: Actor, *, reading: bool) -> list[str]:
        """The tools, of all rooms, that a wish asks for."""
        permitted = self.permitted(actor, reading=reading)
        return [ranked.name for ranked in self.index.rank(text, among=permitted, limit=FOUND)]

    def chance_of_writing(self, text: str, actor: Actor) -> float:
        """How likely the index holds it, 0 to 1, that the wish asks for a change that the actor may make."""
        permitted = self.permitted(actor, reading=False)
        writers = {name for name in permitted if self.tools[name].writes}
        if not writers:
            return 0.0
        return sum(r.score for r in self.index.rank(text, among=permitted, limit=len(permitted)) if r.name in writers)

    def functions(self, offered: Sequence[str], *, reading: bool) -> list[Json]:
        """The offer as models are told of it."""
        return [*self._always[reading], *(self.tools[name].function for name in offered)]


def likeliest(ranked: Sequence[Ranked]) -> Iterator[str]:
    """The first tools that together have enough of the probability that these have."""
    whole, so_far = sum(one.score for one in ranked), 0.0
    for one in ranked:
        if so_far >= ENOUGH * whole:
            return
        so_far += one.score
        yield one.name


def _always(rooms: list[str], reading: bool) -> list[Json]:
    change: Json = {"type": "boolean", "description": "To change something"}
    more = {"change": change} if reading else {}
    wanted = {"type": "array", "items": {"type": "string", "enum": rooms}}
    wish = {"type": "string", "description": "What it has to do"}
    return [
        function(
            EXPAND,
            "Get the tools of further rooms.",
            {"type": "object", "properties": {"rooms": wanted, **more}, "required": ["rooms"]},
        ),
        function(
            FIND,
            "Search all tools for one that can do it.",
            {"type": "object", "properties": {"wish": wish, **more}, "required": ["wish"]},
        ),
    ]
