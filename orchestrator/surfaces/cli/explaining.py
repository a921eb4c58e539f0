"""`shopkeeper explain "…"`: what each stage of the embedded planner makes of a sentence, without a shop or a database."""

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from orchestrator.surfaces.cli import show

app = typer.Typer()

Sentence = Annotated[str, typer.Argument(help="What somebody might ask.")]
Zone = Annotated[str, typer.Option(help="The shop's time zone.", metavar="<zone>")]
Currency = Annotated[str, typer.Option(help="The shop's home currency.", metavar="<code>")]


@app.command(rich_help_panel="Look after it")
def explain(sentence: Sentence, zone: Zone = "Europe/Paris", currency: Currency = "EUR") -> None:
    """Tell how a request is understood without a language model: what it names, which operations it may be for, what is done."""
    from db import clock
    from orchestrator.index import read_index
    from planner.explain import explain as stages
    from planner.read.reading import Setting

    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise typer.BadParameter(f"{zone} is no time zone; Europe/Paris is one.", param_hint="--zone") from None
    for told in stages(sentence, read_index(), Setting(clock.now().astimezone(place), place, currency.upper())):
        show.line(told.stage, told.line)
