"""Documents made from the declarations: `python -m tools.document` writes docs/tools.md, docs/states.md and the snapshots of the
tools' contracts, which a test compares, so that a change of contract is seen.
"""

import re
from pathlib import Path
from typing import Any

import db.models as models
from db.model import Base, Stateful
from tools.contract.declare import Effect, Tool
from tools.contracts import contracts_of
from tools.registry import ROOMS, tools, tools_of

ROOT = Path(__file__).parents[1]
SNAPSHOTS = ROOT / "tests" / "snapshots"
assert models

TITLES = {
    "orders": "Orders",
    "products": "Products",
    "inventory": "Inventory",
    "customers": "Customers",
    "warehouse": "Warehouse",
    "backoffice": "Back office",
}


def tools_page() -> str:
    """docs/tools.md."""
    lines = [
        "# Tools",
        "",
        f"{len(tools())} operations, made from their declarations by `make docs`. Each is reachable by chat, REST (below `/api/v1`)"
        " and command line.",
        "R reads, W writes, W! writes with an effect of money, goods, access, personal data or the world outside.",
        "⚿ is for people only.",
    ]
    for room in ROOMS:
        lines += [
            "",
            f"## {TITLES[room]}",
            "",
            "| operation | route | | needs | what it does |",
            "|---|---|---|---|---|",
        ]
        lines += [_line(tool) for tool in tools_of(room)]
    return "\n".join(lines) + "\n"


def _line(tool: Tool[Any, Any]) -> str:
    mark = "R" if tool.effect is Effect.read else "W!" if tool.effect.weighty else "W"
    name = f"`{tool.name}`{' ⚿' if tool.for_people else ''}"
    return f"| {name} | {tool.method} {tool.path} | {mark} | `{tool.permission}` | {tool.summary} |"


def states_page() -> str:
    """docs/states.md: each status, and what may follow it."""
    lines = ["# States", "", "Made from the `MOVES` beside each model by `make docs`. Anything not drawn is refused."]
    stateful = sorted(
        (row.class_ for row in Base.registry.mappers if issubclass(row.class_, Stateful)),
        key=lambda kind: kind.__name__,
    )
    for kind in stateful:
        title = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.__name__)
        lines += ["", f"## {title}", "", "```mermaid", "stateDiagram-v2"]
        for state, following in kind.MOVES.items():
            lines += [f"    {state} --> {after}" for after in sorted(following)] or [f"    {state} --> [*]"]
        lines += ["```"]
    return "\n".join(lines) + "\n"


def write() -> None:
    (ROOT / "docs").mkdir(exist_ok=True)
    (ROOT / "docs" / "tools.md").write_text(tools_page())
    (ROOT / "docs" / "states.md").write_text(states_page())
    SNAPSHOTS.mkdir(parents=True, exist_ok=True)
    for room in ROOMS:
        (SNAPSHOTS / f"{room}.txt").write_text(contracts_of(tools_of(room)))


if __name__ == "__main__":
    write()
