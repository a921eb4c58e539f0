"""The embedded PostgreSQL server: started by whoever comes first, stopped by whoever leaves last.

One home has one cluster. Starting and stopping happen under the home's lock, and whether the server runs is asked of the
server, never read from a pid file. Each process that uses it is present through one idle connection, which ends with the
process, however that ends: so nobody counts the dead among the clients.

For an ordinary user everything is in the home: `postgres/` (cluster, sockets), `logs/`, `database.json` (passwords).
PostgreSQL refuses to run as root: there the cluster, its sockets and logs and a copy of the programs are in
`/var/lib/shopkeeper/<hash of the home>` and belong to a service user; the passwords stay in the home, closed to it.
"""

import contextlib
import sys
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import ConnStatus, PGconn, Ping
from psycopg.pq.abc import PGconn as Presence

from db.embedded.cluster import bring_up, ping
from db.embedded.errors import (
    BinariesMissing,
    ClusterElsewhere,
    DiskFull,
    EmbeddedError,
    FolderTaken,
    NewerDataDirectory,
    OlderDataDirectory,
    PasswordsMissing,
    ServerDidNotStart,
    ServerDidNotStop,
    ServerRefuses,
    ServiceUserMissing,
    UnsupportedFilesystem,
    disk_full,
)
from db.embedded.host import binaries, binaries_for, run, service_account
from db.embedded.provision import provision
from db.embedded.server import Server, make_passwords, place

__all__ = [
    "BinariesMissing",
    "ClusterElsewhere",
    "DiskFull",
    "EmbeddedError",
    "FolderTaken",
    "NewerDataDirectory",
    "OlderDataDirectory",
    "PasswordsMissing",
    "Server",
    "ServerDidNotStart",
    "ServerDidNotStop",
    "ServerRefuses",
    "ServiceUserMissing",
    "UnsupportedFilesystem",
    "binaries",
    "provision",
    "start",
    "stop",
]

PRESENCE = "shopkeeper presence"
FAREWELL = 1.0  # seconds in which connections that were closed just now leave the server's list


def _silent(_: str) -> None:
    pass


def start(
    home: Path, *, settings: Mapping[str, str] | None = None, progress: Callable[[str], None] = _silent
) -> Server:
    """Attach to the home's server; start it if it does not run, create it if there is none.

    Any number of processes may do so at once. `settings` are PostgreSQL's own and count when this call starts the server.
    Pair each start with a `stop`. Raises an `EmbeddedError`, whose `hint` says what to do.
    """
    server = place(home.expanduser().resolve())
    try:
        server.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _lock(server.home):
            make_passwords(server)
            if ping(server) != Ping.OK:
                bring_up(server, settings or {}, progress)
            presence = _attend(server)
            _furnish(server)
            return replace(server, presence=presence)
    except PermissionError as error:
        raise FolderTaken(
            f"{error.filename} is closed to this user.",
            hint="Start as the user who owns it, or choose another SHOPKEEPER_HOME.",
        ) from error
    except (OSError, psycopg.OperationalError) as error:
        if full := disk_full(server.data, error):
            raise full from error
        if isinstance(error, OSError):
            raise
        raise ServerRefuses(
            f"PostgreSQL runs in {server.data}, but does not let us in: {error}",
            hint=f"If it refuses the password, restore {server.home / 'database.json'} from a backup; if it has too many "
            f"clients, close some. Its logs are in {server.log}.",
        ) from error


def stop(server: Server) -> bool:
    """Leave the server, and stop it when no other client is connected. True when it was stopped."""
    with _lock(server.home):
        try:
            with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as conn:
                last = _leave(server.presence, conn)
        except psycopg.OperationalError:
            return False  # it does not run
        if not last:
            return False
        cluster = server.data.parent
        account = service_account(server.data, _silent)
        programs = binaries_for(account, cluster, _silent)
        command = [programs / "pg_ctl", "-D", server.data, "-m", "fast", "-w", "-t", "60", "-s", "stop"]
        stopped = run(command, account=account, folder=cluster)
        if stopped.returncode:
            raise ServerDidNotStop(
                f"PostgreSQL in {server.data} did not stop within 60 s: {stopped.stdout.strip()}",
                hint=f"See what it is doing in its logs, in {server.log}.",
            )
        return True


@contextlib.contextmanager
def _lock(home: Path) -> Generator[None]:
    """Be the only one who starts or stops the home's server; the lock of a process that dies is free again."""
    with (home / "database.lock").open("a") as file:
        if sys.platform == "win32":
            import msvcrt

            while True:
                with contextlib.suppress(OSError):  # it gives up after 10 s
                    msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
                    break
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _attend(server: Server) -> Presence:
    """Be counted among the clients. A bare connection closes itself with its owner, and not in a fork of it."""
    address = make_conninfo(server.url("postgres", "postgres"), application_name=PRESENCE)
    presence = PGconn.connect(address.encode())
    if presence.status != ConnStatus.OK:
        raise psycopg.OperationalError(presence.get_error_message())
    return presence


def _leave(presence: Presence | None, conn: psycopg.Connection) -> bool:
    """Give up our presence; tell whether we were the last.

    A connection that was just closed is listed for some milliseconds more. Ours is waited for, lest the next to leave
    take it for somebody; others too, unless one is a presence, which will be there for long.
    """
    own = 0
    if presence and presence.status == ConnStatus.OK:
        own = presence.backend_pid
        presence.finish()
    listed = "select pid, application_name from pg_stat_activity where backend_type = %s and pid <> pg_backend_pid()"
    began = time.monotonic()
    while others := dict(conn.execute(listed, ["client backend"]).fetchall()):
        waited = time.monotonic() - began
        if waited > FAREWELL or (own not in others and PRESENCE in others.values()):
            return False
        time.sleep(0.01)
    return True


def _furnish(server: Server) -> None:
    with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as conn:
        if not conn.execute("select 1 from pg_database where datname = 'shopkeeper'").fetchone():
            conn.execute("create database shopkeeper")
    notes = server.notes()
    with psycopg.connect(server.url("postgres")) as conn:
        provision(conn, {role: notes[role] for role in ("app_owner", "app_rt")})
