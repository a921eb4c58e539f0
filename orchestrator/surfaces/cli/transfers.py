"""Files and long jobs on the command line: a path is uploaded, a file is written, a job is followed to its end."""

import asyncio
import uuid
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from orchestrator.surfaces.cli import show

if TYPE_CHECKING:
    from orchestrator.surfaces.cli.answers import Client, Download
    from tools.contract.declare import Tool

LOOKS = 0.5  # seconds between two looks at a job
ENDS = ("done", "failed")


async def uploads(client: "Client", tool: "Tool[Any, Any]", arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments, with a `FILE-…` in the place of each path. Raises `Refused` where nothing lies."""
    from db.references import Kind, kind_of

    sent = dict(arguments)
    for name, schema in tool.schema.get("properties", {}).items():
        written = arguments.get(name)
        if schema.get("x-prefix") == Kind.file.value and written and kind_of(written) is not Kind.file:
            sent[name] = await client.upload(_readable(written), uuid.uuid4().hex)
    return sent


def _readable(written: str) -> Path:
    path = Path(written).expanduser()
    if not path.is_file():
        message = f"There is no file {path}."
        hint = "Give the path of a file, or a FILE-… that was uploaded."
        from orchestrator.surfaces.cli.answers import Refused

        raise Refused(404, {"code": "NotFound", "message": message, "hint": hint})
    return path


async def save(file: "Download", to: Path | None, *, overwrite: bool) -> Path:
    """Write a file to where `to` says, or into the current folder. What lies there stays, unless told."""
    path = (to or Path()).expanduser()
    path = path / Path(file.name).name if path.is_dir() else path
    try:
        target = path.open("wb" if overwrite else "xb")
    except FileExistsError:
        message = f"{path} lies there already."
        hint = "Name another place with --to, or say --overwrite."
        from orchestrator.surfaces.cli.answers import Refused

        raise Refused(409, {"code": "FileExists", "message": message, "hint": hint}) from None
    try:
        with target:
            async for piece in file.pieces:
                target.write(piece)
    except BaseException:
        path.unlink(missing_ok=True)  # half a file is worse than none
        raise
    return path


async def followed(client: "Client", reference: str) -> dict[str, Any]:
    """The job when it is through; meanwhile it is shown how far it is, to scripts each step once."""
    out, step = show.console(stderr=True), ""
    with out.status(f"{reference} waits for its turn") as shown:
        async with client.working(reference):
            while True:
                job = await client.job(reference)
                if not out.is_terminal and job["step"] not in (None, step):
                    show.say(told(job), "dim")
                shown.update(told(job))
                step = job["step"] or step
                if job["status"] in ENDS:
                    return job
                await asyncio.sleep(LOOKS)


def told(job: dict[str, Any]) -> str:
    """`JOB-12 running: importing, 1,200 of 10,000`."""
    counted = f", {job['done']:,} of {job['total']:,}" if job["total"] else ""
    wrong = f", {job['failed']:,} wrong" if job["failed"] else ""
    return f"{job['job']} {job['status']}: {job['step'] or 'waits for its turn'}{counted}{wrong}"


def show_job(job: dict[str, Any], zone: tzinfo | None) -> None:
    """What a job came to. Ends the command with 1 where it failed."""
    if job["result"]:
        show.result(job["result"], zone, f"{job['job']} {job['status']}")
    if job["problem"]:
        show.trouble(job["problem"]["message"], job["problem"]["hint"])
    if job["failed"]:
        show.say(
            f"shopkeeper job {job['job']} --errors writes down what is wrong with each of {job['failed']:,} lines."
        )
    if job["problem"]:
        raise typer.Exit(1)
