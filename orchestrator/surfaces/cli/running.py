"""Running a shop: all of it in one process (`start`), or its web process and its worker apart."""

import asyncio
import errno
import importlib
import os
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import typer

from orchestrator import memory
from orchestrator.surfaces.cli import presence, show

if TYPE_CHECKING:
    from fastapi import FastAPI

    from orchestrator.installation import Urls
    from orchestrator.settings import Settings

app = typer.Typer()
PANEL = "Run a shop"
SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE = 5  # seconds that answers may take to finish when the shop closes


@app.command(rich_help_panel=PANEL)
def start() -> None:
    """Open the shop: database, tables, the demo shop, the web process and the worker.

    Safe to repeat: what is there stays. Data and credentials are kept in `SHOPKEEPER_HOME`, the port is `SHOPKEEPER_PORT`.
    Ctrl-C closes the shop.
    """
    memory.be_thrifty()
    from orchestrator.settings import Settings

    settings = Settings()
    with _stoppable(), _port(settings) as listener:
        if listener is None:
            show.say(f"The shop is open already, at {settings.address}.")
            return
        from orchestrator import installation
        from orchestrator.surfaces.cli import logs

        importing = _imported_meanwhile("orchestrator.app", "uvicorn")
        with (
            logs.kept(settings, shown=True),
            show.steps() as progress,
            installation.database(settings, progress) as urls,
        ):
            importing.join()
            if urls.owner:
                installation.migrate(urls, progress)
            _run(_open(settings, urls, listener, progress))
            progress("Closing the shop")


@app.command(rich_help_panel=PANEL)
def serve() -> None:
    """Run a web process alone: REST, chat and console, without the worker. As many as wanted, each with its port."""
    memory.be_thrifty()
    from orchestrator import app as house
    from orchestrator import installation
    from orchestrator.settings import Settings
    from orchestrator.surfaces.cli import logs

    settings = Settings()

    async def work(urls: "Urls", listener: socket.socket) -> None:
        async with house.services(settings, urls) as parts:
            serving = f"Serving at {settings.address}. Ctrl-C stops it."
            await _serve(house.web(parts), listener, lambda: show.say(serving))

    with _stoppable(), _port(settings) as listener:
        if listener is None:
            show.say(f"The shop is open already, at {settings.address}.")
            return
        with (
            logs.kept(settings, shown=True),
            show.steps() as progress,
            installation.database(settings, progress) as urls,
        ):
            _run(work(urls, listener))


@app.command(rich_help_panel=PANEL)
def worker() -> None:
    """Run a worker alone: the outbox, what is due, what was interrupted. As many as wanted."""
    memory.be_thrifty()
    from orchestrator import app as house
    from orchestrator import installation
    from orchestrator.settings import Settings
    from orchestrator.surfaces.cli import logs

    settings = Settings()

    async def work(urls: "Urls") -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        async with house.services(settings, urls) as parts, house.working(parts, urls):
            for number in SIGNALS:
                signal.signal(number, lambda _, __: loop.call_soon_threadsafe(stop.set))
            memory.be_settled()
            show.say("Working. Ctrl-C stops it, when what it has begun is done.")
            await stop.wait()

    with (
        _stoppable(),
        logs.kept(settings, shown=True),
        show.steps() as progress,
        installation.database(settings, progress) as urls,
    ):
        _run(work(urls))


async def _open(settings: "Settings", urls: "Urls", listener: socket.socket, progress: show.Steps) -> None:
    from orchestrator import app as house
    from orchestrator import installation

    progress("Opening the shop")
    async with house.services(settings, urls) as parts:
        credentials = await installation.ensure_demo(parts.shop.database, urls, settings, progress)
        async with house.working(parts, urls):
            progress.done()
            await _serve(house.web(parts), listener, lambda: _greet(settings, credentials.email))


def _imported_meanwhile(*modules: str) -> threading.Thread:
    """What the shop needs is imported while its database starts, which keeps another core busy. To be joined before anything
    else is imported; what fails here fails again, in words, where the module is asked for.
    """

    def load() -> None:
        with suppress(Exception):
            for module in modules:
                importlib.import_module(module)

    thread = threading.Thread(target=load, name="imports", daemon=True)
    thread.start()
    return thread


def _greet(settings: "Settings", email: str) -> None:
    out = show.console()
    out.print(f"\nThe shop is open at {settings.address}", style="bold", soft_wrap=True)
    out.print(f"Sign in as {email}; the password and an API key are in {settings.credentials}", soft_wrap=True)
    out.print(f'Ask it: {_command()} chat "what is running low, and what did we sell last week?"', soft_wrap=True)
    out.print("Ctrl-C closes it.\n", style="dim")


def _command() -> str:
    """How this very command is called from here."""
    return "shopkeeper" if shutil.which("shopkeeper") else os.path.relpath(sys.argv[0])


async def _serve(web: "FastAPI", listener: socket.socket, opened: Callable[[], None]) -> None:
    """Answer requests until a signal comes."""
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            memory.be_settled()
            opened()

    # uvicorn takes the signals while it serves, and raises them again afterwards: closing has to go on undisturbed
    for number in SIGNALS:
        signal.signal(number, lambda _, __: None)
    config = uvicorn.Config(
        web, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=GRACE, server_header=False
    )
    await Server(config).serve(sockets=[listener])


def _run(work: Coroutine[Any, Any, None]) -> None:
    factory: Any = asyncio.SelectorEventLoop
    if sys.platform != "win32":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(work)


@contextmanager
def _stoppable() -> Generator[None]:
    """SIGTERM and Ctrl-C end whatever is being done, and all that was opened is closed again."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    except KeyboardInterrupt:
        show.say("Stopped before the shop was open. Nothing is lost: start it again.")
        raise typer.Exit(130) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _port(settings: "Settings") -> Generator[socket.socket | None]:
    """The shop's port, taken before anything slow begins; None when this very shop is open there already."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family)
        # uvloop does it, asyncio not for a socket made so: each answer would wait 40 ms for the client to confirm its first part
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE and presence.server_of(settings.home, settings.port):
            yield None
            return
        raise _not_free(settings, error) from error
    with listener, presence.serving(settings.home, settings.port):
        yield listener


def _not_free(settings: "Settings", error: OSError) -> Exception:
    from orchestrator.installation import NotReady

    if error.errno == errno.EADDRINUSE:
        return NotReady(
            f"Port {settings.port} is taken, and not by this home's shop.",
            hint=f"Choose another: SHOPKEEPER_PORT={settings.port + 1} make start. Or end what has it "
            f"(`lsof -i :{settings.port}` names it).",
        )
    return NotReady(
        f"{settings.host}:{settings.port} cannot be listened on: {error.strerror or error}.",
        hint="Set SHOPKEEPER_HOST to an address of this machine and SHOPKEEPER_PORT to a port above 1023.",
    )
