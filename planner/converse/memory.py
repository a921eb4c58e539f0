"""What a conversation holds for the planner: the setting, the request, what was asked and shown before."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from planner.converse import results
from planner.read.reading import Setting
from planner.read.spoken import ENGLISH, language_of

TODAY = re.compile(r"Today is (\d{4}-\d\d-\d\d) \(\w+\), (\d\d:\d\d) in ([\w/+-]+)\. Currency ([A-Z]{3})\.")
UNTRUSTED = re.compile(r"<untrusted\b[^>]*>(.*?)(?:</untrusted>|\Z)", re.S | re.I)


@dataclass(frozen=True)
class Call:
    """A tool that was called, with its arguments."""

    tool: str
    args: Mapping[str, Any]


@dataclass(frozen=True)
class Deed:
    """A change that was put to the person: what became of it, "done", "refused" by the person or "failed"."""

    call: Call
    became: str


@dataclass(frozen=True)
class Result:
    """A call, what it returned (parsed), and whether the planner made it only to find something out."""

    call: Call
    value: Any
    aside: bool


@dataclass(frozen=True)
class Conversation:
    """The messages, taken apart around the last thing that the person said."""

    setting: Setting
    request: str  # the last human message, without untrusted spans
    earlier: Sequence[BaseMessage]
    since: Sequence[BaseMessage]

    @classmethod
    def of(cls, messages: Sequence[BaseMessage]) -> "Conversation":
        last = max((n for n, message in enumerate(messages) if isinstance(message, HumanMessage)), default=-1)
        request = "" if last < 0 else UNTRUSTED.sub(" ", text_of(messages[last])).strip()
        return cls(_setting(messages), request, messages[: max(last, 0)], messages[last + 1 :])

    @property
    def language(self) -> str:
        """That of the request, or of what was said before it where it shows none: "MUG-BLUE"."""
        said = [self.request, *(text_of(m) for m in reversed(self.earlier) if isinstance(m, HumanMessage))]
        return next(filter(None, map(language_of, said)), ENGLISH)

    @property
    def pending(self) -> dict[str, Any] | None:
        """The question that the assistant asked last, with what it already knew."""
        answers = [message for message in self.earlier if isinstance(message, AIMessage)]
        return _kept(answers[-1], "pending") if answers else None

    @property
    def plan(self) -> dict[str, Any] | None:
        """What the planner still meant to do when it called its last tools."""
        calls = [message for message in self.since if isinstance(message, AIMessage) and message.tool_calls]
        return _kept(calls[-1], "plan") if calls else None

    def results(self) -> list[Result]:
        """Every result since the request, in order."""
        found: list[Result] = []
        known: dict[str, tuple[Call, bool]] = {}
        for message in self.since:
            if isinstance(message, AIMessage):
                aside = bool((_kept(message, "plan") or {}).get("awaiting"))
                known |= {str(call["id"]): (Call(call["name"], call["args"]), aside) for call in message.tool_calls}
            elif isinstance(message, ToolMessage) and message.tool_call_id in known:
                call, aside = known[message.tool_call_id]
                text = text_of(message)
                value = parsed(text)
                failed = message.status == "error" and not isinstance(value, dict)
                found.append(Result(call, {"error": {"message": text}} if failed else value, aside))
        return found

    def kept(self) -> Iterator[dict[str, Any]]:
        """What the planner kept with each earlier answer, the latest first."""
        for message in reversed(self.earlier):
            if isinstance(message, AIMessage) and not message.tool_calls:
                yield cast(dict[str, Any], message.additional_kwargs)

    @property
    def begins(self) -> bool:
        """Whether nothing was answered yet."""
        return not any(True for _ in self.kept())

    def did(self) -> Iterator[dict[str, Any]]:
        """What each earlier answer did and showed, the latest first."""
        for kept in self.kept():
            yield cast(dict[str, Any], kept.get("did") or {})

    def deeds(self) -> tuple[list[Deed], bool]:
        """The changes that the latest answer put to the person which put any, and whether that was the very last answer."""
        for nth, did in enumerate(self.did()):
            put = cast(list[dict[str, Any]], did.get("put") or [])
            if put:
                return [Deed(Call(one["tool"], one["args"]), one["became"]) for one in put], nth == 0
        return [], False

    def last_call(self) -> Call | None:
        """The last tool that an earlier turn called for the person's sake."""
        for message in reversed(self.earlier):
            if isinstance(message, AIMessage):
                did = cast(list[dict[str, Any]], (_kept(message, "did") or {}).get("calls", []))
                if did:
                    return Call(did[-1]["tool"], did[-1]["args"])
                plan = _kept(message, "plan") or {}
                if message.tool_calls and not (plan.get("awaiting") or plan.get("opening")):
                    return Call(message.tool_calls[-1]["name"], message.tool_calls[-1]["args"])
        return None

    def before(self) -> str:
        """The operation that the latest answer was about that was about any: a change, a look-up, or what it asked about."""
        for kept in self.kept():
            did, pending = cast(dict[str, Any], kept.get("did") or {}), cast(dict[str, Any], kept.get("pending") or {})
            for calls in (did.get("put"), [pending], pending.get("steps"), did.get("calls")):
                tools = [str(call["tool"]) for call in cast(list[dict[str, Any]], calls or []) if call.get("tool")]
                if tools:
                    return tools[-1]
        last = self.last_call()
        return last.tool if last else ""

    def mentioned(self, *prefixes: str) -> list[str]:
        """The references with one of these prefixes in the latest message that has any: "it" can only be one of them."""
        known = "|".join(re.escape(prefix) for prefix in prefixes if prefix)
        if not known:
            return []
        for message in reversed(self.earlier):
            if isinstance(message, HumanMessage | AIMessage):
                text = _own_words(message)
                found = re.findall(rf"\b(?:{known})-\d+\b", text, re.I)
                if found:
                    return list(dict.fromkeys(reference.upper() for reference in found))
        return []


