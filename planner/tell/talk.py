"""What is said when nothing was asked that a tool is for: greetings and help, out of the shop's state, and plain admissions."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from planner.choose.decide import FAINT
from planner.choose.decisions import Decline, Desk
from planner.choose.index import BEYOND, HELP, SMALL_TALK, Entry
from planner.converse.memory import Result
from planner.read.fields import Kind
from planner.read.language import to_english
from planner.read.words import content, stem
from planner.tell import lists, things
from planner.tell.answer import problem
from planner.tell.columns import Row
from planner.tell.unopened import not_open, room_name, rooms
from planner.tell.voice import ENGLISH, Voice, words

GREETING = re.compile(
    r"\b(?:hi|hello|hey|good (?:morning|evening|afternoon)|bonjour|bonsoir|salut|hallo|guten (?:tag|morgen|abend)|moin)\b",
    re.I,
)
THANKS = re.compile(r"\b(?:thanks?|thank you|merci|danke|great|perfect|nice|good job|cheers)\b", re.I)
FAREWELL = re.compile(
    r"\b(?:bye|goodbye|see you|good night|have a (?:good|nice)|au revoir|tschüss|auf wiedersehen)\b", re.I
)
QUOTED = re.compile(r"['\"“‘«].+?['\"”’»](?!\w)")  # somebody else's words
IDENTITY = re.compile(r"\b(?:you|your)\b", re.I)
MOST = 3  # suggestions
ASKS = {
    "to_ship": "list_orders",
    "run_low": "low_stock_products",
    "sales": "sales_report",
    "unpaid": "list_orders",
    "approvals": "list_approvals",
}
CHAT = 10  # words at most of thanks or a farewell; more tell something else
CHOICES = 2  # readings offered of a request that was not understood
# The quick reads that a greeting and a call for help are answered from.
OPENING: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("list_approvals", {"status": "pending", "count": True}),
    ("order_kpis", {}),
    ("low_stock_products", {"count": True}),
)


def opening(decline: Decline, desk: Desk) -> tuple[str, list[tuple[str, Mapping[str, Any]]]]:
    """The frame of an answer that suggests what could be asked today, and the calls that it needs; ("", none) for others."""
    greets = decline.why == SMALL_TALK and GREETING.search(decline.said) and not THANKS.search(decline.said)
    frame = "help" if decline.why == HELP else "hello" if greets else ""
    return frame, [(name, args) for name, args in OPENING if name in desk.offered] if frame else []


def opened(frame: str, results: Sequence[Result], desk: Desk) -> str:
    """A greeting or help, with up to three things to ask for, each with the reason that the shop's state gives."""
    voice = Voice.of(desk.talk)
    whole: dict[str, Any] = {result.call.tool: result.value for result in results if problem(result.value) is None}
    found: dict[str, Row] = {name: value for name, value in whole.items() if isinstance(value, dict)}
    lines = [
        voice.say("suggested", why=why, ask=words()["suggestions"][ask][voice.language])
        for ask, why in _live(found, voice)
    ]
    lines += _examples(desk, voice)[: MOST - len(lines)]
    if not lines:
        return f"{voice.say(frame)} {voice.say('nothing_open')}"
    return "\n".join([f"{voice.say(frame)} {voice.say('now')}\n", *(f"- {line}" for line in lines[:MOST])])


def _live(found: Mapping[str, Row], voice: Voice) -> list[tuple[str, str]]:
    """What the state of the shop makes worth asking, the most pressing first: which question, and why."""
    live: list[tuple[str, str]] = []
    approvals, low, kpis = found.get("list_approvals", {}), found.get("low_stock_products", {}), found.get("order_kpis")
    if rows := cast(Sequence[Row], approvals.get("data") or ()):
        waiting = {
            "rows": _counted(rows, approvals, "list_approvals", voice),
            "are": voice.say("is" if len(rows) == 1 else "are"),
        }
        live.append(
            ("approvals", voice.say("rows_are", **waiting, states=voice.word("pending", tool="list_approvals"))[:-1])
        )
    counts: Row = kpis["open_orders"] if kpis else {}
    if counts.get("to_ship"):
        live.append(("to_ship", voice.say("to_ship", orders=voice.counted(int(counts["to_ship"]), "list_orders"))))
    if rows := cast(Sequence[Row], low.get("data") or ()):
        one = len(rows) == 1 and not low.get("has_more")
        live.append(
            (
                "run_low",
                voice.say("runs_low" if one else "run_low", rows=_counted(rows, low, "low_stock_products", voice))[:-1],
            )
        )
    if counts.get("pending"):
        live.append(("unpaid", voice.say("pending", orders=voice.counted(int(counts["pending"]), "list_orders"))))
    if kpis:
        week = things.window(cast(Sequence[Row], kpis["windows"])[1], voice)
        live.insert(2, ("sales", week.rstrip(".")))
    return live


