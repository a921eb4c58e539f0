"""A shop that `shopkeeper start` opened in a home of its own, and the command line to it."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner, Result

from db import embedded
from db.embedded.host import is_root
from db.embedded.server import place
from orchestrator.surfaces.cli import app
from tests.settled import shopkeeper

OWN = ("SHOPKEEPER_", "DATABASE_", "OPENAI_", "PG")  # variables of the developer that would lead a test elsewhere


def environment(home: Path, **more: str) -> dict[str, str]:
    """A shell in which the home is set, and nothing else of ours."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
    return plain | {"SHOPKEEPER_HOME": str(home), "COLUMNS": "200", "NO_COLOR": "1"} | more


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def command(home: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the real command to its end; what it says is in `stdout`, errors and all."""
    return subprocess.run(
        [*shopkeeper(), *arguments],
        env=environment(home, **more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


@contextlib.contextmanager
def temporary_home() -> Generator[Path]:
    """A folder for a home; what the embedded server keeps elsewhere is removed with it."""
    with tempfile.TemporaryDirectory(prefix="shopkeeper-test-") as folder:
        home = Path(folder).resolve() / "home"
        yield home
        if is_root():
            shutil.rmtree(place(home).data.parent, ignore_errors=True)


@dataclass
class OpenShop:
    """A home whose shop is opened by the real command, and closed by a signal."""

    home: Path
    port: int
    process: subprocess.Popen[str] | None = None
    listener: threading.Thread | None = None
    said: list[str] = field(default_factory=list[str])

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def credentials(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in (self.home / "credentials").read_text().splitlines())

    def open(self) -> list[str]:
        """Start it and wait until it says that it is open; returns what it said."""
        self.said = []
        self.process = subprocess.Popen(
            [*shopkeeper(), "start"],
            env=environment(self.home, SHOPKEEPER_PORT=str(self.port)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout
        for line in self.process.stdout:
            self.said.append(line.rstrip())
            if "Ctrl-C" in line:
                break
        self.listener = threading.Thread(target=self.said.extend, args=(self.process.stdout,), daemon=True)
        self.listener.start()
        return list(self.said)

    def close(self, how: signal.Signals = signal.SIGINT) -> int:
        """Close it as Ctrl-C does; returns its exit code."""
        assert self.process
        assert self.listener
        with self.process as process:
            process.send_signal(how)
            process.wait(60)
            self.listener.join(10)
        self.process = None
        return process.returncode


@pytest.fixture(scope="session")
def open_shop() -> Generator[OpenShop]:
    """The demo shop, open."""
    with temporary_home() as home:
        opened = OpenShop(home, free_port())
        opened.open()
        yield opened
        if opened.process:
            opened.close()


class Cli:
    """The command line in this process: quick, and its output apart from its talk."""

    def __init__(self, home: Path, **more: str) -> None:
        self.environment = environment(home, **more)

    def __call__(self, *arguments: str, stdin: str | None = None) -> Result:
        with _only(self.environment):
            return CliRunner().invoke(app, arguments, input=stdin, catch_exceptions=False)

    def json(self, *arguments: str) -> Any:
        """What it prints with `--json`."""
        done = self(*arguments, "--json")
        assert done.exit_code == 0, done.output
        return orjson.loads(done.stdout)


@contextlib.contextmanager
def _only(wanted: Mapping[str, str]) -> Generator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="session")
def cli(open_shop: OpenShop) -> Cli:
    """As the owner, in process."""
    return Cli(open_shop.home)


@pytest.fixture(scope="session")
def cli_over_http(open_shop: OpenShop) -> Cli:
    """With the owner's API key, over HTTP."""
    return Cli(open_shop.home, SHOPKEEPER_URL=open_shop.address, SHOPKEEPER_KEY=open_shop.credentials["SHOPKEEPER_KEY"])


@pytest.fixture
def new_home() -> Generator[Path]:
    with temporary_home() as home:
        yield home
        _close_server(home)


def _close_server(home: Path) -> None:
    """Stop the home's server, should a test have left it running."""
    if place(home).data.exists():
        with contextlib.suppress(embedded.EmbeddedError):
            embedded.stop(embedded.start(home))
