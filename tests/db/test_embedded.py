"""The embedded server: one for each home, whoever starts it, whoever dies."""

import contextlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg.pq import Ping

from db.embedded import (
    BinariesMissing,
    ClusterElsewhere,
    NewerDataDirectory,
    OlderDataDirectory,
    PasswordsMissing,
    ServerDidNotStart,
    ServerRefuses,
    binaries,
    provision,
    start,
    stop,
)
from db.embedded.cluster import ping
from db.embedded.host import is_root, unsupported_filesystem
from db.embedded.server import SERVICE_HOME, place
from tests.db.visitors import (
    be_ordinary,
    close,
    connect,
    keep_open,
    kill_and_reopen_without_burying,
    meet,
    open_and_close,
    postmaster,
    running_since,
    trouble,
    visit,
)

processes = multiprocessing.get_context("spawn")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """The home of a shop that has been open before; each test leaves it so that it can be opened again."""
    folder = tmp_path_factory.mktemp("shop").resolve()
    stop(start(folder / "home"))
    yield from _home(folder)


@pytest.fixture
def new_home(tmp_path: Path) -> Generator[Path]:
    yield from _home(tmp_path.resolve())


def _home(folder: Path) -> Generator[Path]:
    home = folder / "home"
    yield home
    if home.exists():
        close(home)
    if is_root():
        shutil.rmtree(place(home).data.parent, ignore_errors=True)


@pytest.fixture
def users_folder() -> Generator[Path]:
    """A folder of an ordinary user, who is `nobody` when root runs the tests."""
    folder = Path(tempfile.mkdtemp(prefix="shopkeeper-test-"))
    if is_root():
        shutil.chown(folder, "nobody")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def copied_binaries() -> Generator[Path]:
    """PostgreSQL's programs at a place of the operator's choice, open to everybody."""
    folder = Path(tempfile.mkdtemp(prefix="shopkeeper-test-"))
    folder.chmod(0o755)
    wheel = binaries().parents[1]
    for part in (wheel, wheel.with_name(f"{wheel.name}.libs")):
        if part.exists():
            shutil.copytree(part, folder / part.name, ignore=shutil.ignore_patterns("include"))
    yield folder / wheel.name / "pginstall" / "bin"
    shutil.rmtree(folder)


def test_three_processes_that_open_a_new_shop_at_once_share_one_server(new_home: Path):
    barrier = processes.Barrier(3)

    with ProcessPoolExecutor(3, mp_context=processes, initializer=meet, initargs=(barrier,)) as pool:
        visits = list(pool.map(visit, [new_home] * 3))

    assert sorted(created for created, _ in visits) == [False, False, True]
    assert len({server for _, server in visits}) == 1


def test_opening_an_open_shop_again_changes_nothing(home: Path):
    first = start(home)
    notes, started = first.notes(), running_since(first)

    said: list[str] = []
    second = start(home, progress=said.append)

    assert second == first
    assert (second.notes(), running_since(second), said) == (notes, started, [])


def test_a_new_shop_sorts_the_same_everywhere_and_listens_to_nobody_outside(home: Path):
    server = start(home)

    with connect(server, "postgres") as conn:
        locale = conn.execute(
            "select datlocprovider, datlocale from pg_database where datname = 'shopkeeper'"
        ).fetchone()
        doors = conn.execute("select distinct auth_method from pg_hba_file_rules").fetchall()
        settings = [_show(conn, name) for name in ("listen_addresses", "data_checksums", "timezone", "max_connections")]
        shouted = conn.execute("select upper('straße ł é')").fetchone()

    assert locale == ("b", "C.UTF-8")
    assert doors == [("scram-sha-256",)]
    assert settings == ["", "on", "UTC", "60"]
    assert shouted == ("STRAßE Ł É",)
    assert server.sockets.stat().st_mode & 0o777 == 0o700
    assert (home / "database.json").stat().st_mode & 0o777 == 0o600


