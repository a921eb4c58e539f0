"""`shopkeeper job JOB-12`: how far a long job is, until it is through, and what was wrong in its file."""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.surfaces.cli import show
from orchestrator.surfaces.cli.transfers import followed, save, show_job
from orchestrator.surfaces.cli.troubles import refusals

app = typer.Typer()

Reference = Annotated[str, typer.Argument(metavar="JOB-…", help="The job.")]
Errors = Annotated[bool, typer.Option("--errors", help="Write what is wrong with each line into a CSV file.")]
To = Annotated[
    Path | None, typer.Option("--to", metavar="<path>", help="Where to write that; unless said, the current folder.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Write over a file that lies there.")]
Json = Annotated[bool, typer.Option("--json", help="Print the job as it is now, as JSON.")]


@app.command(rich_help_panel="Talk with it")
def job(
    reference: Reference, errors: Errors = False, to: To = None, overwrite: Overwrite = False, as_json: Json = False
) -> None:
    """Show how far a long job is, until it is through."""
    from orchestrator.surfaces.cli.calls import run_async

    with refusals(as_json=as_json):
        run_async(_show(reference, errors=errors, to=to, overwrite=overwrite, as_json=as_json))


async def _show(reference: str, *, errors: bool, to: Path | None, overwrite: bool, as_json: bool) -> None:
    from orchestrator.settings import Settings
    from orchestrator.surfaces.cli.calls import connected
    from orchestrator.surfaces.cli.operations import zone_of

    async with connected(Settings(), show.progress()) as client:
        if errors:
            async with client.errors(reference) as file:
                show.say(f"{await save(file, to, overwrite=overwrite)} was written.")
        elif as_json:
            show.raw(await client.job(reference))
        else:
            show_job(await followed(client, reference), await zone_of(client))
