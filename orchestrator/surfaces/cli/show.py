"""Answers for people: tables, panels, cards. What does not fit is named, and `--json` has everything.

All text is shown as text: neither markup nor control characters of a customer's note reach the terminal.
"""

import os
import re
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from datetime import datetime, tzinfo
from typing import Any, TypeGuard

import orjson
import typer
from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

Json = dict[str, Any]
EMPTY: tuple[Any, ...] = (None, "", [], {})
PIPED_WIDTH = 160  # columns, where no terminal says its own
LONGEST_CELL = 48  # characters
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def console(*, stderr: bool = False) -> Console:
    """Standard output for data, standard error for talk."""
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    width = None if terminal or "COLUMNS" in os.environ else PIPED_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def raw(value: Any) -> None:
    """JSON on standard output, nothing else."""
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str))


def say(text: str, style: str = "") -> None:
    """A word to the person, on standard error."""
    console(stderr=True).print(Text(clean(text), style), soft_wrap=True)


def line(label: str, text: str) -> None:
    """A labelled line of a result, on standard output."""
    console().print(Text.assemble((f"{label:>8}  ", "bold"), clean(text)), soft_wrap=True)


def trouble(message: str, hint: str) -> None:
    """What went wrong and what to do about it, on two lines."""
    say(message, "red")
    if hint:
        say(hint)


# ---- results -------------------------------------------------------------------------------------------------------------


def result(answer: Json, zone: tzinfo | None, title: str, unfold: str | None = None) -> None:
    """An operation's result: a table for a page, otherwise what is known, name by name; a card as cards are shown."""
    out = console()
    if "card" in answer:
        named = f"{answer['reference']}, {answer['status']}: {label(answer['tool'])}"
        out.print(card(answer["card"], named, "yellow", answer["why"], zone, unfold))
        told = ("card", "what", "why", "money", "tool", *(() if answer["edited"] else ("arguments",)))
        answer = {name: part for name, part in answer.items() if name not in told}
    if answer.keys() >= {"data", "next", "has_more"}:
        out.print(*page(answer, zone, out.width), sep="\n")
    else:
        out.print(_panel(details(answer, zone, out.width - 4), title, "dim"))
    if zone is not None and has_times(answer):
        out.print(Text(f"Times are {zone}.", "dim"))


def page(answer: Json, zone: tzinfo | None, width: int) -> Iterable[RenderableType]:
    """A piece of a list, what was left out of it, and how to go on."""
    rows: list[Json] = answer["data"]
    if not rows:
        yield Text("Nothing.", "dim")
        return
    yield from table(rows, zone, width)
    if answer["has_more"]:
        yield Text(f"{len(rows)} shown, there are more: --after {answer['next']}", "dim")


def table(rows: list[Json], zone: tzinfo | None, width: int) -> Iterable[RenderableType]:
    """As many columns as fit, in the order in which they are declared. Columns without any value are left out."""
    names = [name for name in rows[0] if any(row.get(name) not in EMPTY for row in rows)]
    cells = {name: [cell(row.get(name), zone) for row in rows] for name in names}
    shown = _fitting(cells, width)
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for name in shown:
        right = all(is_number(row.get(name)) or is_money(row.get(name)) or row.get(name) is None for row in rows)
        grid.add_column(label(name), justify="right" if right else "left", max_width=LONGEST_CELL, overflow="fold")
    for number in range(len(rows)):
        grid.add_row(*(Text(cells[name][number]) for name in shown))
    yield grid
    if left := names[len(shown) :]:
        yield Text(f"Not shown: {', '.join(map(label, left))}. A wider terminal has them, or --json.", "dim")


def _fitting(cells: dict[str, list[str]], width: int) -> list[str]:
    shown: list[str] = []
    for name, column in cells.items():
        width -= 3 + max(len(label(name)), *(min(len(text), LONGEST_CELL) for text in column))
        if shown and width < 0:
            break
        shown.append(name)
    return shown


