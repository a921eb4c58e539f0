"""The command line: the installation's own commands, every operation by its room, and the chat.

Modules are imported when a command needs them: `shopkeeper --help` names the rooms and loads none of them.
"""

from typing import Any

import typer
from typer.core import TyperGroup

from orchestrator import memory
from orchestrator.surfaces.cli import (
    chat,
    explaining,
    following,
    importing,
    installation_commands,
    model,
    operations,
    running,
    show,
    troubles,
)


class House(TyperGroup):
    """The installation's own commands and a door to each room; what goes wrong behind any of them is told in two lines."""

    def list_commands(self, ctx: Any) -> list[str]:
        self._open_rooms()
        return super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.commands:
            self._open_rooms()
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            known = troubles.plainly(error)
            if known is None:
                raise
            show.trouble(*known)
            raise typer.Exit(1) from None

    def _open_rooms(self) -> None:
        for name, purpose in operations.rooms().items():
            if name not in self.commands:
                self.commands[name] = operations.Room(
                    name=name,
                    help=purpose,
                    no_args_is_help=True,
                    rich_help_panel="Rooms: every operation of the shop",
                    rich_markup_mode="markdown",
                )


app = typer.Typer(
    name="shopkeeper",
    cls=House,
    help="Shopkeeper: the back office of an online shop, run by conversation.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
app.add_typer(running.app)
app.add_typer(chat.app)
app.add_typer(installation_commands.app)
app.add_typer(importing.app)
app.add_typer(explaining.app)
app.add_typer(model.app, name="model", rich_help_panel="Look after it")
app.add_typer(following.app)


def main() -> None:
    """The command `shopkeeper`."""
    memory.be_brief()
    try:
        app()
    finally:
        memory.leave()
