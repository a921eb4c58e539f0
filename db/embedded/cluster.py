"""Making the cluster, and starting the server on it."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

from db.embedded.errors import (
    ClusterElsewhere,
    EmbeddedError,
    NewerDataDirectory,
    OlderDataDirectory,
    ServerDidNotStart,
    disk_full,
)
from db.embedded.host import (
    Account,
    binaries_for,
    major_version,
    own_folder,
    refuse_network_drive,
    run,
    service_account,
)
from db.embedded.server import PORT, SERVICE_HOME, Server

RECOVERY = 600  # seconds that redo after a crash may take
PATIENCE = 60  # seconds that the remains of a killed server may hold on to its cluster
HELD = re.compile(r"lock file .* already exists|pre-existing shared memory block")
SETTINGS = {
    "max_connections": "60",
    "max_locks_per_transaction": "256",  # a restore is one transaction, and locks each table, index and sequence that it makes
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "on",
    "log_filename": "postgresql-%a.log",  # one file a weekday: a week is kept
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_error_verbosity": "terse",  # DETAIL repeats the row: e-mails, hashes of passwords
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "unix_socket_permissions": "0700",
}


def ping(server: Server) -> int:
    """What `pg_isready` would say: OK, REJECT (starting, recovering, stopping) or NO_RESPONSE."""
    return PGconn.ping(make_conninfo(server.url("postgres", "postgres"), connect_timeout=5).encode())


def bring_up(server: Server, settings: Mapping[str, str], progress: Callable[[str], None]) -> None:
    """Start the server and wait until it answers; make its cluster first, if it has none."""
    cluster = server.data.parent
    _refuse_elsewhere(server)
    refuse_network_drive(server.home)
    refuse_network_drive(cluster)
    account = service_account(server.data, progress)
    _make_folders(server, account)
    programs = binaries_for(account, cluster, progress)
    major = major_version(programs, account=account, folder=cluster)
    if not server.data.exists():
        progress(f"Creating the database in {cluster}")
        _create_cluster(server, programs, account)
    _refuse_other_version(server, major)
    server.note({"cluster": str(server.data)} | _free_port())
    _configure(server, settings)
    _launch(server, programs, account, progress)


def _refuse_elsewhere(server: Server) -> None:
    recorded = server.notes().get("cluster")
    if recorded and not server.data.exists():
        raise ClusterElsewhere(
            f"The database of {server.home} was made in {recorded}; this start looks in {server.data}: nothing is there.",
            hint="Start as the user who made it, or bring that folder to where this start looks (in a container: keep "
            f"{server.data.parent} on a volume); or, to begin with an empty shop, delete "
            f"{server.home / 'database.json'}.",
        )


def _make_folders(server: Server, account: Account | None) -> None:
    cluster = server.data.parent
    if account:
        for folder in (SERVICE_HOME, cluster):  # root's own; the service user passes through
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)
    else:
        own_folder(cluster, account)
    own_folder(server.sockets, account)
    own_folder(server.log, account)


def _create_cluster(server: Server, programs: Path, account: Account | None) -> None:
    """Make the cluster beside its place, then move it there: a start that is killed leaves no half of one."""
    cluster = server.data.parent
    for abandoned in cluster.glob("first-start-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix="first-start-", dir=cluster))
    try:
        password = work / "password"
        password.write_text(server.notes()["postgres"])
        if account:
            os.chown(password, *account)
        own_folder(work, account)
        access = ["--username=postgres", f"--pwfile={password}", "--auth=scram-sha-256", "--data-checksums"]
        language = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        made = run([programs / "initdb", "-D", work / "data", *access, *language], account=account, folder=cluster)
        if made.returncode:
            raise _failure(server, made.stdout)
        with (work / "data" / "postgresql.conf").open("a") as conf:
            conf.write("\ninclude '../shopkeeper.conf'  # written at each start; change settings by ALTER SYSTEM\n")
        (work / "data").rename(server.data)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _refuse_other_version(server: Server, major: int) -> None:
    made_by = int((server.data / "PG_VERSION").read_text())
    message = f"The database in {server.data} was made by PostgreSQL {made_by}; the programs here are {major}."
    if made_by > major:
        raise NewerDataDirectory(
            message,
            hint=f"Update Shopkeeper, or point PG_BIN_DIR at the `bin` folder of PostgreSQL {made_by}. To go back for "
            "good: `shopkeeper dump` with the newer Shopkeeper, then `shopkeeper restore` with this one, in a new home.",
        )
    if made_by < major:
        raise OlderDataDirectory(
            message,
            hint="Run `shopkeeper dump` with the Shopkeeper that made it, or with PG_BIN_DIR at the `bin` folder of "
            f"PostgreSQL {made_by}; then `shopkeeper restore` with this one, in a new home.",
        )


def _free_port() -> dict[str, str]:
    if sys.platform != "win32":
        return {}
    with socket.create_server(("127.0.0.1", 0)) as free:
        return {"port": str(free.getsockname()[1])}


def _configure(server: Server, settings: Mapping[str, str]) -> None:
    windows = sys.platform == "win32"
    where = {
        "listen_addresses": "127.0.0.1" if windows else "",
        "port": server.notes().get("port", str(PORT)),
        "unix_socket_directories": "" if windows else f'"{server.sockets}"',
        "log_directory": str(server.log),
    }
    lines: list[str] = []
    for name, value in (SETTINGS | where | dict(settings)).items():
        quoted = value.replace("\\", "\\\\").replace("'", "''")
        lines.append(f"{name} = '{quoted}'\n")
    conf = server.data.parent / "shopkeeper.conf"
    conf.write_text("".join(lines))
    conf.chmod(0o644)


def _launch(server: Server, programs: Path, account: Account | None, progress: Callable[[str], None]) -> None:
    """Start the server and wait until it answers; outlast a killed one that has not quite gone."""
    crashed = (server.data / "postmaster.pid").exists()
    progress("Starting PostgreSQL" + (", which was not stopped cleanly and repairs itself" if crashed else ""))
    began = time.monotonic()
    while (state := ping(server)) != Ping.OK:
        waited = time.monotonic() - began
        if state == Ping.REJECT and waited < RECOVERY:
            time.sleep(0.05)
            continue
        _drop_dead_locks(server)
        words = _start_once(server, programs, account)
        if words and (not HELD.search(words) or waited > PATIENCE):
            raise _failure(server, words)
        if words:
            time.sleep(0.25)


def _start_once(server: Server, programs: Path, account: Account | None) -> str:
    """What was said by a server that did not start; nothing when it did."""
    startup = server.log / "startup.log"
    startup.unlink(missing_ok=True)
    sizes = {path: path.stat().st_size for path in server.log.glob("postgresql-*.log")}
    command = [programs / "pg_ctl", "-D", server.data, "-l", startup, "-w", "-t", str(RECOVERY), "-s", "start"]
    # on Windows the server inherits the pipe, and reading that to its end would wait for the server's end
    output = subprocess.DEVNULL if sys.platform == "win32" else subprocess.PIPE
    started = run(command, account=account, folder=server.data.parent, output=output)
    if started.returncode == 0:
        return ""
    words = started.stdout or "pg_ctl failed"
    for path in [startup, *server.log.glob("postgresql-*.log")]:
        if path.exists():
            words += "\n" + path.read_bytes()[sizes.get(path, 0) :].decode(errors="replace")
    return words


def _drop_dead_locks(server: Server) -> None:
    """Remove lock files whose process is dead but unburied (a container without an init) or a stranger with its number.

    PostgreSQL would take either for a running server, for ever. Its other guard against two servers on one cluster, the
    shared memory that survivors are attached to, stays in force.
    """
    if sys.platform != "linux":
        return
    for lock in (server.data / "postmaster.pid", server.sockets / f".s.PGSQL.{PORT}.lock"):
        with contextlib.suppress(FileNotFoundError, ValueError):
            pid = int(lock.read_text().split("\n", 1)[0])
            if not _serves(pid, server.data):
                lock.unlink()


def _serves(pid: int, data: Path) -> bool:
    try:
        return os.path.samefile(f"/proc/{pid}/cwd", data)  # a server works in its cluster, the dead work nowhere
    except OSError:
        return False


def _failure(server: Server, words: str) -> EmbeddedError:
    tail = "\n".join(words.strip().splitlines()[-15:])
    return disk_full(server.data, words) or ServerDidNotStart(
        f"PostgreSQL did not start in {server.data}:\n{tail}",
        hint=f"Its logs are in {server.log}. What was saved is still there.",
    )
