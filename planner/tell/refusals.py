"""Why something did not work, as a person would say it: without the names of operations, in the language of the request.

The shop refuses in English sentences; those that are met daily are known in French and German by their form (`refusals.json`).
What cannot be read of a call is told field by field (`faults.json`), never in the words in which it is told to programs.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from importlib.resources import files
from time import strptime
from typing import Any, cast

from planner.tell.voice import ENGLISH, Voice

INTERNAL = re.compile(r"`?\b[a-z]+(?:_[a-z]+)+\b`?")
SENTENCES = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9])")
LANGUAGES = (ENGLISH, "fr", "de")
DAY = re.compile(r"(?P<day>\d{1,2} [A-Z][a-z]+ \d{4})(?: at (?P<time>\d\d:\d\d \S+))?")
WITHIN = r"(?:(?![.!?]\s+[A-Z0-9]).)+?"
LOOKS = {"parcel": r"[A-Z]{2,4}-\S+?"}
STATE_OF = {"parcel_state": "list_shipments"}  # of what a state is: words agree with it
OURS = "Value error, "  # a sentence of the operation itself
QUOTED = re.compile(r"`([a-z_]+)`")
LAST_FIGURE = re.compile(r"(-?\d+(?:\.\d+)?)\D*$")
SAME = {"literal_error": "enum"}


def told(error: Mapping[str, Any], voice: Voice) -> str:
    """What is so, and what to do; a hint that only names an operation says nothing to a person."""
    if faults := cast(Sequence[Mapping[str, str]], error.get("errors") or ()):
        return " ".join(dict.fromkeys(_fault(fault, voice) for fault in faults))
    message, hint = (str(error.get(part) or "").strip() for part in ("message", "hint"))
    hints = [sentence for sentence in SENTENCES.split(hint) if not INTERNAL.search(sentence)]
    sentences = [*SENTENCES.split(message), *hints]
    whole = _translated(" ".join(sentences), voice)
    return whole or " ".join(filter(None, (_said(sentence, voice) for sentence in sentences)))


def _fault(fault: Mapping[str, str], voice: Voice) -> str:
    """What is wrong about one field: that it is missing, too small, or none of its values."""
    code, message = fault.get("code", ""), fault.get("message", "")
    place = [part for part in fault.get("pointer", "").split("/") if part and not part.isdigit()]
    if message.startswith(OURS):
        return _rule(message.removeprefix(OURS), voice)
    figure = LAST_FIGURE.search(message)
    frames = _faults().get(SAME.get(code, code), _faults()["other"])
    frame = frames[LANGUAGES.index(voice.language)]
    if "{n}" in frame and not figure:
        frame = _faults()["other"][LANGUAGES.index(voice.language)]
    return frame.format(field=voice.label(place[-1] if place else "input"), n=figure[1] if figure else "")


def _rule(sentence: str, voice: Voice) -> str:
    """A rule about several fields: in English as it is, with the fields as people call them; else which fields it is about."""
    fields = [voice.label(name) for name in dict.fromkeys(QUOTED.findall(sentence))]
    if fields and voice.language != ENGLISH:
        return _faults()["together"][LANGUAGES.index(voice.language)].format(fields=voice.listed(fields))
    plain = QUOTED.sub(lambda found: voice.say("quote", said=voice.label(found[1])), sentence)
    return f"{plain[:1].upper()}{plain[1:]}{'' if plain.endswith('.') else '.'}"


@lru_cache(maxsize=1)
def _faults() -> Mapping[str, Sequence[str]]:
    return json.loads(files("planner.data").joinpath("faults.json").read_text("utf-8"))


def _said(sentence: str, voice: Voice) -> str:
    """One sentence. What is not known in a language is better told in English than not at all."""
    known = _translated(sentence, voice)
    return known or INTERNAL.sub(lambda found: voice.say("quote", said=voice.title(found[0].strip("`"))), sentence)


def _translated(sentence: str, voice: Voice) -> str:
    if voice.language == ENGLISH:
        return ""
    for pattern, frames in _known():
        found = pattern.fullmatch(sentence)
        if found:
            parts = {name: _word(name, said, voice) for name, said in found.groupdict().items()}
            return frames[voice.language].format(**parts)
    return ""


def _word(name: str, said: str, voice: Voice) -> str:
    """A state as a word of the language, a day by its calendar, several things joined; a reference or an amount as it is."""
    day = DAY.fullmatch(said)
    if day:
        on = voice.day(date(*strptime(day["day"], "%d %B %Y")[:3]))
        return f"{on}, {day['time']}" if day["time"] else on
    if " and " in said and not said.islower():
        *parts, last = said.split(" and ")
        return voice.listed([*" and ".join(parts).split(", "), last])
    noun, _, rest = said.partition(" ")
    if rest and re.match(r"[A-Z0-9]", rest) and noun.islower():
        return f"{voice.label(noun)} {rest}"
    return voice.word(said.replace(" ", "_"), tool=STATE_OF.get(name, "")) if re.fullmatch(r"[a-z _]+", said) else said


@lru_cache(maxsize=1)
def _known() -> list[tuple[re.Pattern[str], Mapping[str, str]]]:
    stored: list[list[str]] = json.loads(files("planner.data").joinpath("refusals.json").read_text("utf-8"))
    return [(_pattern(row[0]), dict(zip(LANGUAGES, row, strict=True))) for row in stored]


def _pattern(frame: str) -> re.Pattern[str]:
    """A frame's places hold anything within a sentence; some hold only what looks like it."""

    def place(found: re.Match[str]) -> str:
        return f"(?P<{found[1]}>{LOOKS.get(found[1], WITHIN)})"

    return re.compile(re.sub(r"\\\{(\w+)\\\}", place, re.escape(frame)))
