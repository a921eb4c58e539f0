"""Talking to the shop from a terminal: one question, or a conversation. What the assistants do is shown as they do it."""

import asyncio
import contextlib
import sys
import uuid
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from orchestrator.surfaces.cli import show
from orchestrator.surfaces.cli.operations import UNFOLD, WAITS, zone_of
from orchestrator.surfaces.cli.troubles import refusals

if TYPE_CHECKING:
    from rich.live import Live

    from orchestrator.surfaces.cli.talk import Event, Talk

app = typer.Typer()
LEAVE = ("/quit", "/exit")
ROWS = 10  # of a table that the answer does not have itself

Question = Annotated[
    str | None, typer.Argument(help="What to ask; `-` reads it from standard input. Without it: a conversation.")
]
Earlier = Annotated[str | None, typer.Option("--conversation", metavar="<CON-…>", help="Go on with an earlier one.")]
Approve = Annotated[bool, typer.Option("--approve", help="Approve whatever card comes, unasked.")]
Reject = Annotated[str | None, typer.Option("--reject", metavar="<reason>", help="Reject whatever card comes.")]
Rows = Annotated[bool, typer.Option("--rows", help="Show of a card each row that would be written, too.")]
Json = Annotated[bool, typer.Option("--json", help="Print the events as they come, one JSON object a line.")]


@dataclass
class Manner:
    """How cards are decided, and how answers are shown."""

    approve: bool
    reject: str | None
    rows: bool
    as_json: bool
    zone: tzinfo | None = None

    @property
    def asks(self) -> bool:
        """Whether somebody sits there who can be asked."""
        return not self.as_json and sys.stdin.isatty() and sys.stdout.isatty()

    @property
    def unfold(self) -> str | None:
        """How to see the rows of a card that has them folded."""
        if self.rows:
            return None
        return "type rows to see them" if self.asks else UNFOLD


@app.command(rich_help_panel="Run a shop")
def chat(
    text: Question = None,
    conversation: Earlier = None,
    approve: Approve = False,
    reject: Reject = None,
    rows: Rows = False,
    as_json: Json = False,
) -> None:
    """Talk to the shop: `shopkeeper chat "what is running low?"`, or `shopkeeper chat` for a conversation.

    What moves money, goods or access shows its card first and asks you. Where nobody can be asked, the card and its
    reference are printed, and the command ends with 3.
    """
    if approve and reject is not None:
        raise typer.BadParameter("Give --approve or --reject, not both.")
    with refusals(as_json=as_json):
        code = _converse(
            sys.stdin.read() if text == "-" else text, conversation, Manner(approve, reject, rows, as_json)
        )
    raise typer.Exit(code)


def _converse(question: str | None, conversation: str | None, manner: Manner) -> int:
    """The loop runs only while something is asked of the shop, so that Ctrl-C at a prompt leaves the prompt."""
    from orchestrator.settings import Settings
    from orchestrator.surfaces.cli.talk import talking

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop if sys.platform == "win32" else None) as runner:
        opened = AsyncExitStack()
        try:
            talk = runner.run(opened.enter_async_context(talking(Settings(), show.progress())))
            reference = conversation or runner.run(talk.start())
            manner.zone = None if manner.as_json else runner.run(zone_of(talk.client))
            if question is None:
                return _go_on(runner, talk, reference, manner)
            code = _turn(runner, talk, reference, question, manner)
            show.say(f"To go on: --conversation {reference}", "dim")
            return code
        finally:
            runner.run(opened.aclose())


def _go_on(runner: asyncio.Runner, talk: "Talk", conversation: str, manner: Manner) -> int:
    """A conversation, until its end is typed; the exit code is the last turn's."""
    with contextlib.suppress(ImportError):  # absent on Windows; elsewhere it gives `input` a history
        import readline as readline

    show.say(f"{conversation}. Ctrl-D leaves, Ctrl-C stops an answer.", "dim")
    code = 0
    while True:
        try:
            said = input("› " if sys.stdin.isatty() else "").strip()
        except (EOFError, KeyboardInterrupt):
            return code
        if said in LEAVE:
            return code
        if not said:
            continue
        try:
            with refusals(as_json=manner.as_json):
                code = _turn(runner, talk, conversation, said, manner)
        except typer.Exit as refused:
            code = refused.exit_code
        except KeyboardInterrupt:
            show.say("Stopped listening. What had begun goes on.", "yellow")


