"""A shop in a file, and back: pg_dump's custom format, written and read by the owner of the tables.

LangGraph's checkpoints (schema `lg`) stay out: they last for one turn. So do roles and extensions, which the server gives.
"""

import contextlib
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import IO

import psycopg
from alembic.script import ScriptDirectory
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from db import embedded
from db.migrate import NewerSchema, upgrade

Progress = Callable[[str], None]

# What a restored shop takes the place of: all that the owner has, but not `lg`, whose tables are the runtime role's own.
_CLEAR = b"""
begin;
select public.similarity('', '');  -- loads pg_trgm: a function of ours comes with one of its settings
set local lock_timeout = '30s';
set local client_min_messages = warning;
do $$
declare thing text;
begin
    for thing in select c.oid::regclass from pg_class c where c.relnamespace = 'public'::regnamespace
                 and c.relkind in ('r', 'p') and c.relowner = current_user::regrole
    loop execute 'drop table if exists ' || thing || ' cascade'; end loop;
    for thing in select p.oid::regprocedure from pg_proc p where p.pronamespace = 'public'::regnamespace
                 and p.proowner = current_user::regrole
                 and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
    loop execute 'drop function ' || thing; end loop;
    drop schema if exists jobs cascade;
end $$;
"""
_DATA = b"-- Data for Name: "


