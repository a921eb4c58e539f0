"""What every table promises, read from the live catalogue: the wall, the keys, the grants, and that the models tell the truth."""

import re
import uuid
from collections.abc import Generator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from alembic.script import ScriptDirectory
from psycopg.rows import TupleRow
from sqlalchemy import Enum, ForeignKeyConstraint
from sqlalchemy.orm import Mapper

from db.embedded import Server
from db.migrate import NewerSchema, check, upgrade
from db.model import Base, Stateful
from db.revision import VERSIONS, is_current, newest

# Guesses, because whoever tries a password is in no shop yet, and often nobody at all.
OUTSIDE_THE_WALL = {"merchants", "users", "sessions", "guesses"}
APPEND_ONLY = {
    "access_log",
    "audit_entries",
    "audit_seals",
    "bin_movements",
    "consents",
    "credit_entries",
    "events",
    "journal_entries",
    "loyalty_entries",
    "mispicks",
    "order_adjustments",
    "order_changes",
    "payment_transactions",
    "return_policies",
    "return_rules",
    "stock_costs",
    "stock_count_lines",
    "stock_movements",
    "tracking_events",
}
NOW = datetime(2026, 3, 1, tzinfo=UTC)

Connection = psycopg.Connection[TupleRow]


@pytest.fixture
def catalogue(owner_url: str) -> Generator[Connection]:
    with psycopg.connect(owner_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def runtime(runtime_url: str) -> Generator[Connection]:
    with psycopg.connect(runtime_url, autocommit=True) as connection:
        yield connection


def tables(catalogue: Connection) -> set[str]:
    found = catalogue.execute("select tablename from pg_tables where schemaname = 'public'")
    return {name for (name,) in found} - {"alembic_version"}


def mappers() -> list[Mapper[Any]]:
    return sorted(Base.registry.mappers, key=lambda mapper: mapper.class_.__name__)


# ---- the wall ------------------------------------------------------------------------------------------------------------


def test_exactly_four_tables_stand_outside_the_wall(catalogue: Connection):
    walled = catalogue.execute(
        "select relname from pg_class where relkind = 'r' and relrowsecurity and relnamespace = 'public'::regnamespace"
    )

    assert tables(catalogue) - {name for (name,) in walled} == OUTSIDE_THE_WALL


def test_every_index_and_unique_constraint_of_a_tenant_table_begins_with_its_merchant(catalogue: Connection):
    found = catalogue.execute(
        """
        select t.relname, i.relname,
               (select attname from pg_attribute where attrelid = t.oid and attnum = x.indkey[0])
        from pg_index x join pg_class t on t.oid = x.indrelid join pg_class i on i.oid = x.indexrelid
        where t.relnamespace = 'public'::regnamespace
        """
    ).fetchall()

    inside = [row for row in found if row[0] not in OUTSIDE_THE_WALL | {"alembic_version"}]
    assert len(inside) > 100
    assert [row for row in inside if row[2] != "merchant_id"] == []


def test_every_tenant_table_has_its_merchant_first_in_the_primary_key(catalogue: Connection):
    found = catalogue.execute(
        """
        select t.relname from pg_constraint k join pg_class t on t.oid = k.conrelid
        join pg_attribute a on a.attrelid = t.oid and a.attnum = k.conkey[1]
        where k.contype = 'p' and t.relnamespace = 'public'::regnamespace and a.attname = 'merchant_id'
        """
    )

    assert {name for (name,) in found} == tables(catalogue) - OUTSIDE_THE_WALL


def test_no_foreign_key_crosses_from_one_merchant_to_another(catalogue: Connection):
    found = catalogue.execute(
        """
        select k.conname, a.attname, b.attname
        from pg_constraint k
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
        join pg_attribute b on b.attrelid = k.confrelid and b.attnum = k.confkey[1]
        where k.contype = 'f' and k.connamespace = 'public'::regnamespace
        """
    ).fetchall()

    assert len(found) > 50
    assert [row for row in found if row[1:] != ("merchant_id", "merchant_id")] == []


def test_row_security_is_forced_with_one_policy_for_the_merchant_and_one_for_the_owner(catalogue: Connection):
    found = catalogue.execute(
        """
        select c.relname, c.relrowsecurity and c.relforcerowsecurity,
               (select array_agg(array[p.policyname::text, p.roles::text, p.cmd, p.permissive, p.qual] order by p.policyname)
                from pg_policies p where p.schemaname = 'public' and p.tablename = c.relname)
        from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
        """
    )
    inside = {
        name: (forced, policies) for name, forced, policies in found if name in tables(catalogue) - OUTSIDE_THE_WALL
    }

    own_rows = "(merchant_id = (NULLIF(current_setting('app.merchant_id'::text, true), ''::text))::uuid)"
    wall = [
        ["merchant", "{app_rt}", "ALL", "PERMISSIVE", own_rows],
        ["owner", "{app_owner}", "ALL", "PERMISSIVE", "true"],
    ]
    assert {name for name, row in inside.items() if row != (True, wall)} == set()


def test_the_runtime_role_may_work_with_rows_and_never_rewrite_the_ledgers(catalogue: Connection):
    found = catalogue.execute(
        """
        select table_name, array_agg(privilege_type::text order by privilege_type)
        from information_schema.role_table_grants
        where grantee = 'app_rt' and table_schema = 'public' group by table_name
        """
    )
    grants = {name: set(privileges) for name, privileges in found}

    writing = {"SELECT", "INSERT", "UPDATE", "DELETE"}
    expected = dict.fromkeys(tables(catalogue), writing)
    expected |= {name: {"SELECT", "INSERT"} for name in APPEND_ONLY}
    expected |= {name: {"SELECT", "INSERT", "UPDATE"} for name in ("merchants", "users")}
    assert grants == expected


def test_without_a_merchant_there_is_nothing_to_see_and_nothing_can_be_written(
    catalogue: Connection, runtime: Connection
):
    _write_warehouse(catalogue, uuid.uuid4())

    assert runtime.execute("select count(*) from warehouses").fetchone() == (0,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        _write_warehouse(runtime, uuid.uuid4())


def test_after_a_transaction_its_merchant_is_forgotten(catalogue: Connection, runtime: Connection):
    merchant = uuid.uuid4()
    _write_warehouse(catalogue, merchant)

    runtime.execute(f"begin; set local app.merchant_id = '{merchant}'".encode())
    inside = runtime.execute("select count(*) from warehouses").fetchone()
    runtime.execute("commit")

    assert inside == (1,)
    assert runtime.execute("select count(*) from warehouses").fetchone() == (0,)


def test_one_merchant_neither_sees_nor_writes_nor_points_at_rows_of_another(catalogue: Connection, runtime: Connection):
    mine, theirs = uuid.uuid4(), uuid.uuid4()
    warehouse = _write_warehouse(catalogue, theirs)
    runtime.execute(f"begin; set local app.merchant_id = '{mine}'".encode())

    assert runtime.execute("select count(*) from warehouses").fetchone() == (0,)
    assert runtime.execute("update warehouses set name = 'Mine' where id = %s", [warehouse]).rowcount == 0
    with pytest.raises(psycopg.errors.InsufficientPrivilege), runtime.transaction():
        _write_warehouse(runtime, theirs)
    supplier = uuid.uuid4()
    runtime.execute(
        "insert into suppliers (merchant_id, id, reference, name, currency, created_at, updated_at)"
        " values (%s, %s, 'SUP-1', 'Ours', 'EUR', %s, %s)",
        [mine, supplier, NOW, NOW],
    )
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        runtime.execute(
            "insert into purchase_orders (merchant_id, id, reference, status, supplier_id, warehouse_id, currency,"
            " created_at, updated_at) values (%s, %s, 'PO-1', 'draft', %s, %s, 'EUR', %s, %s)",
            [mine, uuid.uuid4(), supplier, warehouse, NOW, NOW],
        )


def test_search_stays_inside_the_merchant_although_its_owner_sees_all(catalogue: Connection, runtime: Connection):
    mine, theirs = uuid.uuid4(), uuid.uuid4()
    for merchant in (mine, theirs):
        catalogue.execute(
            "insert into products (merchant_id, id, reference, status, title, search, created_at, updated_at)"
            " values (%(m)s, %(i)s, 'PRD-1', 'active', 'Café mug', 'cafe mug', %(now)s, %(now)s)",
            {"m": merchant, "i": uuid.uuid4(), "now": NOW},
        )
    search = "select p.merchant_id from search_products('cafè mgu') join products p on p.id = product_id"

    assert runtime.execute(search).fetchall() == []
    runtime.execute(f"begin; set local app.merchant_id = '{mine}'".encode())
    assert runtime.execute(search).fetchall() == [(mine,)]


# ---- ready to be distributed ---------------------------------------------------------------------------------------------


def test_there_are_no_triggers_and_no_sequences_among_the_tables(catalogue: Connection):
    triggers = catalogue.execute(
        "select t.tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid"
        " where not t.tgisinternal and c.relnamespace = 'public'::regnamespace"
    )
    sequences = catalogue.execute(
        "select relname from pg_class where relkind = 'S' and relnamespace = 'public'::regnamespace"
    )

    assert triggers.fetchall() == []
    assert sequences.fetchall() == []


def test_no_column_is_filled_by_a_volatile_function(catalogue: Connection):
    defaults = catalogue.execute(
        """
        select c.relname, a.attname, pg_get_expr(d.adbin, d.adrelid)
        from pg_attrdef d join pg_class c on c.oid = d.adrelid
        join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
        where c.relnamespace = 'public'::regnamespace and a.attgenerated = ''
        """
    )

    assert [row for row in defaults if "(" in row[2]] == []


# ---- the models tell the truth -------------------------------------------------------------------------------------------


def test_the_models_and_the_migrations_agree(owner_url: str):
    assert check(owner_url) == []


def test_the_database_accepts_exactly_the_values_of_each_enumeration(catalogue: Connection):
    found = catalogue.execute(
        "select c.relname || '.' || k.conname, pg_get_constraintdef(k.oid) from pg_constraint k"
        " join pg_class c on c.oid = k.conrelid where k.contype = 'c' and k.connamespace = 'public'::regnamespace"
    )
    accepted = {name: set(re.findall(r"'([^']*)'::", definition)) for name, definition in found}

    expected = {
        f"{table.name}.ck_{table.name}_{column.type.name}": set(column.type.enums)
        for table in Base.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, Enum)
    }
    assert len(expected) > 30
    assert {name: accepted[name] for name in expected} == expected


def test_every_status_has_its_moves():
    stateful = [mapper for mapper in mappers() if "status" in mapper.columns]
    assert len(stateful) > 10

    for mapper in stateful:
        model: Any = mapper.class_
        status: Any = mapper.columns["status"].type
        assert issubclass(model, Stateful), f"{model.__name__} has a status and no MOVES"
        assert set(model.MOVES) == set(status.enum_class), f"{model.__name__}.MOVES leaves a status out"
        assert set().union(*model.MOVES.values()) <= set(status.enum_class)


def test_the_session_knows_which_rows_to_insert_first():
    """It orders mappers by their relationships, not by foreign keys: each foreign key needs one."""
    rooms = ("orders", "products", "inventory", "warehouse", "customers", "payments", "transport", "after_sales")
    inside = [mapper for mapper in mappers() if mapper.class_.__module__.rpartition(".")[2] in rooms]

    unknown = [
        f"{mapper.class_.__name__}.{constraint.column_keys[1]}"
        for mapper in inside
        for constraint in Base.metadata.tables[mapper.class_.__tablename__].constraints
        if isinstance(constraint, ForeignKeyConstraint)
        and not any(
            {column.key for column in relationship.local_columns} >= set(constraint.column_keys)
            and not relationship.viewonly
            for relationship in mapper.relationships
        )
    ]
    assert unknown == []


# ---- migrating -----------------------------------------------------------------------------------------------------------


def test_migrating_again_changes_nothing(owner_url: str):
    told: list[str] = []

    upgrade(owner_url, told.append)

    assert told == []


def test_a_start_knows_without_alembic_whether_there_is_something_to_migrate(owner_url: str, server: Server):
    assert newest() == ScriptDirectory(str(VERSIONS.parent)).get_current_head()
    assert is_current(owner_url)
    assert not is_current(server.url("postgres", "postgres"))


def test_a_database_of_a_newer_version_is_refused(server: Server):
    name = f"newer_{uuid.uuid4().hex}"
    with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as admin:
        admin.execute(f"create database {name} template shopkeeper owner app_owner".encode())
    with psycopg.connect(server.url("app_owner", name), autocommit=True) as connection:
        connection.execute("update alembic_version set version_num = '9999'")

    assert not is_current(server.url("app_owner", name))
    with pytest.raises(NewerSchema, match="9999"):
        upgrade(server.url("app_owner", name))


def _write_warehouse(connection: Connection, merchant: uuid.UUID) -> uuid.UUID:
    warehouse = uuid.uuid4()
    connection.execute(
        "insert into warehouses (merchant_id, id, reference, code, name, line1, city, postcode, country, created_at, updated_at)"
        " values (%(m)s, %(i)s, 'WH-1', 'ONE', 'One', '1 Quay', 'Lille', '59000', 'FR', %(now)s, %(now)s)",
        {"m": merchant, "i": warehouse, "now": NOW},
    )
    return warehouse
