"""Is the right tool among those offered? Every phrasing is looked up in an index that was trained without it: five folds."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import prompts
from orchestrator.offer import FEW, LEAST, MOST, entries, likeliest
from planner.choose.index import Entry, Index, Ranked, Route
from tools import registry

FOLDS = 5
SIZES = (4, 8, 12, 18)


@dataclass(frozen=True)
class Asked:
    """A phrasing, the tool that it is for, and what an index that never saw it makes of it."""

    tool: str
    ranked: Sequence[Ranked]
    route: Route

    def among(self, count: int) -> bool:
        return self.tool in [one.name for one in self.ranked[:count]]

    def in_rooms(self, count: int) -> bool:
        return self.tool in [one.name for one in self.ranked if one.room in self.route.rooms][:count]

    @property
    def offered(self) -> int:
        """How many the rule offers."""
        most, least = (FEW, LEAST) if self.route.sure else (MOST, MOST)
        return max(least, min(most, len(list(likeliest(self.ranked)))))


def measure() -> str:
    phrasings = {tool: phrases for room in registry.ROOMS for tool, phrases in prompts.examples(room).items()}
    asked = _looked_up(entries(registry.tools().values(), phrasings))
    sure, unsure = [one for one in asked if one.route.sure], [one for one in asked if not one.route.sure]
    head = [
        "",
        "phrasings",
        *(f"of the {size} likeliest" for size in SIZES),
        f"of {MOST} of the rooms'",
        "by the rule",
        "offered",
    ]
    return "\n".join(
        [
            "## The right tool among those offered, per cent",
            "",
            f"| {' | '.join(head)} |",
            f"|{'---|' * len(head)}",
            *(_row(name, of) for name, of in (("the index is sure", sure), ("it is not", unsure), ("all", asked))),
            "",
            f"Unseen phrasings: {FOLDS} folds over what prompts/*.examples.md and the tools declare.",
        ]
    )


def _row(name: str, of: Sequence[Asked]) -> str:
    columns = [sum(one.among(size) for one in of) for size in SIZES]
    columns += [sum(one.in_rooms(MOST) for one in of), sum(one.among(one.offered) for one in of)]
    shares = [f"{100 * hits / len(of):.1f}" for hits in columns]
    return f"| {' | '.join([name, str(len(of)), *shares, f'{sum(one.offered for one in of) / len(of):.1f}'])} |"


def _looked_up(tools: Sequence[Entry]) -> list[Asked]:
    chance = random.Random(7)
    said = [(tool.name, phrase) for tool in tools for phrase in dict.fromkeys(tool.examples)]
    chance.shuffle(said)
    found: list[Asked] = []
    for fold in range(FOLDS):
        held_back = set(said[fold::FOLDS])
        seen = [
            replace(tool, examples=[one for one in tool.examples if (tool.name, one) not in held_back])
            for tool in tools
        ]
        index = Index.build(seen)
        found += [
            Asked(name, index.rank(text, limit=len(tools)), index.route(text)) for name, text in sorted(held_back)
        ]
    return found