def test_the_runtime_role_has_no_way_around_the_wall(home: Path):
    server = start(home)

    with connect(server, "app_rt") as conn:
        powers = conn.execute(
            "select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, pg_has_role(current_user, 'app_owner', 'member')"
            " from pg_roles where rolname = current_user"
        ).fetchone()
        path = _show(conn, "search_path")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("create table public.mine (id int)")

    assert powers == (False, False, False, False, False)
    assert path == "public, jobs"


def test_the_owner_owns_the_database_and_is_no_superuser(home: Path):
    server = start(home)

    with connect(server, "app_owner") as conn:
        powers = conn.execute("select rolsuper, rolbypassrls from pg_roles where rolname = current_user").fetchone()
        conn.execute("create schema lg")
        conn.execute("create table public.orders (id int)")
        likeness = conn.execute("select similarity(unaccent('café'), 'cafe')").fetchone()
        conn.rollback()

    assert powers == (False, False)
    assert likeness == (1.0,)


def test_an_owner_of_another_server_can_have_the_runtime_role_made(home: Path):
    server = start(home)
    with connect(server, "postgres", "postgres", autocommit=True) as conn:
        conn.execute("alter role app_rt rename to app_rt_aside")
        conn.execute("create role ana login createrole password 'mugs'")
        conn.execute("create database elsewhere owner ana")

    try:
        with psycopg.connect(f"postgresql://ana:mugs@/elsewhere?host={server.sockets}") as conn:
            made = [provision(conn, {"app_rt": "pots"}), provision(conn, {"app_rt": "pots"})]
        with psycopg.connect(f"postgresql://app_rt:pots@/elsewhere?host={server.sockets}") as conn:
            path = _show(conn, "search_path")
    finally:
        with connect(server, "postgres", "postgres", autocommit=True) as conn:
            conn.execute("drop database elsewhere")
            conn.execute("drop role if exists app_rt")
            conn.execute("drop role ana")
            conn.execute("alter role app_rt_aside rename to app_rt")

    assert made == [["app_rt"], []]
    assert path == "public, jobs"


def test_only_the_last_client_stops_the_server(home: Path):
    close(home)
    web, worker = start(home), start(home)

    assert stop(web) is False
    with connect(worker, "app_rt"):
        assert stop(worker) is False

    assert stop(start(home)) is True
    assert ping(worker) == Ping.NO_RESPONSE
    assert stop(worker) is False


def test_a_killed_application_leaves_a_server_that_the_next_one_uses_and_stops(home: Path):
    close(home)
    opened = processes.Event()
    application = processes.Process(target=keep_open, args=(home, opened))
    application.start()
    assert opened.wait(60)
    started = running_since(place(home))
    application.kill()
    application.join()

    server = start(home)

    assert running_since(server) == started
    assert stop(server) is True


def test_a_killed_server_comes_back_with_all_that_was_saved(home: Path):
    server = start(home)
    with connect(server, "app_owner") as conn:
        conn.execute("create table ledger (entry int)")
        conn.execute("insert into ledger values (1042)")
    os.kill(postmaster(server), signal.SIGKILL)

    again = start(home)

    with connect(again, "app_owner") as conn:
        assert conn.execute("select entry from ledger").fetchall() == [(1042,)]
        conn.execute("drop table ledger")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a test adopt orphans and leave them unburied")
def test_a_killed_server_that_nobody_buries_does_not_keep_the_shop_closed(home: Path):
    with ProcessPoolExecutor(1, mp_context=processes) as pool:
        assert pool.submit(kill_and_reopen_without_burying, home).result() == "Z"


def test_a_stranger_with_the_dead_servers_number_does_not_keep_the_shop_closed(home: Path):
    server = start(home)
    close(home)
    (server.data / "postmaster.pid").write_text(f"{os.getpid()}\n{server.data}\n")

    again = start(home)

    assert postmaster(again) != os.getpid()


