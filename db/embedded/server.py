"""Where a home's server is, and the words that open it."""

import hashlib
import json
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from psycopg.pq.abc import PGconn

from db.embedded.errors import PasswordsMissing
from db.embedded.host import is_root

SERVICE_HOME = Path("/var/lib/shopkeeper")
ROLES = ("postgres", "app_owner", "app_rt")
PORT = 5432  # only the name of the socket; Windows, which has none, gets a random port of 127.0.0.1
LONGEST_SOCKET = 103  # bytes of a socket's path: macOS takes 103, Linux 107


@dataclass(frozen=True)
class Server:
    """A home's server: the folders of its cluster, of its socket and of its logs.

    `presence` is the idle connection by which this process is counted among the clients, until `stop` or its end.
    """

    data: Path
    sockets: Path
    log: Path
    home: Path
    presence: PGconn | None = field(default=None, repr=False, compare=False)

    def url(self, role: str, database: str = "shopkeeper") -> str:
        """The libpq address for `postgres`, `app_owner` or `app_rt`. It holds the password: never log it."""
        notes = self.notes()
        login = f"postgresql://{role}:{quote(notes[role], safe='')}"
        if sys.platform == "win32":
            return f"{login}@127.0.0.1:{notes['port']}/{quote(database)}"
        return f"{login}@/{quote(database)}?host={quote(str(self.sockets), safe='')}&port={PORT}"

    def notes(self) -> dict[str, str]:
        """What the home remembers of its server: the roles' passwords, the cluster's place, on Windows the port."""
        return json.loads((self.home / "database.json").read_text())

    def note(self, more: Mapping[str, str]) -> None:
        """Remember it, whole or not at all, for nobody else's eyes."""
        kept = self.notes() if (self.home / "database.json").exists() else {}
        half = self.home / "database.json.new"
        with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({**kept, **more}, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        half.replace(self.home / "database.json")


def place(home: Path) -> Server:
    """Where a home's server is: the same for every process, whatever its environment."""
    mark = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    cluster = SERVICE_HOME / mark if is_root() else home / "postgres"
    sockets = cluster / "sockets"
    if len(os.fsencode(sockets / f".s.PGSQL.{PORT}")) > LONGEST_SOCKET or "," in str(sockets):
        sockets = Path("/tmp", f"shopkeeper-{mark}")  # XDG_RUNTIME_DIR and TMPDIR differ between a login and a cron job
    return Server(cluster / "data", sockets, cluster / "logs" if is_root() else home / "logs", home)


def make_passwords(server: Server) -> None:
    """Draw the roles' passwords, once."""
    if (server.home / "database.json").exists():
        return
    if server.data.exists():
        raise PasswordsMissing(
            f"{server.home / 'database.json'} is missing: without it nobody can open the database in {server.data}.",
            hint=f"Restore that file from a backup; or, to begin with an empty shop, move {server.data} away.",
        )
    server.note({role: secrets.token_urlsafe(24) for role in ROLES})