def _counted(rows: Sequence[Row], page: Row, tool: str, voice: Voice) -> str:
    count, more = lists.matching(page) or (len(rows), bool(page.get("has_more")))
    return voice.counted(count, tool, more=more)


def choices(decline: Decline, desk: Desk) -> list[dict[str, str]]:
    """The likeliest things to look up of a request that was not understood. A change is never among them."""
    if decline.why != "unclear" or not decline.said:
        return []
    readers = [name for name in desk.offered if not desk.index.tools[name].entry.writes]
    ranked = [one.name for one in desk.index.rank(decline.said, among=readers, limit=CHOICES) if one.score > FAINT]
    said, voice = {stem(word) for word in content(to_english(decline.said))}, Voice.of(desk.talk)
    return [
        {"tool": name, "text": decline.said, "label": _label(desk.index.tools[name].entry, voice)}
        for name in ranked
        if said & _named_by(desk.index.tools[name].entry)
    ]


def _named_by(entry: Entry) -> set[str]:
    """The words of an operation's own name and summary: a reading that shares none with the request would be absurd."""
    return {stem(word) for word in content(f"{entry.name.replace('_', ' ')} {entry.summary}")}


def _label(entry: Entry, voice: Voice) -> str:
    return entry.summary.rstrip(".") if voice.language == ENGLISH else voice.title(entry.name)


def declined(decline: Decline, desk: Desk) -> str:
    """The answer to a request for which there is no call."""
    voice = Voice.of(desk.talk)
    match decline.why:
        case "left" | "fine" as why:
            return voice.say("welcome" if why == "fine" and THANKS.search(decline.said) else why)
        case "forbidden":
            return voice.say("forbidden", said=decline.said)
        case "pointing" if not _tells_much(desk):
            return voice.say("which_one")
        case "not_narrowed":
            return (
                f"{voice.say('not_narrowed', said=decline.said)} {_narrowed_by(decline.operation, desk, voice)}".strip()
            )
        case "not_carried":
            return voice.say("not_carried", said=decline.said, what=voice.title(decline.operation))
        case "nothing_open":
            return voice.say("nothing_open_to_agree")
        case "planned" | "people":
            return closed(decline, voice)
        case "elsewhere" if decline.room in rooms() and decline.room not in _open_rooms(desk):
            return not_open("", decline.room, voice.language)
        case "elsewhere":
            return voice.say("elsewhere", room=room_name(decline.room, voice.language))
        case why if why == SMALL_TALK:
            return _small_talk(decline.said, desk, voice)
        case why if why == BEYOND:
            return _with_examples(voice.say("beyond"), desk, voice)
        case _:
            return hint(desk)


def _tells_much(desk: Desk) -> bool:
    """Whether what opens a conversation is long: then it is not understood, and lacks no number of what it is about."""
    return len(desk.talk.request.split()) > CHAT and desk.talk.begins


def _narrowed_by(operation: str, desk: Desk, voice: Voice) -> str:
    """What a list or report can be narrowed by."""
    kinds = (Kind.choice, Kind.city, Kind.country, Kind.reference, Kind.money, Kind.period_start)
    fields = [field for field in desk.index.tools[operation].fields if field.kind in kinds]
    named = [voice.label("period" if field.kind is Kind.period_start else field.name) for field in fields]
    return voice.say("narrows_by", fields=", ".join(named)) if named else ""


def closed(decline: Decline, voice: Voice) -> str:
    """Why what was asked for is not done here, though it is known, and what can be done meanwhile."""
    if decline.why == "planned":
        return not_open(decline.operation, decline.room, voice.language)
    return voice.say("people", what=decline.operation.replace("_", " ").capitalize())


def hint(desk: Desk) -> str:
    """ "I did not understand", with requests that would be understood."""
    voice = Voice.of(desk.talk)
    return _with_examples(voice.say("unclear"), desk, voice)


def _small_talk(said: str, desk: Desk, voice: Voice) -> str:
    said = QUOTED.sub(" ", said)
    if len(said.split()) > CHAT:
        return hint(desk)
    if FAREWELL.search(said):
        return voice.say("goodbye")
    if THANKS.search(said):
        return voice.say("welcome")
    if IDENTITY.search(said):
        return _with_examples(voice.say("identity"), desk, voice)
    return hint(desk)


def _open_rooms(desk: Desk) -> set[str]:
    return {tool.entry.room for tool in desk.index.tools.values()}


def _with_examples(lead: str, desk: Desk, voice: Voice) -> str:
    examples = _examples(desk, voice)[:MOST]
    return "\n".join([f"{lead} {voice.say('now')}\n", *(f"- {example}" for example in examples)]) if examples else lead


def _examples(desk: Desk, voice: Voice) -> list[str]:
    """What could be asked: the questions that greetings suggest, of those whose reader is on offer."""
    asks = words()["suggestions"]
    return [str(asks[name][voice.language]) for name, tool in ASKS.items() if tool in desk.offered]
