"""Who may do what: the roles that may do a thing, all that one role may do, and who approves up to which amount."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from planner.tell import shown
from planner.tell.asked import Asked
from planner.tell.columns import Row
from planner.tell.unopened import room_name, rooms
from planner.tell.voice import Voice, values, words

CHANGES = ("write", "cancel", "refund", "erase", "merge", "export", "decide", "invite", "address")


def told(value: Row, args: Mapping[str, Any], voice: Voice, asked: Asked) -> tuple[str, Row]:
    """The sentence that answers, then the limits of each role."""
    held = cast(Mapping[str, Sequence[str]], value["rights"])
    role = next((name for name in held if _speaks_of(name, asked)), "")
    wanted = next(
        (name for name, known in _rights().items() if re.search(rf"\b(?:{known['cues']})\b", asked.text, re.I)), ""
    )
    if role:
        changes, sees = (_areas(held[role], voice, changing=changing) for changing in (True, False))
        return voice.say("role_may", role=voice.word(role), changes=changes or "-", sees=sees or "-"), _limits(
            value, voice, [role]
        )
    may = voice.say("may_do", what=_rights()[wanted][voice.language], roles=_who(held, wanted, voice)) if wanted else ""
    return " ".join(filter(None, [may, _approvers(value, held, voice)])), _limits(value, voice, list(held))


def _rights() -> Mapping[str, Mapping[str, str]]:
    return cast(Mapping[str, Mapping[str, str]], words()["rights"])


def _speaks_of(role: str, asked: Asked) -> bool:
    names = {role, *(word for (value, _), word in values().items() if value == role)}
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", asked.text, re.I) for name in names)


def _who(held: Mapping[str, Sequence[str]], right: str, voice: Voice) -> str:
    return voice.listed([voice.word(role) for role, rights in held.items() if right in rights])


def _approvers(value: Row, held: Mapping[str, Sequence[str]], voice: Voice) -> str:
    limits = cast(Mapping[str, Row], value["roles"])
    approving = [role for role, rights in held.items() if "approvals:decide" in rights]
    return voice.say("approvers", roles=voice.listed([_up_to(role, limits[role], value, voice) for role in approving]))


def _up_to(role: str, limits: Row, value: Row, voice: Voice) -> str:
    amount = limits.get("per_call")
    if amount is None:
        return voice.say("any_amount", role=voice.word(role))
    return voice.say(
        "up_to", role=voice.word(role), amount=shown.value({"amount": amount, "currency": value["currency"]}, voice)
    )


def _areas(rights: Sequence[str], voice: Voice, *, changing: bool) -> str:
    """The areas in which a role may change things, or only see them."""
    changed = {right.partition(":")[0] for right in rights if right.partition(":")[2] in CHANGES}
    seen = {right.partition(":")[0] for right in rights} - changed
    return ", ".join(_area(area, voice) for area in sorted(changed if changing else seen))


def _area(area: str, voice: Voice) -> str:
    if area in rooms():
        return room_name(area, voice.language)
    return str(words()["areas"].get(area, {}).get(voice.language) or area.replace("_", " "))


def _limits(value: Row, voice: Voice, roles: Sequence[str]) -> Row:
    """What each role may move without asking, as rows."""
    limits, currency = cast(Mapping[str, Row], value["roles"]), value["currency"]

    def money(amount: Any) -> Any:
        return None if amount is None else {"amount": amount, "currency": currency}

    rows = [
        {
            "role": voice.word(role),
            "per_call": money(limits[role].get("per_call")),
            "per_day": money(limits[role].get("per_day")),
            "stops_per_day": limits[role].get("stops_per_day"),
        }
        for role in roles
    ]
    return {
        "limits": rows,
        "always": [voice.title(str(name)) for name in cast(Sequence[str], value.get("always") or ())],
    }