def test_a_first_start_that_is_killed_leaves_no_half_made_shop(new_home: Path):
    opened = processes.Event()
    application = processes.Process(target=keep_open, args=(new_home, opened))
    application.start()
    cluster = place(new_home).data.parent
    _wait_until(lambda: any(cluster.glob("first-start-*/data/PG_VERSION")))
    application.kill()
    application.join()
    assert not (cluster / "data").exists()

    server = start(new_home)

    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host=str(server.sockets), user="postgres", dbname="shopkeeper")
    with connect(server, "postgres") as conn:
        assert conn.execute("select distinct auth_method from pg_hba_file_rules").fetchall() == [("scram-sha-256",)]


def test_two_homes_do_not_meet(home: Path, new_home: Path):
    one, other = start(home), start(new_home)

    with connect(one, "app_owner") as conn:
        conn.execute("create temporary table here (id int)")
        conn.commit()
        assert stop(other) is True
        assert conn.execute("select count(*) from here").fetchone() == (0,)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(one.url("app_rt").replace(one.notes()["app_rt"], other.notes()["app_rt"]))


def test_an_ordinary_user_keeps_everything_at_home(users_folder: Path, copied_binaries: Path):
    home = users_folder / "my shop"

    with ProcessPoolExecutor(1, mp_context=processes, initializer=be_ordinary, initargs=(copied_binaries,)) as pool:
        server = pool.submit(open_and_close, home).result()

    assert (server.data.parent, server.sockets.parent) == (home / "postgres", home / "postgres")
    assert sorted(path.name for path in home.iterdir()) == ["database.json", "database.lock", "logs", "postgres"]


def test_a_home_with_a_very_long_path_works(users_folder: Path, copied_binaries: Path):
    home = users_folder / ("a-long-way-down-" * 10) / ("and-further-" * 10)

    with ProcessPoolExecutor(1, mp_context=processes, initializer=be_ordinary, initargs=(copied_binaries,)) as pool:
        server = pool.submit(open_and_close, home).result()

    assert len(str(server.sockets)) < 90
    assert server.sockets.stat().st_mode & 0o777 == 0o700
    shutil.rmtree(server.sockets)


@pytest.mark.skipif(not is_root(), reason="about root")
def test_root_lends_the_cluster_to_a_service_user_and_opens_no_folder_to_it(new_home: Path):
    new_home.mkdir(mode=0o700)
    above = {folder: folder.stat().st_mode for folder in (new_home, *new_home.parents)}

    server = start(new_home)

    assert server.data.parent.parent == SERVICE_HOME
    assert server.data.stat().st_uid != 0
    assert Path(f"/proc/{postmaster(server)}").stat().st_uid == server.data.stat().st_uid
    assert {folder: folder.stat().st_mode for folder in above} == above
    assert (new_home / "database.json").stat().st_uid == 0


def test_pg_bin_dir_chooses_the_programs(home: Path, copied_binaries: Path, monkeypatch: pytest.MonkeyPatch):
    close(home)
    monkeypatch.setenv("PG_BIN_DIR", str(copied_binaries))

    server = start(home)

    with connect(server, "postgres") as conn:
        used = conn.execute("select setting from pg_config where name = 'BINDIR'").fetchone()
    assert used == (str(copied_binaries.resolve()),)
    assert binaries() == copied_binaries
    assert stop(server) is True


