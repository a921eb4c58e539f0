"""Changes that were put to the person, as a turn corrects them: "make it 15", "rather say that we are sorry", "only the blue"."""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from planner.choose import pointing, rather
from planner.choose.decide import confirmation
from planner.choose.decisions import Decision, Decline, Desk, Step
from planner.choose.edit import edited
from planner.choose.index import NO_TOOL
from planner.converse.memory import Call, Deed
from planner.converse.things import shown
from planner.read import acts
from planner.read.acts import Act
from planner.read.fields import Kind
from planner.read.words import FILLER, content, stem, tokens

LIKELY = 0.8  # of a probability: from here on a few words are a wish of their own
FRAGMENT = 8  # words, at most, of what may correct a change without saying so
SENTENCES = re.compile(r"(?<=[.;!?])\s+|\s*\n+\s*")
# What was said was said of another: nothing of it stays.
MISTAKEN = re.compile(
    r"\b(?:my mistake|wrong (?:one|person|customer|order|product)|mixed (?:it |them )?up|je me suis tromp\w+|verwechselt|vertan"
    r"|falsche[rsn]?)\b",
    re.I,
)
WRITTEN = (Kind.note, Kind.text, Kind.reason_text)
# What is written in the place of what was.
INSTEAD = re.compile(
    r"(?:(?:better|rather|just|but|please|nur|lieber|plutôt)\s+)*(?P<not>don['’]?t\s+|not\s+|ne\s+)?"
    r"(?:say|write|tell (?:him|her|them)|dis(?:[- ]lui)?|écris(?:[- ]lui)?|sag(?:e)?(?: ihm| ihr)?|schreib(?:e)?(?: ihm| ihr)?)\b"
    r"(?!\s+(?:nothing|nichts|rien))(?:\s+(?:rather|plutôt|lieber|besser))?(?:\s+(?:that|que|dass)(?!\w)|\s+qu['’])?",
    re.I,
)


def only_these(act: Act, deeds: Sequence[Deed]) -> list[Step]:
    """ "only the blue one": of the changes that were put, those that the words are about, as they were put."""
    said = {stem(word) for word in content(acts.cleaned(act.rest)) if word not in FILLER}
    if not said or not acts.narrows(act.rest):
        return []
    return [Step(d.call.tool, d.call.args) for d in deeds if said <= {stem(word) for word in tokens(str(d.call.args))}]


def corrected(act: Act, deeds: Sequence[Deed], desk: Desk, *, fresh: bool) -> Decision | None:
    """The changes as the turn corrects them, or others of the same kind that it adds."""
    says_so = act.corrects or act.declines or act.same or act.adds or bool(acts.swaps(act.rest))
    says_so = says_so or desk.reads_on(act.said, deeds[-1].call.tool)
    struck = rather.struck(act.said, deeds[-1].call, desk) if fresh else None
    if struck or act.asks_whole or not (says_so or (fresh and _fragment(act.rest, desk))):
        return [struck] if struck else None
    if not fresh and not (act.same or act.adds or act.corrects):
        return None
    if says_so and (lost := pointing.resolved(acts.cleaned(act.rest), (), desk).lost):
        return Decline("pointing", lost)
    reworded = _reworded(act.rest, deeds[-1].call, desk) if says_so else None
    if reworded:
        return [reworded]
    parts = [part for part in SENTENCES.split(act.rest) if not _leaves(part)]
    steps, left = list[Step](), list[str]()
    base = _made(deeds[-1], desk)
    mistaken = MISTAKEN.search(act.said) is not None
    for part in parts:
        own = Act.of(part)
        adds = own.adds and not mistaken
        found = _edit(
            own.rest or part, base.call if not steps else Call(steps[-1].tool, steps[-1].args), desk, adds=adds
        )
        if found is None:
            continue
        step, changed, words = found
        left += words
        more = act.same or adds or own.same or (bool(steps) and _of_another(step, changed, desk))
        if more and not steps and base.became != "done":
            steps.append(Step(base.call.tool, base.call.args))
        steps = [*steps, step] if more or not steps else [*steps[:-1], step]
    if not steps:
        if (wider := rather.made_of_all(act.rest, base.call, desk)) is not None:
            return [wider]
        certain = max((v for k, v in desk.wishes(act.rest).items() if k not in NO_TOOL), default=0.0)
        if says_so and certain < LIKELY and len(content(act.rest)) <= FRAGMENT and not act.asks:
            return Decline("not_carried", act.rest.strip(), operation=base.call.tool)
        return None
    return confirmation(steps, left) if left and desk.index.tools[steps[0].tool].entry.writes else steps


def _made(deed: Deed, desk: Desk) -> Deed:
    """What was made is changed by its update: "make that 10 %", of a promotion that was just approved."""
    own = f"update_{deed.call.tool.removeprefix('create_')}"
    if deed.became != "done" or deed.call.tool == own or own not in desk.offered:
        return deed
    of = [f for f in desk.index.tools[own].required if f.kind is Kind.reference]
    made = {thing.reference for thing in shown(desk.talk) if of and thing.reference.startswith(f"{of[0].prefix}-")}
    return replace(deed, call=Call(own, {of[0].name: made.pop()})) if len(of) == len(made) == 1 else deed


def _of_another(step: Step, changed: Collection[str], desk: Desk) -> bool:
    """Whether a further sentence is about another thing: "the large one 20"; not "and call it XMAS10"."""
    of = {f.name for f in desk.index.tools[step.tool].fields if f.kind is Kind.reference or f.parts}
    return not of.isdisjoint(changed)


def _reworded(said: str, call: Call, desk: Desk) -> Step | None:
    """ "rather say that we come back tomorrow": what was to be written, with other words."""
    fields = [f for f in desk.index.tools[call.tool].required if f.kind in WRITTEN and f.name in call.args]
    words = [piece for piece in re.split(r"\s*[,.;]\s+", said) if (found := INSTEAD.match(piece)) and not found["not"]]
    if len(fields) != 1 or not words:
        return None
    written = INSTEAD.sub("", said[said.index(words[-1]) :]).strip(" :,")
    return Step(call.tool, {**call.args, fields[0].name: written}) if content(written) else None


def _edit(said: str, call: Call, desk: Desk, *, adds: bool) -> tuple[Step, Collection[str], list[str]] | None:
    """The call as some words change it, what they change, and the figures and names among them that found no place."""
    words = ", ".join(piece for piece in re.split(r"\s*[,;]\s+", said) if not _leaves(piece))
    pointed = pointing.resolved(words, (), desk)
    text = desk.english(acts.bare(pointed.text.removeprefix("show ")))
    found = edited(call, text, desk, adds=adds)
    if found is None:
        return None
    return (
        rather.by_a_difference(found.step, text, desk),
        found.changed,
        [word for word in found.left if re.search(r"\d|[A-ZÀ-Þ]", word) and word not in pointed.things],
    )


def _leaves(piece: str) -> bool:
    """ "leave that one as it was", "and go ahead" change nothing."""
    own = Act.of(piece)
    return own.alone and (own.declines or own.agrees)


def _fragment(text: str, desk: Desk) -> bool:
    """A few words that ask for nothing certain by themselves: "12 %", "and the large one 20"."""
    wishes = desk.wishes(text)
    return len(tokens(text)) <= FRAGMENT and max(wishes.values()) < LIKELY and not text.rstrip().endswith("?")
