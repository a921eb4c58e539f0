"""`shopkeeper import` and `shopkeeper export`: a shop's data from elsewhere, into a shop made for it, and out again."""

import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from orchestrator.surfaces.cli import show

if TYPE_CHECKING:
    import psycopg
    from psycopg.rows import TupleRow

    from db.seed.merchant import NewMerchant
    from importers.online_retail import Report
    from orchestrator.installation import Urls
    from orchestrator.settings import Settings

app = typer.Typer()
bring_in = typer.Typer(help="Bring a shop's data in from elsewhere, into a shop made for it.", no_args_is_help=True)
give_back = typer.Typer(help="Give a shop back in the shape from which it came.", no_args_is_help=True)
app.add_typer(bring_in, name="import", rich_help_panel="Look after it")
app.add_typer(give_back, name="export", rich_help_panel="Look after it")

File = Annotated[Path, typer.Argument(help="The file to read.", exists=True, dir_okay=False)]
Slug = Annotated[
    str, typer.Option("--shop", metavar="<slug>", help="The shop's short name; it is made, or gone on with.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]


@bring_in.command("online-retail")
def import_online_retail(file: File, shop: Slug = "online-retail", as_json: Json = False) -> None:
    """Bring in the invoices of UCI's "Online Retail" (csv or csv.gz). Cut off, it goes on where it was when run again.

    Invoices become orders, cancellations credits, and what is no sale of goods an adjustment. At the end it says what became
    of every line.
    """
    from dataclasses import replace

    from db import clock
    from importers import online_retail
    from orchestrator.settings import Settings

    settings = Settings()
    with online_retail.opened(file):
        pass  # a file of something else makes no shop
    made = replace(online_retail.SHOP, slug=shop)
    with show.steps() as progress, _shop_of(settings, made, progress) as (connection, merchant):
        report = online_retail.import_online_retail(connection, merchant, file, now=clock.now(), progress=progress)
    if as_json:
        show.raw(vars(report))
    else:
        _show_retail(report, shop, settings)


@bring_in.command("tau2")
def import_tau2(file: File, shop: Slug = "tau2-retail") -> None:
    """Bring in the retail world of tau2-bench (`db.json`), with its rules as the shop's settings."""
    from dataclasses import replace

    from db import clock
    from importers import tau2
    from orchestrator.settings import Settings

    settings = Settings()
    with (
        show.steps() as progress,
        _shop_of(settings, replace(tau2.SHOP, slug=shop), progress) as (connection, merchant),
    ):
        tau2.import_tau2(connection, merchant, file, now=clock.now(), progress=progress)
    show.say(f"{file.name} is in. The owner's password and an API key are in {settings.home / f'credentials-{shop}'}.")


@give_back.command("tau2")
def export_tau2(
    file: Annotated[
        Path | None, typer.Argument(help="The file to write; without it, standard output.", dir_okay=False)
    ] = None,
    shop: Slug = "tau2-retail",
) -> None:
    """Give a shop that came from tau2-bench back as its `db.json`, with all that has changed since."""
    import psycopg

    from importers import tau2_export
    from orchestrator import installation
    from orchestrator.settings import Settings

    with (
        show.steps() as progress,
        installation.database(Settings(), progress) as urls,
        psycopg.connect(urls.direct, autocommit=True) as connection,
    ):
        merchant = _merchant(connection, shop)
        if merchant is None:
            raise installation.NotReady(
                f"There is no shop {shop}.", hint="`--shop` names it; `shopkeeper import tau2` makes it."
            )
        world = tau2_export.export_tau2(connection, merchant)
    if file is None:
        show.raw(world)
        return
    file.write_bytes(orjson.dumps(world, option=orjson.OPT_INDENT_2))
    show.say(f"{file} has {len(world['orders']):,} orders.")


@contextmanager
def _shop_of(
    settings: "Settings", shop: "NewMerchant", progress: show.Steps
) -> "Generator[tuple[psycopg.Connection[TupleRow], uuid.UUID]]":
    """A connection for rows in bulk, and the shop of that short name: it is made, with its owner, if there is none."""
    import psycopg

    from orchestrator import installation
    from orchestrator.surfaces.cli.calls import run_async

    with installation.database(settings, progress) as urls:
        if urls.owner:
            installation.migrate(urls, progress)
        with psycopg.connect(urls.direct, autocommit=True) as connection:
            merchant = _merchant(connection, shop.slug)
            if merchant is None:
                run_async(_open(urls, shop, settings))
                merchant = _merchant(connection, shop.slug)
            assert merchant is not None
            yield connection, merchant


def _merchant(connection: "psycopg.Connection[TupleRow]", slug: str) -> uuid.UUID | None:
    found = connection.execute("select id from merchants where slug = %s", (slug,)).fetchone()
    return found[0] if found else None


async def _open(urls: "Urls", shop: "NewMerchant", settings: "Settings") -> None:
    from db.session import Database
    from orchestrator import installation

    database = Database(urls.runtime, size=2)
    await database.open()
    try:
        owner = installation.NewOwner(f"owner@{shop.slug}.example", "The owner")
        await installation.open_shop(
            database, shop, owner, settings.home / f"credentials-{shop.slug}", settings.address
        )
    finally:
        await database.close()


def _show_retail(report: "Report", shop: str, settings: "Settings") -> None:
    from db.money import major
    from importers.online_retail import SHOP

    show.say(f"{report.read:,} lines, {report.invoices:,} invoices, {report.credits:,} of them credits:", "green")
    for name, lines in sorted(report.lines.items(), key=lambda kind: -kind[1]):
        amount = major(report.amounts[name], SHOP.currency)
        show.say(f"{lines:>9,} {show.label(name):<12} {amount:>16} {SHOP.currency}")
    if report.rounded:
        show.say(f"{report.rounded:,} amounts had fractions of a penny, and were rounded.")
    for line in report.unreadable:
        show.say(f"Left out, {line}")
    show.say(f"The owner's password and an API key are in {settings.home / f'credentials-{shop}'}.")
