"""A dump holds the whole shop; a restore gives all of it back, or changes nothing."""

import os
import stat
import uuid
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from db.backup import BackupError, NotADump, ShopPresent, dump, restore
from db.embedded import Server, provision
from db.migrate import NewerSchema, check
from db.session import Database
from tests.factories import make_variant, make_warehouse, new_shop
from tools.contract.call import Shop

Make = Callable[..., str]


@pytest.fixture(scope="module")
def make_database(server: Server) -> Generator[Make]:
    """New databases, each by its owner's address. An owner other than ours is made as a plain role."""
    made: list[tuple[str, str]] = []
    with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as admin:

        def make(*, owner: str = "app_owner", template: str = "template1") -> str:
            name = f"backup_{uuid.uuid4().hex[:12]}"
            if owner != "app_owner":
                admin.execute(sql.SQL("create role {} login password 'secret'").format(sql.Identifier(owner)))
            form = "create database {} template {} owner {}"
            admin.execute(sql.SQL(form).format(*map(sql.Identifier, (name, template, owner))))
            made.append((name, owner))
            own = server.url("app_owner", name)
            return own if owner == "app_owner" else make_conninfo(own, user=owner, password="secret")

        yield make

        for name, owner in made:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
            if owner != "app_owner":
                admin.execute(sql.SQL("drop role {}").format(sql.Identifier(owner)))


@pytest.fixture
def empty(make_database: Make, server: Server) -> str:
    """A database with our extensions and nothing else."""
    owner_url = make_database()
    with psycopg.connect(server.url("postgres", name_of(owner_url))) as admin:
        provision(admin, {})
    return owner_url


@pytest.fixture(scope="module")
async def filled(make_database: Make, server: Server) -> str:
    """A database with a shop that sells mugs; no test changes it."""
    owner_url = make_database(template="shopkeeper")
    await open_shop(server, owner_url, "MUG-BLUE")
    return owner_url