def details(value: Json, zone: tzinfo | None, width: int) -> RenderableType:
    """Names and values: objects beside their names, lists of objects as tables below."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    below: list[RenderableType] = []
    for name, part in value.items():
        if part in EMPTY:
            continue
        if is_list(part) and is_object(part[0]):
            below += [Text(f"\n{label(name)}", "bold"), *table(part, zone, width)]
        elif is_object(part) and not is_money(part):
            grid.add_row(label(name), details(part, zone, width))
        else:
            grid.add_row(label(name), Text(cell(part, zone)))
    return Group(grid, *below) if below else grid


# ---- cards ---------------------------------------------------------------------------------------------------------------


def waiting(shown: Json, *, approval: str | None, why: str, zone: tzinfo | None, unfold: str | None) -> Panel:
    """The card of a call that waits for a person; without an approval, of a preview."""
    tool = label(shown["tool"])
    title = f"{approval} waits for a decision: {tool}" if approval else f"Preview: {tool}"
    reason = f"{'It waits' if approval else 'It would wait'} for a person: {why}" if why else ""
    return card(shown, title, "yellow" if approval else "cyan", reason, zone, unfold)


def card(shown: Json, title: str, style: str, why: str, zone: tzinfo | None, unfold: str | None) -> Panel:
    """What a call would do, found out by doing it and rolling it back: in sentences, then the money, then the rows.

    The rows are folded where `unfold` says how to see them.
    """
    lead, *others = shown["sentences"] or [shown["summary"]]
    parts: list[RenderableType] = [Text(clean(lead), "bold"), *(Text(clean(sentence)) for sentence in others)]
    if moves := [cell(money, zone) for money in (shown["money"], *shown["foreign"]) if money]:
        parts.append(Text(f"\nMoney that moves: {', '.join(moves)}", "bold"))
    if why:
        parts.append(Text(f"\n{clean(why)}"))
    if unfold is None:
        parts.append(rows(shown, zone))
    elif count := len(shown["changes"]):
        parts.append(Text(f"\n{count} {'row' if count == 1 else 'rows'} in the database: {unfold}.", "dim"))
    return _panel(Group(*parts), title, style)


def rows(shown: Json, zone: tzinfo | None) -> RenderableType:
    """What is behind a card: the arguments, and each row that would be written."""
    asked = (
        [Text("\nasked", "bold"), details(shown["arguments"], zone, console().width - 4)] if shown["arguments"] else []
    )
    written = [Text("\nrows", "bold"), changes(shown["changes"], zone)]
    return Group(*asked, *written, Text("Amounts in arguments and rows are minor units.", "dim"))


def _panel(content: RenderableType, title: str, style: str) -> Panel:
    return Panel(content, title=title, title_align="left", border_style=style, expand=False)


def changes(rows: list[Json], zone: tzinfo | None) -> Table:
    """What would be written; of an updated field, what it is and what it becomes. Like rows are counted."""
    told: dict[tuple[str, str, str], int] = {}
    for row in rows:
        fields = [
            f"{label(name)}: {_changed(row['change'], value, zone)}"
            for name, value in row["fields"].items()
            if value not in EMPTY
        ]
        named = clean(f"{row['row']} {row['reference'] or ''}".strip())
        line = row["change"], named, ", ".join(sorted(fields))
        told[line] = told.get(line, 0) + 1
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for title in ("change", "row", "fields"):
        grid.add_column(title, overflow="fold")
    for (change, named, fields), times in told.items():
        grid.add_row(change, Text(f"{named} ({times} ×)" if times > 1 else named), Text(fields))
    return grid


def _changed(change: str, value: Any, zone: tzinfo | None) -> str:
    if change != "update":
        return cell(value, zone)
    before, after = value
    return f"{cell(before, zone) or '–'} → {cell(after, zone) or '–'}"


# ---- values --------------------------------------------------------------------------------------------------------------


def cell(value: Any, zone: tzinfo | None) -> str:
    """A value on one line."""
    if value in EMPTY:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return moment(value, zone) if TIME.fullmatch(value) else clean(value)
    if is_money(value):
        from tools.contract import words  # brings pydantic, which `--help` does without

        return words.money(value["amount"], value["currency"])
    if is_object(value):
        return " ".join(filter(None, (cell(part, zone) for part in value.values())))
    if is_list(value):
        return f"{len(value)} ×" if is_object(value[0]) else ", ".join(cell(part, zone) for part in value)
    return str(value)


def moment(text: str, zone: tzinfo | None) -> str:
    """An instant as the shop's clock shows it."""
    from tools.contract import words

    return words.stamp(datetime.fromisoformat(text), zone)


def has_times(value: Any) -> bool:
    if is_object(value):
        return any(map(has_times, value.values()))
    if is_list(value):
        return any(map(has_times, value))
    return isinstance(value, str) and TIME.fullmatch(value) is not None


def is_object(value: Any) -> TypeGuard[Json]:
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def is_money(value: Any) -> bool:
    return is_object(value) and value.keys() == {"amount", "currency"} and isinstance(value["amount"], int)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def label(name: str) -> str:
    return name.replace("_", " ")


def clean(text: str) -> str:
    """Text without what would steer the terminal."""
    return CONTROL.sub("", text)


# ---- progress ------------------------------------------------------------------------------------------------------------


class Steps:
    """What is being done, step by step; at a terminal the last one turns."""

    def __init__(self) -> None:
        self.out = console(stderr=True)
        self.status = self.out.status("", spinner="dots") if self.out.is_terminal else None
        self.step = ""

    def __call__(self, text: str) -> None:
        self.done()
        self.step = clean(text)
        if self.status is None:
            self.out.print(Text(self.step), soft_wrap=True)
        else:
            self.status.update(Text(self.step, no_wrap=True, overflow="ellipsis"))
            self.status.start()

    def done(self) -> None:
        """The last step is over."""
        if self.status is not None and self.step:
            self.status.stop()
            self.out.print(Text(f"✓ {self.step}", "green"), soft_wrap=True)
        self.step = ""

    def broken_off(self) -> None:
        """The last step is not over, and will not be."""
        if self.status is not None:
            self.status.stop()


@contextmanager
def steps() -> Generator[Steps]:
    """Shows the steps of something that takes a while, on standard error."""
    shown = Steps()
    try:
        yield shown
        shown.done()
    finally:
        shown.broken_off()


def progress() -> Callable[[str], None]:
    """The same for commands that are mostly quick: at a terminal a word of what they wait for, and to scripts nothing."""
    return (lambda text: say(text, "dim")) if sys.stderr.isatty() else (lambda _: None)
