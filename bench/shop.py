"""A shop to measure: a home of its own, the demo's year of orders, one web process on a core of its own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench.machine import pin, pin_tree
from db import embedded
from orchestrator.installation import Credentials, read_credentials
from orchestrator.settings import Settings

SHOPKEEPER = Path(sys.executable).parent / "shopkeeper"
APP_CORE, DATABASE_CORE = 0, 1


@dataclass(frozen=True)
class BenchShop:
    port: int
    app: int
    postmaster: int
    admin_url: str
    owner_url: str
    credentials: Credentials


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(command: str, home: Path, port: int, **more: str) -> Generator[subprocess.Popen[bytes]]:
    """`shopkeeper <command>` until it answers /ready; ended with Ctrl-C."""
    environment = (
        os.environ | {"SHOPKEEPER_HOME": str(home), "SHOPKEEPER_PORT": str(port), "SHOPKEEPER_RATE": "100000000"} | more
    )
    process = subprocess.Popen(
        [SHOPKEEPER, command], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_ready(port, process)
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def wait_ready(port: int, process: subprocess.Popen[bytes], patience: float = 300) -> None:
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"The shop ended with {process.returncode} before it was ready.")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=1) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.02)
    raise TimeoutError("The shop was not ready in time.")


@contextmanager
def bench_shop(**environment: str) -> Generator[BenchShop]:
    """The demo shop, made by `shopkeeper start`, then served by one process on core 0 with the database on core 1.

    `BENCH_HOME` names a home that is taken as it is, and kept: one that `bench growth` has grown.
    """
    with ExitStack() as stack:
        kept = os.environ.get("BENCH_HOME")
        home = Path(kept or stack.enter_context(tempfile.TemporaryDirectory(prefix="shopkeeper-bench-")))
        server = embedded.start(home, settings={"shared_preload_libraries": "pg_stat_statements"})
        stack.callback(lambda: embedded.stop(server) if kept else forget(server, home))
        with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
            admin.execute("create extension if not exists pg_stat_statements")
        with running("start", home, free_port()):
            pass
        pin(DATABASE_CORE)
        port = free_port()
        with running("serve", home, port, **environment) as process:
            postmaster = postmaster_of(home)
            pin_tree(APP_CORE, process.pid)
            pin_tree(DATABASE_CORE, postmaster)
            credentials = read_credentials(Settings.model_validate({"SHOPKEEPER_HOME": home}))
            yield BenchShop(port, process.pid, postmaster, server.url("postgres"), server.url("app_owner"), credentials)


def forget(server: embedded.Server, home: Path) -> None:
    """Stop a home's server and remove its cluster."""
    embedded.stop(server)
    clear_away(home)


def clear_away(home: Path) -> None:
    """Remove a home's cluster, which as root is elsewhere."""
    server = embedded.start(home)
    if embedded.stop(server):
        shutil.rmtree(server.data.parent)


def postmaster_of(home: Path) -> int:
    """The embedded server's first process: the parent of a backend."""
    server = embedded.start(home)
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        row = admin.execute("select pg_backend_pid()").fetchone()
        parent = Path(f"/proc/{row[0] if row else 0}/stat").read_text().rpartition(")")[2].split()[1]
    embedded.stop(server)
    return int(parent)