def test_programs_that_are_missing_or_do_not_run_are_named(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    close(home)
    monkeypatch.setenv("PG_BIN_DIR", str(tmp_path))

    with pytest.raises(BinariesMissing, match="no `initdb`"):
        start(home)
    for program in ("initdb", "postgres"):
        (tmp_path / program).write_text("#!/bin/sh\necho 'libc.so.6: version GLIBC_2.28 not found'; exit 127\n")
        (tmp_path / program).chmod(0o755)
    with pytest.raises(BinariesMissing, match=r"does not run here: .*(GLIBC_2.28|Permission denied)") as refused:
        start(home)

    assert "DATABASE_URL" in refused.value.hint


def test_a_cluster_of_another_major_version_is_left_alone(home: Path):
    server = start(home)
    close(home)
    version = server.data / "PG_VERSION"
    ours = version.read_text().strip()

    try:
        version.write_text("99\n")
        with pytest.raises(NewerDataDirectory, match=rf"made by PostgreSQL 99; the programs here are {ours}") as newer:
            start(home)
        version.write_text("17\n")
        with pytest.raises(OlderDataDirectory, match="made by PostgreSQL 17") as older:
            start(home)
    finally:
        version.write_text(f"{ours}\n")

    assert "Update Shopkeeper" in newer.value.hint
    assert "shopkeeper dump" in older.value.hint


def test_a_server_that_cannot_start_shows_the_end_of_its_log(home: Path):
    close(home)

    with pytest.raises(ServerDidNotStart, match="no_such_library"):
        start(home, settings={"shared_preload_libraries": "no_such_library"})

    server = start(home, settings={"max_connections": "33"})
    with connect(server, "app_rt") as conn:
        assert _show(conn, "max_connections") == "33"
    stop(server)


def test_a_lost_cluster_is_not_replaced_by_an_empty_shop(home: Path):
    server = start(home)
    close(home)
    away = server.data.rename(server.data.with_name("away"))

    with pytest.raises(ClusterElsewhere, match=str(server.data)):
        start(home)

    assert not server.data.exists()
    away.rename(server.data)


def test_lost_or_wrong_passwords_are_named(home: Path):
    server = start(home)
    close(home)
    away = (home / "database.json").rename(home / "away.json")

    with pytest.raises(PasswordsMissing, match=r"database\.json is missing"):
        start(home)
    server.note({"postgres": "wrong", "app_owner": "wrong", "app_rt": "wrong"})
    with pytest.raises(ServerRefuses, match="password authentication failed"):
        start(home)

    away.replace(home / "database.json")


def test_a_full_disk_is_named_and_nothing_is_lost(copied_binaries: Path):
    with (
        _small_disk("30m") as disk,
        ProcessPoolExecutor(1, mp_context=processes, initializer=be_ordinary, initargs=(copied_binaries,)) as pool,
    ):
        home = disk / "home"
        first_start = pool.submit(trouble, home).result()
        subprocess.run(["mount", "-o", "remount,size=200m", disk], check=True)
        with_room = pool.submit(trouble, home).result()
        filled = subprocess.run(["dd", "if=/dev/zero", f"of={disk}/photos", "bs=64k"], capture_output=True, check=False)
        next_start = pool.submit(trouble, home).result()
        (disk / "photos").unlink()
        with_room_again = pool.submit(trouble, home).result()

    assert filled.returncode
    assert first_start.startswith(f"DiskFull: The disk that holds {home}")
    assert next_start.startswith("DiskFull")
    assert "Free some space" in next_start
    assert (with_room, with_room_again) == ("", "")


@pytest.mark.parametrize(
    ("mounts", "kind"),
    [
        ([("/", "ext4"), ("/home", "nfs4")], "nfs4"),
        ([("/", "ext4"), ("/home/ana", "cifs"), ("/home", "xfs")], "cifs"),
        ([("/home", "autofs"), ("/home", "nfs")], "nfs"),
        ([("/", "nfs"), ("/home/ana", "ext4")], None),
        ([("/", "overlay"), ("/home/anabel", "nfs")], None),
    ],
)
def test_a_network_drive_is_recognised(mounts: list[tuple[str, str]], kind: str | None):
    assert unsupported_filesystem(Path("/home/ana/shop"), mounts) == kind


def _show(conn: psycopg.Connection, setting: str) -> str:
    row = conn.execute("select current_setting(%s)", [setting]).fetchone()
    assert row
    return row[0]


def _wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@contextlib.contextmanager
def _small_disk(size: str) -> Generator[Path]:
    """A disk of the ordinary user's with little room."""
    folder = Path(tempfile.mkdtemp(prefix="shopkeeper-test-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0777", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("a small disk can only be mounted by root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()
