"""Every operation as a command, made from its declaration when its room is asked for: `shopkeeper orders list-orders`."""

import ast
import importlib.util
import inspect
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime, tzinfo
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer
from typer.core import TyperGroup
from typer.main import get_group

from orchestrator.surfaces.cli import show
from orchestrator.surfaces.cli.transfers import followed, save, show_job, uploads
from orchestrator.surfaces.cli.troubles import refusals
from tools import ROOMS

if TYPE_CHECKING:
    from orchestrator.surfaces.cli.answers import Client
    from orchestrator.surfaces.cli.values import Field
    from tools.contract.declare import Tool

WAITS = 3  # the exit code of a call that waits for a person's decision

Json = Annotated[bool, typer.Option("--json", help="Print the raw result as JSON.")]
Preview = Annotated[bool, typer.Option("--preview", help="Show what it would change, and change nothing.")]
Rows = Annotated[bool, typer.Option("--rows", help="Of a card, show each row that would be written, too.")]
To = Annotated[
    Path | None,
    typer.Option(
        "--to", metavar="<path>", help="Where to write the file: a name, or a folder; unless said, the current one."
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Write over a file that lies there.")]
Follow = Annotated[bool, typer.Option("--follow/--no-follow", help="Show how far the job is until it is through.")]
UNFOLD = "--rows shows them"
Key = Annotated[
    str | None,
    typer.Option("--idempotency-key", metavar="<text>", help="Give it again to repeat a call: it is done once."),
]


class Room(TyperGroup):
    """A room's operations, as commands: one is made when it is asked for, all when they are listed or none has that name."""

    def list_commands(self, ctx: Any) -> list[str]:
        self.commands = _commands_of(self._tools())
        return super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        name = cmd_name.replace("_", "-")
        if name not in self.commands:
            asked = [tool for tool in self._tools() if tool.name == name.replace("-", "_")]
            self.commands |= _commands_of(asked or self._tools())
        return super().get_command(ctx, name)

    def _tools(self) -> "Iterable[Tool[Any, Any]]":
        from tools import registry

        return registry.tools_of(self.name or "")


def _commands_of(tools: "Iterable[Tool[Any, Any]]") -> Any:
    """The commands of operations, by their names."""
    operations = typer.Typer(rich_markup_mode="markdown")
    for tool in tools:
        name, phrases = tool.name.replace("_", "-"), ", ".join(f"“{phrase}”" for phrase in tool.examples)
        operations.command(name, help=tool.description, epilog=f"In the chat: {phrases}.")(_command(tool))
    return get_group(operations).commands


@cache
def rooms() -> dict[str, str]:
    """Each room and what it is for: the first line of its source, so that listing them imports none."""
    found: dict[str, str] = {}
    for room in ROOMS:
        spec = importlib.util.find_spec(f"tools.{room}")
        told = ast.get_docstring(ast.parse(Path(spec.origin).read_text())) if spec and spec.origin else None
        found[room] = (told or "").partition("\n")[0]
    return found


def _command(tool: "Tool[Any, Any]") -> Callable[..., None]:
    """The function that typer calls, with an option for each field of the input."""
    from orchestrator.surfaces.cli.calls import run_async
    from orchestrator.surfaces.cli.values import arguments_of, fields_of

    fields = fields_of(tool)

    def run(**given: Any) -> None:
        with refusals(as_json=given["as_json"]):
            arguments = arguments_of(fields, {field.name: given[f"of_{field.name}"] for field in fields})
            key = given.get("key") or str(uuid.uuid4())
            if _gives_a_file(tool):
                run_async(_save(tool, arguments, given["to"], overwrite=given["overwrite"], as_json=given["as_json"]))
                return
            manner = {name: given.get(name, False) for name in ("preview", "as_json", "rows", "follow")}
            run_async(_call(tool, arguments, key, **manner))

    options = [_option(field) for field in fields]
    options.append(_parameter("as_json", Json, default=False))
    if tool.writes:
        options += [_parameter("preview", Preview, default=False), _parameter("key", Key, default=None)]
    if _gives_a_file(tool):
        options += [_parameter("to", To, default=None), _parameter("overwrite", Overwrite, default=False)]
    if tool.work:
        options.append(_parameter("follow", Follow, default=True))
    if tool.writes or "card" in tool.output.model_fields:
        options.append(_parameter("rows", Rows, default=False))
    vars(run)["__signature__"] = inspect.Signature(options)  # what typer reads
    return run


def _gives_a_file(tool: "Tool[Any, Any]") -> bool:
    from tools.contract.files import FileResult

    return issubclass(tool.output, FileResult)


async def _save(
    tool: "Tool[Any, Any]", arguments: dict[str, Any], to: Path | None, *, overwrite: bool, as_json: bool
) -> None:
    from orchestrator.settings import Settings
    from orchestrator.surfaces.cli.calls import connected

    async with connected(Settings(), show.progress()) as client, client.fetch(tool, arguments) as file:
        path = await save(file, to, overwrite=overwrite)
    if as_json:
        show.raw({"path": str(path), "bytes": path.stat().st_size})
    else:
        show.say(f"{path} was written.")


def _option(field: "Field") -> inspect.Parameter:
    option = typer.Option(field.flag, metavar=field.metavar, help=field.help, case_sensitive=False)
    kind: Any = list[field.kind] if field.many else field.kind
    if field.required:
        return _parameter(f"of_{field.name}", Annotated[kind, option], default=inspect.Parameter.empty)
    return _parameter(f"of_{field.name}", Annotated[kind | None, option], default=None)


def _parameter(name: str, annotation: Any, *, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


async def _call(
    tool: "Tool[Any, Any]", arguments: dict[str, Any], key: str,
    *, preview: bool, as_json: bool, rows: bool, follow: bool,
) -> None:  # fmt: skip
    """Call it and show what it answered. Ends with 3 when that is: a person has to decide first; with 1 where a job failed."""
    from orchestrator.settings import Settings
    from orchestrator.surfaces.cli.calls import connected

    async with connected(Settings(), show.progress()) as client:
        if any(isinstance(value, datetime) for value in arguments.values()):
            arguments = in_zone(arguments, await zone_of(client))
        arguments = await uploads(client, tool, arguments)
        answer = await client.call(tool, arguments, key=key if tool.writes else None, preview=preview)
        job = await followed(client, answer.result["job"]) if follow and not as_json and answer.result else None
        zone = None if as_json else await zone_of(client)
    unfold = None if rows else UNFOLD
    if answer.replayed:
        show.say("This key was used before: the first answer again.", "dim")
    if as_json:
        show.raw(answer.as_json())
    elif job is not None:
        show_job(job, zone)
    elif answer.result is not None:
        show.result(answer.result, zone, tool.name.replace("_", " "), unfold)
    elif answer.card is not None:
        shown = show.waiting(answer.card, approval=answer.approval, why=answer.why, zone=zone, unfold=unfold)
        show.console().print(shown)
    if answer.approval:
        decide = f"shopkeeper backoffice decide-approval --approval {answer.approval} --decision approve"
        show.say(f"It waits for a person who may: {decide}")
        raise typer.Exit(WAITS)


async def zone_of(client: "Client") -> tzinfo | None:
    """The shop's zone; the computer's own (None) for somebody who may not read the shop's settings."""
    from orchestrator.surfaces.cli.answers import Refused
    from tools import registry

    try:
        shop = await client.call(registry.tool("get_merchant"), {})
    except Refused:
        return None
    return ZoneInfo(shop.result["zone"]) if shop.result else None


def in_zone(arguments: dict[str, Any], zone: tzinfo | None) -> dict[str, Any]:
    """Times that were written without an offset are the shop's, else the computer's."""

    def placed(value: Any) -> Any:
        if not isinstance(value, datetime):
            return value
        return (value.replace(tzinfo=zone) if zone else value.astimezone()).isoformat()

    return {name: placed(value) for name, value in arguments.items()}
