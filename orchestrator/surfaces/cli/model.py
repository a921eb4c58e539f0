"""`shopkeeper model check`: on one screen, whether the language model of the settings can do what the shop needs."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.surfaces.cli import show

if TYPE_CHECKING:
    from orchestrator.model_check import Examined
    from orchestrator.settings import Settings

app = typer.Typer(help="The language model that answers instead of the embedded planner.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.callback()
def model() -> None:
    """The language model that answers instead of the embedded planner."""


@app.command()
def check(as_json: Json = False) -> None:
    """Ask the models of the settings a little of everything that the shop needs of them.

    Each line says what is there, or what its absence means. Ends with 1 when something is missing without which a model is of
    no use. It costs a few hundred tokens; nothing of the shop is told, and nothing is done.
    """
    from orchestrator.settings import Settings
    from orchestrator.surfaces.cli.calls import run_async

    settings = Settings()
    if not settings.has_model:
        show.trouble(
            "No language model is configured: the embedded planner answers.",
            "Set OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own; docs/models.md says how.",
        )
        raise typer.Exit(1)
    found = run_async(_examined(settings, as_json))
    if as_json:
        show.raw([_as_json(one) for one in found])
    if not all(one.useful for one in found):
        raise typer.Exit(1)


async def _examined(settings: "Settings", as_json: bool) -> "list[Examined]":
    """Each model is shown as soon as it was examined."""
    from orchestrator.model_check import examine

    found: list[Examined] = []
    async for one in examine(settings):
        found.append(one)
        if not as_json:
            _show(one, settings.openai_base_url)
    return found


def _show(one: "Examined", url: str | None) -> None:
    where = f" at {url}" if url else ""
    show.console().print(f"{one.model}{where}: {', '.join(one.roles)}", style="bold", soft_wrap=True)
    for ability in one.abilities:
        mark = "ok" if ability.there else "MISSING" if ability.needed else "without"
        show.line(mark, f"{ability.name}: {ability.told}")


def _as_json(one: "Examined") -> dict[str, object]:
    abilities = [ability._asdict() for ability in one.abilities]
    return {"model": one.model, "roles": list(one.roles), "useful": one.useful, "abilities": abilities}
