"""Fragments that go on from what was looked up: "and yesterday?", "only those to Lyon", "by country", "how many?", "nach Lager"."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from planner.choose import pointing
from planner.choose.decisions import Decision, Decline, Desk, Step
from planner.choose.edit import Edit, edited
from planner.converse.memory import Call
from planner.converse.things import shown
from planner.fill import slots, values, versus
from planner.read import cues, mood, periods, pointers
from planner.read.acts import Act, cleaned, excludes, goes_on, narrows
from planner.read.fields import ORDERLY, Field, Kind
from planner.read.reading import Reading
from planner.read.words import content, fold, tokens

THE_MOST = re.compile(
    r"^(?:and )?(?:which (?:one )?is )?the (?:\w+est|most \w+|best|worst)(?: one| order| product)?"
    r"(?:,? (?:(?:who|which|this|that|it) is|(?:who|which) (?:one )?is (?:it|this|that))(?: (?:who|which|it))?)?\W*$",
    re.I,
)
# Of what was shown.
HOW_MANY = re.compile(
    r"^(?:and |so )?how (?:many|much)(?: (?:are|is|were) (?:there|they|these|those|that|it|es)| of (?:them|these|those))?"
    r"(?: in (?:all|total)| altogether)?\W*$",
    re.I,
)
# What picks some of the rows that were shown.
OF_THEM = re.compile(
    r"(?:(?:and|ok|so|et|und)\W+)*(?:which|who|how many|lesquel(?:le)?s|combien|wer|welche|wie ?viele)(?: ones)? "
    r"(?:of (?:them|these|those)|d['’]entre (?:eux|elles)|davon|von (?:denen|diesen|ihnen))(?= )",
    re.I,
)
BESIDE = re.compile(
    r"\s*,?\s*\b(?:for (?:a )?comparison|in comparison|to compare|zum vergleich|pour comparer|en comparaison)\b", re.I
)
A_NAME = 2  # words, at most, that tell one of the rows that were shown by a name
MORE_LIKELY = 0.5
LIKELY = 0.8  # of a probability: from here on a fragment is a request of its own
SHORT = 4  # words with meaning, at most, of a fragment
SCOPE = (Kind.period_start, Kind.period_end, Kind.city, Kind.country, Kind.reference)  # what a new question takes over


def follow_up(act: Act, desk: Desk) -> Decision | None:
    """ "And the week before?": the last reading call again, with what is new; None where the words ask something else."""
    last = desk.talk.last_call()
    if last is None or last.tool not in desk.offered or desk.index.tools[last.tool].entry.writes:
        return None
    last = _of_any_state(last, act.said, desk)
    said = act.rest if act.corrects or act.declines else act.said
    picks = OF_THEM.match(said)
    said = said[picks.end() :].strip() if picks else said
    text = BESIDE.sub("", desk.english(said))
    if of_record(text, last.tool, desk) or (mood.commands(said) and not (narrows(said) or mood.wants_shown(said))):
        return None
    of_one = _of_one(said, last, desk)
    if of_one:
        return [of_one]
    if HOW_MANY.search(text):
        return [Step(last.tool, last.args)]
    read_on = desk.reads_on(said, last.tool) or _only_orders(text, last, desk)
    if not (read_on or picks or act.corrects or act.declines or goes_on(said)):
        return None
    if not (read_on or picks) and (len(content(text)) > SHORT + 2 or _another(text, last, desk)):
        return None
    found = None if excludes(said) else _again(last, text, desk)
    if found is None:
        reading = desk.reading(text)
        only = (
            (narrows(said) or reading.free("period")) and len(tokens(text)) <= SHORT and not reading.free("reference")
        )
        narrow = (excludes(said) or only) and not _of_another(text, last, desk)
        return Decline("not_narrowed", said.strip(" ?!."), operation=last.tool) if narrow else None
    if (
        versus.COMPARES.search(desk.english(said))
        and found.step.args != last.args
        and desk.reading(text).free("period")
    ):
        return [replace(found.step, notes=found.left), Step(last.tool, last.args)]  # "compared to the one before?"
    step = replace(found.step, notes=found.left)
    return [step, *(replace(step, args={**step.args, name: value}, notes=()) for name, value in found.more)]


def _only_orders(text: str, last: Call, desk: Desk) -> bool:
    """Whether a text only says in which order, or by what: "oldest first"."""
    tool = desk.index.tools[last.tool]
    filled = slots.fill(tool.fields, desk.reading(text), desk.told(tool))
    left = filled.unplaced or filled.unused or filled.doubts or filled.people or filled.which
    return bool(filled.args) and filled.args.keys() <= {*ORDERLY} and not left


def _of_any_state(last: Call, said: str, desk: Desk) -> Call:
    """The call without the states that it was narrowed to, where the other ones are asked for: "and the other one of today?"."""
    other = pointers.plain("other").search(said) or pointers.plain("others").search(said)
    states = {f.name for f in desk.index.tools[last.tool].fields if f.kind is Kind.choice and f.name not in ORDERLY}
    return Call(last.tool, {name: value for name, value in last.args.items() if name not in states}) if other else last


def picks_some(said: str) -> bool:
    """Whether a question is which of the rows that were shown are so, or how many: "which of them are paid?"."""
    return OF_THEM.match(said) is not None


def of_record(text: str, tool: str, desk: Desk) -> str:
    """The kind of record that is named by its noun alone, "the order from today", where a tool is about others; else ""."""
    noun = pointers.nouns().search(text)
    kind = (noun.lastgroup or "") if noun else ""
    return kind if kind and kind not in tool and f"get_{kind}" in desk.offered else ""


def _of_one(said: str, last: Call, desk: Desk) -> Step | None:
    """ "rhys", of the parcels of all who are called Wright: the list again, of the one whose rows alone have the name."""
    rows, fields = shown(desk.talk), desk.index.tools[last.tool].fields
    having = [row for row in rows if pointing.has(row, cleaned(said))]
    named = next((f.name for f in fields if f.kind is Kind.search and last.args.get(f.name)), "")
    whole = f"{cleaned(said)} {last.args.get(named)}".lower()
    if len(content(said)) > A_NAME or not 1 < len(having) < len(rows) or not named:
        return None
    return Step(last.tool, {**last.args, named: whole}) if all(fold(whole) in row.said for row in having) else None


def _another(text: str, last: Call, desk: Desk) -> bool:
    """Whether the words ask for something else."""
    best = desk.index.rank(text, among=desk.offered, limit=1)
    named = bool(best) and cues.names(text, best[0].name) and best[0].score > LIKELY / 2
    return bool(best) and best[0].name != last.tool and (named or best[0].score > LIKELY)


def _of_another(text: str, last: Call, desk: Desk) -> bool:
    """Whether a fragment that narrows nothing of what was shown asks, more likely than not, for another look-up."""
    wishes = desk.wishes(text)
    best = max(wishes, key=lambda name: wishes[name])
    reads = best in desk.offered and not desk.index.tools[best].entry.writes
    return reads and best != last.tool and wishes[best] > MORE_LIKELY


def _again(last: Call, text: str, desk: Desk) -> Edit | None:
    """The call with what the fragment changes; a bare name may be a place."""
    tool = desk.index.tools[last.tool]
    reading = desk.reading(text)
    back = _counted_back(tool.fields, last.args, reading, desk)
    if back:
        return Edit(Step(last.tool, {**_without_period(tool.fields, last.args, back), **back}), frozenset(back))
    said = cleaned(text)
    for words in (text, said, f"in {said}", f"by {said}"):
        found = edited(last, words, desk)
        if found and not any(re.search(r"\d", left) for left in found.left):
            args = {**_without_period(tool.fields, last.args, _new(found, last)), **_new(found, last)}
            alone = {f.name for f in tool.fields if f.name not in found.changed and last.tool == f.listed_by}
            args = {name: value for name, value in args.items() if name not in {*found.step.people, *alone}}
            limit = next((f.name for f in tool.fields if f.kind is Kind.limit), None)
            most = {limit: 1} if limit and THE_MOST.search(text) else {}
            return replace(found, step=replace(found.step, args={**args, **most}))
    return None


def _new(found: Edit, last: Call) -> dict[str, Any]:
    return {name: found.step.args[name] for name in found.changed if name in found.step.args}


def carried(step: Step, desk: Desk) -> Step:
    """A new question about what was shown keeps its scope: the period, the place and the thing that it says nothing of."""
    last = desk.talk.last_call()
    if last is None or last.tool not in desk.index.tools or desk.index.tools[step.tool].entry.writes:
        return step
    fields = [f for f in desk.index.tools[step.tool].fields if f.kind in SCOPE and f.name not in step.people]
    fields = [f for f in fields if step.tool != f.listed_by]  # a list of the one record is no list
    said = {f.kind for f in fields if f.name in step.args}
    old = {f.name: f.kind for f in desk.index.tools[last.tool].fields}
    kept = {
        f.name: last.args[f.name]
        for f in fields
        if f.name in last.args
        and old.get(f.name) is f.kind
        and (f.kind not in said or f.kind is Kind.reference)
        and f.name not in step.args
    }
    return replace(step, args={**kept, **step.args})


def told_otherwise(step: Step, desk: Desk) -> Step:
    """ "split by country": the same look-up as before, of the same, where nothing but how it is told is new."""
    last = desk.talk.last_call()
    how = {f.name for f in desk.index.tools[step.tool].fields if f.name in ORDERLY}
    same = last is not None and last.tool == step.tool and step.args and not step.people and how >= set(step.args)
    return replace(step, args={**last.args, **step.args}) if last and same else step


def _counted_back(fields: Sequence[Field], args: Mapping[str, Any], reading: Reading, desk: Desk) -> dict[str, Any]:
    units = [span.value.before for span in reading.free("period") if span.value.before]
    setting = desk.talk.setting
    start, end = (
        next((values.local(str(args[f.name]), setting) for f in fields if f.kind is kind and args.get(f.name)), None)
        for kind in (Kind.period_start, Kind.period_end)
    )
    if not units or start is None:
        return {}
    return values.period_args(list(fields), *periods.back(start, end, units[0]), setting)


def _without_period(fields: Sequence[Field], args: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """A new period replaces the old one whole: "since Monday" has no end."""
    times = {f.name for f in fields if f.kind in (Kind.period_start, Kind.period_end)}
    return {name: value for name, value in args.items() if not (name in times and times & set(new))}
