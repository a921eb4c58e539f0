"""A check: a query that names what does not add up."""

from typing import NamedTuple


class Check(NamedTuple):
    """`sentence` says what holds; `sql` returns what breaks it: whose it is, then by how much."""

    name: str
    sentence: str
    sql: str


def equal(keys: str, values: str, cached: str, *counted: str) -> str:
    """The keys for which the sums of both sides differ, with the differences (cached - counted)."""
    sides = "\nunion all\n".join([cached, *counted])
    names = [name.strip() for name in values.split(",")]
    sums = ", ".join(f"sum({name}) as {name}" for name in names)
    differ = " or ".join(f"sum({name}) <> 0" for name in names)
    return f"select {keys}, {sums} from ({sides}) as both_sides ({keys}, {values}) group by {keys} having {differ}"
