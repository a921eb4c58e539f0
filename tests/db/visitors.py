"""Visitors of an embedded server, some of them in processes of their own."""

import contextlib
import ctypes
import os
import signal
import time
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path

import psycopg
from psycopg.pq import Ping

from db.embedded import EmbeddedError, Server, start, stop
from db.embedded.cluster import ping
from db.embedded.host import is_root
from db.embedded.server import place


def connect(server: Server, role: str, database: str = "shopkeeper", *, autocommit: bool = False) -> psycopg.Connection:
    return psycopg.connect(server.url(role, database), autocommit=autocommit)


def running_since(server: Server) -> str:
    with connect(server, "app_rt") as conn:
        row = conn.execute("select pg_postmaster_start_time()::text").fetchone()
    assert row
    return row[0]


def postmaster(server: Server) -> int:
    return int((server.data / "postmaster.pid").read_text().split("\n", 1)[0])


def close(home: Path) -> None:
    """Show everybody out and stop the server."""
    server = place(home)
    with contextlib.suppress(psycopg.OperationalError), connect(server, "postgres", "postgres") as conn:
        conn.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where backend_type = 'client backend' and pid <> pg_backend_pid()"
        )
    stop(server)
    assert ping(server) == Ping.NO_RESPONSE


def meet(barrier: Barrier) -> None:
    barrier.wait(60)


def be_ordinary(programs: Path) -> None:
    """Stop being root; a virtual environment in root's home is closed from then on, so take the copied programs."""
    if is_root():
        import pwd

        os.environ["PG_BIN_DIR"] = str(programs)
        nobody = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)


def visit(home: Path) -> tuple[bool, str]:
    """Whether this visitor created the shop, and since when the server that it met has been running."""
    said: list[str] = []
    server = start(home, progress=said.append)
    return any("Creating the database" in line for line in said), running_since(server)


def keep_open(home: Path, opened: Event) -> None:
    server = start(home)
    opened.set()
    time.sleep(120)
    stop(server)


def open_and_close(home: Path) -> Server:
    server = start(home)
    with connect(server, "app_rt") as conn:
        assert conn.execute("select current_user").fetchone() == ("app_rt",)
    assert stop(server)
    return place(home)


def trouble(home: Path) -> str:
    """What a visitor is told who cannot get in; nothing when all is well."""
    try:
        server = start(home)
    except EmbeddedError as error:
        return f"{type(error).__name__}: {error} {error.hint}"
    assert stop(server)
    return ""


def kill_and_reopen_without_burying(home: Path) -> str:
    """The process state of the killed server after the shop was opened again: Z, a zombie."""
    adopt_orphans = 36  # PR_SET_CHILD_SUBREAPER
    assert ctypes.CDLL(None).prctl(adopt_orphans, 1) == 0
    close(home)
    killed = postmaster(start(home))
    os.kill(killed, signal.SIGKILL)

    server = start(home)

    state = Path(f"/proc/{killed}/stat").read_text().rsplit(")", 1)[1].split()[0]
    assert stop(server)
    return state
