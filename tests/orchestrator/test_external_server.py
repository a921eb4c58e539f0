"""A server of the merchant's own: what its roles have to be like, and that it is said when they are not."""

import uuid
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from db.embedded import Server
from orchestrator.app import services
from orchestrator.installation import NotReady, Urls, external, migrate
from orchestrator.settings import Settings


class Outsider(NamedTuple):
    """A role that an administrator made by hand."""

    name: str
    url: str


@pytest.fixture
def admin(server: Server, database_name: str) -> Generator[psycopg.Connection]:
    with psycopg.connect(server.url("postgres", database_name), autocommit=True) as connection:
        yield connection


@pytest.fixture
def outsider(admin: psycopg.Connection, runtime_url: str) -> Generator[Outsider]:
    name = f"test_{uuid.uuid4().hex}"
    admin.execute(f"create role {name} login password 'x'".encode())
    yield Outsider(name, make_conninfo(runtime_url, user=name, password="x"))
    admin.execute(f"drop role {name}".encode())


async def test_a_role_without_the_shops_rights_is_told_what_it_lacks(settings: Settings, outsider: Outsider) -> None:
    with pytest.raises(NotReady, match="may not read the shop's tables"):
        async with services(settings, Urls(outsider.url, None, outsider.url, None)):
            pass


async def test_a_role_that_does_not_find_the_queue_is_told_how_it_would(
    settings: Settings, outsider: Outsider, admin: psycopg.Connection
) -> None:
    admin.execute(f"grant app_rt to {outsider.name}".encode())

    with pytest.raises(NotReady) as refused:
        async with services(settings, Urls(outsider.url, None, outsider.url, None)):
            pass

    assert "set search_path = public, jobs" in refused.value.hint


def test_a_runtime_role_whose_password_nobody_kept_is_not_guessed_at(owner_url: str, tmp_path: Path) -> None:
    settings = Settings.model_validate({"SHOPKEEPER_HOME": tmp_path, "DATABASE_OWNER_URL": owner_url})

    for _ in range(2):
        with pytest.raises(NotReady, match="this home does not know its password"):
            external(settings, lambda _: None)

    assert not (tmp_path / "runtime-role").exists()


def test_an_owner_without_the_rights_to_migrate_is_told_what_it_lacks(
    admin: psycopg.Connection, outsider: Outsider
) -> None:
    empty = f"test_{uuid.uuid4().hex}"
    admin.execute(f"create database {empty}".encode())
    owner = make_conninfo(outsider.url, dbname=empty)

    try:
        with pytest.raises(NotReady) as refused:
            migrate(Urls(outsider.url, owner, outsider.url, None))
    finally:
        admin.execute(f"drop database {empty}".encode())

    assert "may not do this: permission denied for schema public" in str(refused.value)
    assert "It has to own the database" in refused.value.hint
