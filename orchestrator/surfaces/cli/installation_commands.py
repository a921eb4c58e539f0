"""Commands of the installation: its database, its shops, and what the program says of itself."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.surfaces.cli import show

if TYPE_CHECKING:
    from db.seed.merchant import NewMerchant
    from orchestrator.installation import Urls

app = typer.Typer()
merchants = typer.Typer(help="Add shops to this installation.", no_args_is_help=True)
app.add_typer(merchants, name="merchants", rich_help_panel="Look after it")
PANEL = "Look after it"
ABOUT = "About the program"
SHOWN = 20  # rows of a check that is broken

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.command(rich_help_panel=PANEL)
def migrate() -> None:
    """Bring the database's tables up to what this version knows.

    With `DATABASE_OWNER_URL` alone, it first creates the runtime role, and says so.
    """
    from orchestrator import installation
    from orchestrator.settings import Settings

    settings = Settings()
    with show.steps() as progress, installation.database(settings, progress) as urls:
        installation.migrate(urls, progress)
    show.say("The tables are up to date.")


@app.command(rich_help_panel=PANEL)
def demo() -> None:
    """Load the demo shop, once: a year of orders, and troubles worth asking about."""
    from db.session import Database
    from orchestrator import installation
    from orchestrator.settings import Settings
    from orchestrator.surfaces.cli.calls import run_async

    settings = Settings()

    async def load(urls: "Urls", progress: show.Steps) -> None:
        database = Database(urls.runtime, size=2)
        await database.open()
        try:
            await installation.ensure_demo(database, urls, settings, progress)
        finally:
            await database.close()

    with show.steps() as progress, installation.database(settings, progress) as urls:
        if urls.owner:
            installation.migrate(urls, progress)
        run_async(load(urls, progress))
    show.say(f"The demo shop is there; its owner's password and API key are in {settings.credentials}.")


@app.command(rich_help_panel=PANEL)
def dump(file: Annotated[Path, typer.Argument(help="The file to write.", dir_okay=False)]) -> None:
    """Write everything that the database has into a file (PostgreSQL's custom format)."""
    from db import backup
    from orchestrator import installation
    from orchestrator.settings import Settings

    settings = Settings()
    with show.steps() as progress, installation.database(settings, progress) as urls:
        backup.dump(_owner(urls), file.absolute(), progress)
    show.say(f"{file} has the shop, {file.stat().st_size / 1e6:.1f} MB.")
    if settings.credentials.exists():
        show.say(f"Keep {settings.credentials} beside it: the owner's password and key are in no dump.")


@app.command(rich_help_panel=PANEL)
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `shopkeeper dump` wrote.", exists=True, dir_okay=False)],
    replace: Annotated[bool, typer.Option("--replace", help="Write over the shop that is there: it is lost.")] = False,
) -> None:
    """Bring back what a dump has: all of it, or on any trouble nothing."""
    from db import backup
    from orchestrator import installation
    from orchestrator.settings import Settings

    settings = Settings()
    with show.steps() as progress, installation.database(settings, progress) as urls:
        backup.restore(_owner(urls), file.absolute(), replace=replace, progress=progress)
    show.say(f"The shop of {file} is back.")
    show.say(
        f"Its owner's password and key are those of the `credentials` that belong to it: put them at {settings.credentials}."
    )


@app.command(rich_help_panel=PANEL)
def check(as_json: Json = False) -> None:
    """Check that the books agree: ledgers with counters, orders with payments, in every shop.

    Each check says what has to hold, and shows the rows that break it. Ends with 1 when there are any.
    """
    from orchestrator import installation
    from orchestrator.settings import Settings
    from orchestrator.surfaces.cli.books import broken_rules
    from orchestrator.surfaces.cli.calls import run_async

    with show.steps() as progress, installation.database(Settings(), progress) as urls:
        found = run_async(broken_rules(urls.runtime, progress))
    if as_json:
        show.raw(found)
    elif not any(rule["rows"] for rule in found):
        show.say(f"All {len(found)} checks hold.", "green")
    for rule in found:
        if rule["rows"] and not as_json:
            _show_broken(rule)
    if any(rule["rows"] for rule in found):
        raise typer.Exit(1)


@app.command(rich_help_panel=PANEL)
def password_link(
    email: Annotated[str | None, typer.Argument(help="Whose link; without it, who asked for one is listed.")] = None,
    as_json: Json = False,
) -> None:
    """Make the link with which a person sets a new password, to be handed to them: for an installation without mail.

    It works once, for an hour, and the former one no longer. Nobody ever sees a password.
    """
    from db.session import Database
    from orchestrator import accounts, installation
    from orchestrator.settings import Settings
    from orchestrator.surfaces.cli.calls import run_async
    from orchestrator.surfaces.cli.troubles import refusals

    settings = Settings()

    async def links(urls: "Urls") -> list[dict[str, Any]]:
        database = Database(urls.runtime, size=2)
        await database.open()
        try:
            if email is None:
                return [
                    {"email": lost.email, "asked_at": lost.asked_at} for lost in await accounts.who_lost_it(database)
                ]
            return [{"email": email, "link": await accounts.link_for(database, email, settings.site.address)}]
        finally:
            await database.close()

    with refusals(as_json=as_json), show.steps() as progress, installation.database(settings, progress) as urls:
        found = run_async(links(urls))
    if as_json:
        show.raw(found)
        return
    for row in found:
        show.console().print(row.get("link") or f"{row['asked_at']:%Y-%m-%d %H:%M} UTC  {row['email']}", soft_wrap=True)
    if not found:
        show.say("Nobody asked for a new password within a day.")


