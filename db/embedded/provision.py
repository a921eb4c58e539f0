"""The roles and extensions that every Shopkeeper database needs, embedded or not."""

from collections.abc import Mapping

import psycopg
from psycopg import sql

EXTENSIONS = ["pg_trgm", "unaccent", "btree_gin", "btree_gist", "citext"]


def provision(conn: psycopg.Connection, passwords: Mapping[str, str]) -> list[str]:
    """Prepare the connection's database: roles, their search path, extensions, `public` closed to strangers' tables.

    `passwords` names the roles to see to: `app_rt`, and also `app_owner` when a superuser hands the database over to it;
    an owner with CREATEROLE names `app_rt` alone. Returns the roles that had to be created. Safe to repeat.
    """
    with conn.transaction():
        conn.execute("select pg_advisory_xact_lock(hashtext('shopkeeper provision'))")
        roles = conn.execute("select rolname, rolconfig from pg_roles where rolname = any(%s)", [list(passwords)])
        known: dict[str, list[str] | None] = dict(roles.fetchall())
        for role, password in passwords.items():
            if role not in known:
                _create_role(conn, role, password)
            if "search_path=public, jobs" not in (known.get(role) or []):
                conn.execute(sql.SQL("alter role {} set search_path = public, jobs").format(sql.Identifier(role)))
        if "app_owner" in passwords:
            _hand_over(conn)
        if conn.execute("select 1 where has_schema_privilege('public', 'public', 'create')").fetchone():
            conn.execute("revoke create on schema public from public")
        _extend(conn)
    return [role for role in passwords if role not in known]


def _create_role(conn: psycopg.Connection, role: str, password: str) -> None:
    # the verifier, so that a server which logs its statements does not log the password
    verifier = conn.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    form = "create role {} login nosuperuser nobypassrls nocreatedb nocreaterole password {}"
    conn.execute(sql.SQL(form).format(sql.Identifier(role), sql.Literal(verifier)))


def _hand_over(conn: psycopg.Connection) -> None:
    database = "select datname from pg_database where datname = current_database() and datdba <> 'app_owner'::regrole"
    if row := conn.execute(database).fetchone():
        conn.execute(sql.SQL("alter database {} owner to app_owner").format(sql.Identifier(row[0])))


def _extend(conn: psycopg.Connection) -> None:
    present = {name for (name,) in conn.execute("select extname from pg_extension")}
    if missing := [name for name in EXTENSIONS if name not in present]:
        offered = conn.execute("select name from pg_available_extensions where name = any(%s)", [missing])
        for (name,) in offered.fetchall():
            conn.execute(sql.SQL("create extension {} with schema public").format(sql.Identifier(name)))