@pytest.fixture(scope="module")
def dumped(filled: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its dump."""
    file = tmp_path_factory.mktemp("backup") / "shop.dump"
    dump(filled, file)
    return file


@pytest.fixture
async def another(make_database: Make, server: Server) -> str:
    """A database with a shop that sells pots."""
    owner_url = make_database(template="shopkeeper")
    await open_shop(server, owner_url, "POT-RED")
    return owner_url


async def open_shop(server: Server, owner_url: str, sku: str) -> uuid.UUID:
    database = Database(server.url("app_rt", name_of(owner_url)), size=2)
    await database.open()
    made = await new_shop(Shop(database))
    async with database.transaction(made.id) as transaction:
        warehouse = make_warehouse(transaction)
        for number in range(30):
            title = "Mug, blue;\n\\. -- Data for Name: 'quoted' é"
            make_variant(transaction, f"{sku}-{number}", title=title, warehouse=warehouse)
        await transaction.execute("select jobs.procrastinate_defer_jobs_v1(array[('default', 'expire_order', 0, null, null,"
                                  " '{}', null)]::jobs.procrastinate_job_to_defer_v1[])")  # fmt: skip
        await transaction.commit()
    await database.close()
    return made.id


def name_of(url: str) -> str:
    return str(conninfo_to_dict(url)["dbname"])


def contents(owner_url: str) -> dict[str, tuple[int, str]]:
    """Each table of the shop and of its queue: how many rows, and the hash of them all."""
    hashed = "select count(*), coalesce(md5(string_agg(t::text, '|' order by t::text)), '') from {} t"
    with psycopg.connect(owner_url) as connection:
        tables = connection.execute(
            "select schemaname, tablename from pg_tables where schemaname in ('public', 'jobs') order by 1, 2"
        ).fetchall()
        return {table: connection.execute(sql.SQL(hashed).format(sql.Identifier(schema, table))).fetchone() or (0, "")
                for schema, table in tables}  # fmt: skip


def protection(owner_url: str) -> list[Any]:
    """The wall as the catalogue has it: forced row security, policies, grants to the runtime role."""
    with psycopg.connect(owner_url) as connection:
        return [
            connection.execute(query.encode()).fetchall()
            for query in (
                "select relname, relrowsecurity, relforcerowsecurity from pg_class c"
                " where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1",
                "select tablename, policyname, qual, roles = array[current_user] from pg_policies order by 1, 2",
                "select table_schema, table_name, privilege_type from information_schema.role_table_grants"
                " where grantee = 'app_rt' and table_schema <> 'lg' order by 1, 2, 3",
                "select has_function_privilege('app_rt', 'public.search_products(text, integer)', 'execute'),"
                " has_function_privilege('public', 'public.search_products(text, integer)', 'execute')",
                "select proname, has_function_privilege('app_rt', oid, 'execute'), prosecdef from pg_proc"
                " where proowner = current_user::regrole and pronamespace = 'public'::regnamespace order by 1",
            )
        ]


def test_a_restored_shop_has_every_row_and_every_lock_of_the_dumped_one(filled: str, empty: str, tmp_path: Path):
    said: list[str] = []

    dump(filled, tmp_path / "shop.dump", said.append)
    restore(empty, tmp_path / "shop.dump", progress=said.append)

    assert contents(empty) == contents(filled)
    assert contents(filled)["variants"][0] == 30
    assert contents(filled)["procrastinate_jobs"][0] == 1
    assert protection(empty) == protection(filled)
    assert check(empty) == []
    assert {"Dumping variants", "Restoring variants"} <= set(said)


async def test_a_restored_shop_works_on(dumped: Path, empty: str, server: Server):
    restore(empty, dumped)

    merchant = await open_shop(server, empty, "POT-RED")

    with psycopg.connect(server.url("app_rt", name_of(empty))) as runtime:
        runtime.execute(f"set local app.merchant_id = '{merchant}'".encode())
        found = runtime.execute("select count(*) from search_products('POT-RED-7')").fetchone()
        seen = runtime.execute("select count(*) from variants").fetchone()
    assert found
    assert found[0] > 0
    assert seen == (30,)


def test_a_dump_is_for_its_owners_eyes_and_leaves_nothing_beside_it(dumped: Path):
    assert dumped.stat().st_mode & 0o777 == 0o600
    assert list(dumped.parent.iterdir()) == [dumped]


def lie_there(path: Path, what: str, elsewhere: Path) -> None:
    """Something at the path, as another user of the machine may have left it."""
    match what:
        case "a file that everybody may read":
            path.write_text("old")
            path.chmod(0o644)
        case "a link":
            path.symlink_to(elsewhere)
        case "a link to nothing":
            path.symlink_to(elsewhere.with_name("nowhere"))
        case "a pipe":
            os.mkfifo(path)
        case _:
            path.mkdir()


@pytest.mark.parametrize("name", ["shop.dump", "shop.dump.part"])
@pytest.mark.parametrize("what", ["a file that everybody may read", "a link", "a link to nothing", "a pipe"])
def test_whatever_lies_there_makes_way_for_a_dump_that_only_its_owner_may_read(
    filled: str, tmp_path: Path, name: str, what: str
):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("somebody's")
    lie_there(tmp_path / name, what, elsewhere)
    file = tmp_path / "shop.dump"

    dump(filled, file)

    written = file.lstat()
    assert stat.S_ISREG(written.st_mode)
    assert stat.S_IMODE(written.st_mode) == 0o600
    assert file.read_bytes().startswith(b"PGDMP")
    assert elsewhere.read_text() == "somebody's"
    assert set(tmp_path.iterdir()) == {file, elsewhere}


@pytest.mark.parametrize("name", ["shop.dump", "shop.dump.part"])
def test_a_folder_of_that_name_is_refused_by_its_name(filled: str, tmp_path: Path, name: str):
    lie_there(tmp_path / name, "a folder", tmp_path)

    with pytest.raises(BackupError, match=rf"{name} cannot be written: is a directory") as refusal:
        dump(filled, tmp_path / "shop.dump")

    assert refusal.value.hint
    assert list(tmp_path.iterdir()) == [tmp_path / name]


def test_a_dump_that_fails_leaves_the_last_one_alone(filled: str, tmp_path: Path):
    file = tmp_path / "shop.dump"
    file.write_text("yesterday's")

    with pytest.raises(BackupError, match=r'could not be dumped: .* database "nowhere" does not exist'):
        dump(make_conninfo(filled, dbname="nowhere"), file)

    assert file.read_text() == "yesterday's"
    assert list(tmp_path.iterdir()) == [file]


def test_a_shop_is_written_over_only_when_that_is_said(dumped: Path, filled: str, another: str):
    before = contents(another)

    with pytest.raises(ShopPresent, match="has a shop already: shop-") as refusal:
        restore(another, dumped)

    assert "--replace" in refusal.value.hint
    assert contents(another) == before

    restore(another, dumped, replace=True)

    assert contents(another) == contents(filled)


def test_a_dump_without_its_end_changes_nothing(dumped: Path, another: str, tmp_path: Path):
    (tmp_path / "half.dump").write_bytes(dumped.read_bytes()[:-400])
    before = contents(another), protection(another)

    with pytest.raises(BackupError, match=r"nothing was changed: .*end of file"):
        restore(another, tmp_path / "half.dump", replace=True)

    assert (contents(another), protection(another)) == before


def test_what_is_no_dump_is_named(filled: str, tmp_path: Path):
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff and more of it")

    with pytest.raises(NotADump, match=r"photo\.jpg is not a dump of Shopkeeper: input file does not appear"):
        restore(filled, tmp_path / "photo.jpg", replace=True)
    with pytest.raises(NotADump, match=r"nothing\.dump\": No such file"):
        restore(filled, tmp_path / "nothing.dump", replace=True)


def test_a_dump_of_a_newer_version_is_refused_before_anything_is_changed(
    make_database: Make, empty: str, tmp_path: Path
):
    newer = make_database(template="shopkeeper")
    with psycopg.connect(newer) as connection:
        connection.execute("update alembic_version set version_num = '9999'")
    dump(newer, tmp_path / "newer.dump")

    with pytest.raises(NewerSchema, match="The dump is at revision 9999"):
        restore(empty, tmp_path / "newer.dump")

    assert contents(empty) == {}


def test_a_shop_moves_to_a_server_whose_owner_is_called_otherwise(dumped: Path, filled: str, make_database: Make):
    elsewhere = make_database(owner=f"landlord_{uuid.uuid4().hex[:8]}")

    restore(elsewhere, dumped)

    assert contents(elsewhere) == contents(filled)
    assert protection(elsewhere) == protection(filled)
