"""When, and who: the day or the person that a question asks for, said first of each row.

Which of a row's days is meant, the words of the times say (`data/times.json`): "when does it come" is expected, "when did it leave"
shipped. Whoever looks after a thing, picked it or asked for it stands under a name of its own (`people` in `data/answers.json`).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from planner.fill import times
from planner.tell import shown
from planner.tell.asked import Asked
from planner.tell.columns import Row
from planner.tell.voice import Voice, words

FEW = 4  # rows that one sentence names
ENDINGS = ("_at", "_on", "_by", "_until")


def told(rows: Sequence[Row], voice: Voice, asked: Asked) -> str:
    """ "PO-1138: expected 2026-11-11." "" where no day or person was asked for, or too many rows have one."""
    key = _day(rows, asked) or _person(rows, asked)
    names = [str(row.get("reference") or row.get("order") or shown.named(row) or "") for row in rows]
    if not key or len(rows) > FEW or not all(names):
        return ""
    each = [
        voice.say("of_each", name=name, what=voice.label(key), value=_value(key, row.get(key), voice))
        for name, row in zip(names, rows, strict=True)
    ]
    return f"{'; '.join(each)}."


def _value(key: str, said: Any, voice: Voice) -> str:
    if said is None:
        return voice.say("nobody")
    return shown.value(said, voice)


def _day(rows: Sequence[Row], asked: Asked) -> str:
    """The column of the day that was asked for, which all rows have."""
    if not _asks("when", asked):
        return ""
    there = {key for row in rows for key in row if key.endswith(ENDINGS) and all(other.get(key) for other in rows)}
    by_time = {key: key.rpartition("_")[0] for key in there} | {key: key for key in there if key in times.words()}
    said = [(m.start(), key) for key, name in by_time.items() for m in times.cues(name, asked.text)]
    fitting = [key for _, key in sorted(said)]
    known = cast(Sequence[str], words()["record"]["when"])
    return next(iter([*fitting, *(key for key in known if key in there)]), "")


def _person(rows: Sequence[Row], asked: Asked) -> str:
    """Where the person stands who was asked for, or would stand: a ticket that nobody looks after has no such column."""
    people = cast(Mapping[str, Mapping[str, str]], words()["people"])
    for key, known in people.items():
        of_it = all(str(row.get("reference", "")).startswith(known["of"]) for row in rows)
        if rows and of_it and re.search(rf"\b(?:{known['cues']})", asked.text, re.I):
            return key
    return ""


def _asks(word: str, asked: Asked) -> bool:
    return re.search(rf"(?<![\w-])(?:{words()['asks'][word]})(?![\w-])", asked.text, re.I) is not None