def _turn(runner: asyncio.Runner, talk: "Talk", conversation: str, text: str, manner: Manner) -> int:
    """One question, to its answer. Returns 1 when there is none, 3 when a card was left undecided."""
    view = View(manner)
    events = talk.events(conversation, runner.run(talk.say(conversation, text)))
    try:
        while True:
            last = runner.run(_listen(events, view))
            if last is None or last.kind == "run.finished":
                return 0 if last and last.data["status"] == "finished" else 1
            decision = _decision(last.data["approval"], last.data["card"], manner)
            if decision is None:
                return WAITS
            runner.run(_decide(talk, decision))
    finally:
        view.still()
        runner.run(_close(events))


async def _listen(events: "AsyncGenerator[Event]", view: "View") -> "Event | None":
    """Show what comes, up to a card or the end."""
    async for event in events:
        view.show(event)
        if event.kind in ("approval.required", "run.finished"):
            return event
    return None


async def _close(events: "AsyncGenerator[Event]") -> None:
    await events.aclose()


def _decision(approval: str, card: dict[str, Any], manner: Manner) -> dict[str, Any] | None:
    """What the person decides; None when nobody is there to decide."""
    if manner.approve:
        return {"approval": approval, "decision": "approve"}
    if manner.reject is not None:
        return {"approval": approval, "decision": "reject", "reason": manner.reject}
    said = _asked(card, manner) if manner.asks else ""
    if said.lower() in ("y", "yes"):
        return {"approval": approval, "decision": "approve"}
    if said:
        reason = "Rejected without a reason." if said.lower() in ("n", "no") else said
        return {"approval": approval, "decision": "reject", "reason": reason}
    decide = f"shopkeeper backoffice decide-approval --approval {approval} --decision approve"
    show.say(f"{approval} waits for a decision: {decide} (or reject, with --reason).")
    return None


def _asked(card: dict[str, Any], manner: Manner) -> str:
    """What the person says to a card; nothing is to leave it for later."""
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while (said := input("approve? [y/n/reason, or rows] ").strip()).lower() == "rows":
            show.console().print(show.rows(card, manner.zone))
        return said
    return ""


async def _decide(talk: "Talk", decision: dict[str, Any]) -> None:
    from tools import registry

    await talk.client.call(registry.tool("decide_approval"), decision, key=str(uuid.uuid4()))


class View:
    """What a person sees of a turn: the answer on standard output, what leads to it on standard error."""

    def __init__(self, manner: Manner) -> None:
        self.manner = manner
        self.out = show.console()
        self.tables: list[dict[str, Any]] = []
        self.part, self.text = 0, ""
        self.live: Live | None = None

    def show(self, event: "Event") -> None:
        if self.manner.as_json:
            typer.echo(orjson.dumps(event._asdict()))
            return
        if event.kind == "token":
            self._write(event.data["text"], event.data["part"])
            return
        self.still()
        told = event.data
        match event.kind:
            case "route":
                show.say(f"→ {', '.join(told['specialists'])}", "dim")
            case "tool.started":
                show.say(f"  {told['tool']} ({told['specialist']})", "dim")
            case "tool.finished" if told["outcome"] != "done":
                show.say(f"  {told['tool']}: {told['outcome']}", "yellow")
            case "table":
                self.tables.append(told)
            case "approval.required":
                manner, about = self.manner, {"approval": told["approval"], "why": told["why"]}
                self.out.print(show.waiting(told["card"], **about, zone=manner.zone, unfold=manner.unfold))
            case "run.finished":
                self._answer(told["answer"])
            case _:
                pass

    def still(self) -> None:
        """End the answer that is being written; it comes again, as a whole."""
        if self.live is not None:
            self.live.stop()
            self.live = None

    def _write(self, text: str, part: int) -> None:
        """A piece of the answer; a new part begins again."""
        from rich.live import Live
        from rich.markdown import Markdown

        if not self.out.is_terminal:
            return
        self.text = text if part != self.part else self.text + text
        self.part = part
        if self.live is None:
            self.live = Live(console=self.out, transient=True, refresh_per_second=8)
            self.live.start()
        self.live.update(Markdown(show.clean(self.text), hyperlinks=False))

    def _answer(self, answer: str) -> None:
        """The answer as it was stored, and the tables that it does not have itself."""
        from rich.markdown import Markdown
        from rich.text import Text

        for told in self.tables if "\n|" not in answer else []:
            for part in show.table(told["rows"][:ROWS], self.manner.zone, self.out.width):
                self.out.print(part)
            if told["total"] > ROWS:
                self.out.print(Text(f"{ROWS} of {told['total']} rows.", "dim"))
        text = show.clean(answer)
        if self.out.is_terminal:
            self.out.print(Markdown(text, hyperlinks=False))
        else:
            typer.echo(text)
