"""Is the right tool among those offered to a model? By requests of which the index was taught nothing: what opens a talk at the
shops that were left out, and what authors wrote who saw neither program nor corpus."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench import shops, turns
from orchestrator.index import read_index
from orchestrator.offer import FEW, LEAST, MOST, NOT_SURE, likeliest
from planner.choose.index import Index, Ranked, Route

SIZES = (1, 3, 5, 8, 12)


@dataclass(frozen=True)
class Asked:
    """A request: the tools that would serve it, all tools by the index, and where it would go."""

    wanted: frozenset[str]
    rooms: frozenset[str]
    ranked: Sequence[Ranked]
    route: Route

    def among(self, count: int) -> bool:
        return bool(self.wanted & {one.name for one in self.ranked[:count]})

    @property
    def offered(self) -> int:
        """How many the rule offers."""
        most, least = (FEW, LEAST) if self.route.sure else (MOST, NOT_SURE)
        return max(least, min(most, len(list(likeliest(self.ranked)))))


def measure() -> str:
    index = read_index()
    groups = {
        "shops left out": [*_looked_up(index, ((one.text, [one.operation]) for one in shops.turns() if not one.after))],
        "authors who saw nothing": [
            *_looked_up(index, ((one.text, one.wanted) for one in turns.turns() if not one.before))
        ],
    }
    head = [
        "",
        "requests",
        *(f"among the first {size}" for size in SIZES),
        "its room is the route's",
        "by the rule",
        "offered",
    ]
    return "\n".join(
        [
            "## The right tool among those offered, per cent",
            "",
            f"| {' | '.join(head)} |",
            f"|{'---|' * len(head)}",
            *(
                _row(f"{name}, {told}", [one for one in asked if one.route.sure is sure])
                for name, asked in groups.items()
                for told, sure in (("the index is sure", True), ("it is not", False))
            ),
            *(_row(name, asked) for name, asked in groups.items()),
        ]
    )


def _looked_up(index: Index, asked: Iterator[tuple[str, list[str]]]) -> Iterator[Asked]:
    """What tools that are open would serve."""
    for text, operations in asked:
        wanted = frozenset(name for name in operations if name in index.tools)
        if wanted:
            rooms = frozenset(index.tools[name].entry.room for name in wanted)
            yield Asked(wanted, rooms, index.rank(text, limit=len(index.tools)), index.route(text))


def _row(name: str, of: Sequence[Asked]) -> str:
    columns = [sum(one.among(size) for one in of) for size in SIZES]
    columns += [sum(bool(one.rooms & {*one.route.rooms}) for one in of), sum(one.among(one.offered) for one in of)]
    shares = [f"{100 * hits / len(of):.1f}" for hits in columns]
    return f"| {' | '.join([name, str(len(of)), *shares, f'{sum(one.offered for one in of) / len(of):.1f}'])} |"