class BackupError(Exception):
    """The shop could not be written to the file, or not be read from it; `hint` says what to do. Nothing was changed."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class NotADump(BackupError):
    """The file is not a dump of Shopkeeper, or not a whole one."""


class ShopPresent(BackupError):
    """The database has a shop already."""


def dump(owner_url: str, file: Path, progress: Progress = lambda _: None) -> None:
    """Write the whole database to a file that only its owner may read; it appears whole or not at all.

    `owner_url` is a libpq address of the role that owns the tables. Raises `BackupError`.
    """
    half = file.with_name(f"{file.name}.part")
    what = ["--format=custom", "--exclude-schema=lg", "--exclude-extension=*", "--no-comments"]
    how = ["--enable-row-security", "--verbose", f"--file={half}", f"--dbname={_without_password(owner_url)}"]
    with _new_file(half):
        with _program("pg_dump", *what, *how, url=owner_url, stderr=subprocess.PIPE) as dumping:
            complaint = _follow(dumping.stderr or (), progress)
        if dumping.returncode:
            raise BackupError(
                f"The shop could not be dumped: {complaint}.",
                hint="The disk needs room for the file, and DATABASE_OWNER_URL has to be the owner's of the tables.",
            )
        with _writable(file):
            half.replace(file)


@contextlib.contextmanager
def _new_file(path: Path) -> Generator[None]:
    """An empty file that only its owner may read, gone afterwards unless it was renamed. Whatever lies there makes way: its mode
    would stay, and a link would lead elsewhere.
    """
    with _writable(path):
        path.unlink(missing_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _writable(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as refused:
        raise BackupError(
            f"{path} cannot be written: {(refused.strerror or str(refused)).lower()}.",
            hint="Name a file in a folder that you may write to, where no folder or file of another user has that name.",
        ) from refused


def restore(owner_url: str, file: Path, *, replace: bool = False, progress: Progress = lambda _: None) -> None:
    """Put the file's shop into the database, all of it or nothing, and bring it up to date.

    Raises `NotADump`, `NewerSchema`, `ShopPresent` unless what is there shall be replaced, or another `BackupError`.
    """
    _refuse_unreadable(file)
    upgrade(owner_url, progress)
    with psycopg.connect(owner_url) as connection:
        shops = [slug for (slug,) in connection.execute("select slug from public.merchants order by slug limit 4")]
    if shops and not replace:
        raise ShopPresent(
            f"The database has a shop already: {', '.join(shops)}.",
            hint="Restore into another SHOPKEEPER_HOME or database; or say --replace, and what is there now is lost.",
        )
    _load(owner_url, file, progress)
    upgrade(owner_url, progress)


def _refuse_unreadable(file: Path) -> None:
    """Raise `NotADump`, or `NewerSchema` for a dump that a newer version wrote."""
    which = ["--data-only", "--schema=public", "--table=alembic_version", "--file=-", str(file)]
    with _program("pg_restore", *which, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as reading:
        script, words = reading.communicate()
    found = re.search(rb"COPY public\.alembic_version .*\n(\S+)\n", script)
    if not found:
        complaint = _first(words.decode(errors="replace").splitlines()) or "it holds another database"
        raise NotADump(
            f"{file} is not a dump of Shopkeeper: {complaint}.",
            hint="Give a file that `shopkeeper dump` wrote, with this version or an older one.",
        )
    revision = found[1].decode()
    known = [script.revision for script in ScriptDirectory(str(Path(__file__).parent / "migrations")).walk_revisions()]
    if revision not in known:
        raise NewerSchema(f"The dump is at revision {revision}; this version knows up to {known[0]}.")


def _load(owner_url: str, file: Path, progress: Progress) -> None:
    """Clear, create, fill: one transaction, which is committed only when the dump was read to its end."""
    quiet = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--output={os.devnull}"]
    with (
        tempfile.TemporaryFile() as complaints,
        _program(
            "pg_restore", "--no-owner", "--file=-", str(file), stdout=subprocess.PIPE, stderr=complaints
        ) as reading,
        _program(
            "psql", *quiet, _without_password(owner_url), url=owner_url, stdin=subprocess.PIPE, stderr=complaints
        ) as loading,
    ):
        assert reading.stdout
        assert loading.stdin
        try:
            loading.stdin.write(_CLEAR)
            for line in reading.stdout:
                loading.stdin.write(_for_here(line))
                if line.startswith(_DATA):
                    progress(f"Restoring {line.removeprefix(_DATA).partition(b';')[0].decode()}")
            if reading.wait() == 0:
                loading.stdin.write(b"commit;\n")
        except BrokenPipeError:
            reading.terminate()  # psql has left, and said why
        finally:
            with contextlib.suppress(BrokenPipeError):
                loading.stdin.close()
        refused = loading.wait() or reading.wait()
        complaints.seek(0)
        said = complaints.read().decode(errors="replace").splitlines()
    if refused:
        raise BackupError(
            f"The shop could not be restored, and nothing was changed: {_first(said)}.",
            hint="If something is locked, stop the shop first; if the disk is full, free some space.",
        )


def _for_here(line: bytes) -> bytes:
    """A line of the dump as this server takes it: its owner may have another name, and before 17 it lacks a setting.

    No row of data begins like these lines: rows begin with their ids.
    """
    if line.startswith(b"CREATE POLICY owner ON "):
        return re.sub(rb" TO \S+ USING", b" TO current_user USING", line)
    return b"" if line.startswith(b"SET transaction_timeout") else line


def _program(
    name: str,
    *arguments: str,
    url: str = "",
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
    stderr: int | IO[bytes] = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start one of PostgreSQL's programs. The password travels in its environment: everybody sees a command line."""
    environment = os.environ | {"LC_ALL": "C"}
    if password := conninfo_to_dict(url).get("password"):
        environment["PGPASSWORD"] = str(password)
    command = [embedded.binaries() / name, *arguments]
    return subprocess.Popen(command, env=environment, stdin=stdin, stdout=stdout, stderr=stderr)


def _without_password(url: str) -> str:
    return make_conninfo("", **{name: value for name, value in conninfo_to_dict(url).items() if name != "password"})


def _follow(lines: Iterable[bytes], progress: Progress) -> str:
    """Pass on which table is being dumped; returns the first complaint."""
    complaints: list[str] = []
    for line in lines:
        text = line.decode(errors="replace")
        if table := re.search(r'dumping contents of table "(?:public\.)?(.+)"', text):
            progress(f"Dumping {table[1]}")
        elif re.search("error:|fatal:|detail:", text):
            complaints.append(text)
    return _first(complaints)


def _first(said: Iterable[str]) -> str:
    """The first complaint is the cause; those after it are consequences."""
    cause = next((line.strip() for line in said if line.strip()), "")
    return re.sub(r"^(pg_dump|pg_restore|psql): (error: )?", "", cause).rstrip(".")