def _own_words(message: HumanMessage | AIMessage) -> str:
    """What a person said, without what they quoted; of an answer the calls alone: its text may name examples."""
    if isinstance(message, HumanMessage):
        return UNTRUSTED.sub(" ", text_of(message))
    return json.dumps([call["args"] for call in message.tool_calls])


def text_of(message: BaseMessage) -> str:
    """The text of a message, whichever form its content has."""
    return str(message.text)


def parsed(content: str) -> Any:
    """A tool's result as data, without the marks around what outsiders wrote; a text of another form stays text."""
    for form in (json.loads, results.read):
        try:
            return unmarked(form(content))
        except ValueError:
            continue
    return unmarked(content).strip()


def unmarked(value: Any) -> Any:
    """The value with the marks taken off in all of its texts."""
    if isinstance(value, str):
        return UNTRUSTED.sub(lambda found: found[1], value)
    if isinstance(value, list):
        return [unmarked(one) for one in cast(list[Any], value)]
    if isinstance(value, dict):
        return {key: unmarked(one) for key, one in cast(dict[str, Any], value).items()}
    return value


def _kept(message: AIMessage, key: str) -> dict[str, Any] | None:
    value = cast(dict[str, Any], message.additional_kwargs).get(key)
    return cast(dict[str, Any], value) if isinstance(value, dict) else None


def _setting(messages: Sequence[BaseMessage]) -> Setting:
    told = " ".join(text_of(message) for message in messages if isinstance(message, SystemMessage))
    found = TODAY.search(told)
    if found is None:
        return Setting(datetime.now(UTC), ZoneInfo("UTC"), "EUR")
    try:
        zone = ZoneInfo(found[3].rstrip("."))
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("UTC")
    return Setting(datetime.fromisoformat(f"{found[1]}T{found[2]}").replace(tzinfo=zone), zone, found[4])