@app.command(rich_help_panel=ABOUT)
def tools(as_json: Json = False) -> None:
    """List every operation: its command, its route, and what it does."""
    from rich.table import Table
    from rich.text import Text

    from tools import registry

    every = registry.tools().values()
    if as_json:
        show.raw([_operation(tool) for tool in every])
        return
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("command", "effect", "what it does"):
        grid.add_column(title, overflow="fold")
    for tool in every:
        grid.add_row(f"{tool.room} {tool.name.replace('_', '-')}", tool.effect.value, Text(tool.summary))
    show.console().print(grid)


def _operation(tool: Any) -> dict[str, Any]:
    return {
        "name": tool.name,
        "room": tool.room,
        "route": f"{tool.method} {tool.path}",
        "effect": tool.effect.value,
        "permission": tool.permission,
        "for_people": tool.for_people,
        "summary": tool.summary,
    }


@app.command(rich_help_panel=ABOUT)
def openapi() -> None:
    """Print the OpenAPI document of the REST interface."""
    from importlib.metadata import version as version_of

    from orchestrator.surfaces.openapi import document
    from tools import registry

    show.raw(document(registry.tools().values(), version_of("shopkeeper")))


@app.command(rich_help_panel=ABOUT)
def version() -> None:
    """Say which version this is."""
    from importlib.metadata import version as version_of

    show.console().print(f"shopkeeper {version_of('shopkeeper')}")


@merchants.command("add")
def add_merchant(
    slug: Annotated[str, typer.Argument(help="The shop's short name in addresses, such as `harbour-tea`.")],
    name: Annotated[str, typer.Option("--name", metavar="<text>", help="What the shop is called.")],
    owner: Annotated[str, typer.Option("--owner", metavar="<e-mail>", help="The owner's e-mail address.")],
    owner_name: Annotated[str, typer.Option("--owner-name", metavar="<text>", help="What the owner is called.")],
    currency: Annotated[str, typer.Option("--currency", metavar="<code>", help="Home currency, ISO 4217.")] = "EUR",
    zone: Annotated[str, typer.Option("--zone", metavar="<zone>", help="Time zone, IANA.")] = "Europe/Paris",
    country: Annotated[str, typer.Option("--country", metavar="<code>", help="Country, ISO 3166 alpha-2.")] = "FR",
    net_prices: Annotated[bool, typer.Option("--net-prices", help="Prices are without tax.")] = False,
) -> None:
    """Add an empty shop with its owner. The password and an API key are written to a file in `SHOPKEEPER_HOME`."""
    from db.seed.merchant import NewMerchant
    from db.session import Database
    from orchestrator import installation
    from orchestrator.settings import Settings
    from orchestrator.surfaces.cli.calls import run_async
    from orchestrator.surfaces.cli.troubles import refusals

    settings = Settings()
    kept = settings.home / f"credentials-{slug}"
    shop = NewMerchant(slug, name, currency, zone, country, prices_include_tax=not net_prices)

    async def add(urls: "Urls") -> None:
        database = Database(urls.runtime, size=2)
        await database.open()
        try:
            await installation.open_shop(
                database, shop, installation.NewOwner(owner, owner_name), kept, settings.address
            )
        finally:
            await database.close()

    with refusals():
        _refuse_odd(shop, owner, owner_name)
        with show.steps() as progress, installation.database(settings, progress) as urls:
            run_async(add(urls))
    show.say(f"{name} is there. {owner} signs in with the password in {kept}, which has an API key, too.")


def _refuse_odd(shop: "NewMerchant", owner: str, owner_name: str) -> None:
    """The rules for a shop's settings and people are those of the operations that change them. Raises `Invalid`."""
    from tools import registry
    from tools.contract.call import validated
    from tools.contract.errors import Invalid

    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?", shop.slug):
        raise Invalid(f"{shop.slug} is not a short name for a shop.", hint="Use small letters, digits and hyphens.")
    settings = {"name": shop.name, "currency": shop.currency, "zone": shop.zone, "country": shop.country}
    validated(registry.tool("update_merchant"), settings)
    validated(registry.tool("create_user"), {"email": owner, "name": owner_name, "role": "owner"})


def _owner(urls: "Urls") -> str:
    from orchestrator.installation import NotReady

    if urls.owner is None:
        raise NotReady("This needs the owner of the tables.", hint="Set DATABASE_OWNER_URL.")
    return urls.owner


def _show_broken(rule: dict[str, Any]) -> None:
    out = show.console()
    out.print(f"\n{rule['merchant']}: {rule['name']}", style="bold red")
    out.print(f"{rule['sentence']} {len(rule['rows'])} rows break it:")
    for part in show.table(rule["rows"][:SHOWN], None, out.width):
        out.print(part)
    if len(rule["rows"]) > SHOWN:
        out.print(f"… and {len(rule['rows']) - SHOWN} more (--json has them).", style="dim")
