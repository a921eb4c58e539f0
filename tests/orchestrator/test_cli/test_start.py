"""Opening and closing a shop with the real command, and what it says when that cannot be."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import psycopg
import pytest

from db import embedded
from db.embedded.host import is_root
from db.embedded.server import place
from orchestrator.surfaces.cli.presence import server_of
from tests.orchestrator.test_cli.conftest import OpenShop, command, environment, free_port
from tests.settled import shopkeeper

pytestmark = pytest.mark.xdist_group("cli")


def test_an_open_shop_says_where_it_is_and_how_to_sign_in_and_keeps_the_password_to_itself(open_shop: OpenShop):
    said = "\n".join(open_shop.said)

    assert f"The shop is open at {open_shop.address}" in said
    assert f"Sign in as owner@demo.example; the password and an API key are in {open_shop.home / 'credentials'}" in said
    assert 'chat "what is running low' in said
    assert open_shop.credentials["PASSWORD"] not in said
    assert open_shop.credentials["SHOPKEEPER_KEY"] not in said
    assert (open_shop.home / "credentials").stat().st_mode & 0o777 == 0o600


def test_the_credentials_open_it(open_shop: OpenShop):
    known = open_shop.credentials

    by_password = httpx.post(
        f"{open_shop.address}/api/v1/session", json={"email": known["EMAIL"], "password": known["PASSWORD"]}
    )
    by_key = httpx.get(
        f"{open_shop.address}/api/v1/merchant", headers={"Authorization": f"Bearer {known['SHOPKEEPER_KEY']}"}
    )

    assert by_password.status_code == 204
    assert by_key.json()["name"] == "Fernway Home"


def test_starting_an_open_shop_again_says_so_and_changes_nothing(open_shop: OpenShop):
    before = (open_shop.home / "credentials").read_bytes()

    again = command(open_shop.home, "start", SHOPKEEPER_PORT=str(open_shop.port))

    assert (again.returncode, again.stdout) == (0, f"The shop is open already, at {open_shop.address}.\n")
    assert (open_shop.home / "credentials").read_bytes() == before


def test_ctrl_c_closes_the_shop_with_its_database_and_the_next_start_opens_the_same_one(open_shop: OpenShop):
    before = (open_shop.home / "credentials").read_bytes()

    closed = open_shop.close(signal.SIGINT)
    server_left = (place(open_shop.home).data / "postmaster.pid").exists()
    said = open_shop.open()

    assert (closed, server_left) == (0, False)
    assert (open_shop.home / "credentials").read_bytes() == before
    assert not any(line.startswith(("Creating", "Loading")) for line in said)
    assert httpx.get(f"{open_shop.address}/ready").json() == {"status": "ready"}


def test_sigterm_closes_it_as_cleanly_while_a_second_process_still_uses_the_database(open_shop: OpenShop):
    visitor = embedded.start(open_shop.home)

    closed = open_shop.close(signal.SIGTERM)

    with psycopg.connect(visitor.url("app_rt")) as still_there:
        assert still_there.execute("select 1 from merchants where slug = 'demo'").fetchone() == (1,)
    assert closed == 0
    assert embedded.stop(visitor)
    open_shop.open()


@pytest.mark.parametrize(("process", "said"), [("serve", "Serving at "), ("worker", "Working.")])
def test_the_web_process_and_the_worker_run_apart_too(open_shop: OpenShop, process: str, said: str):
    port = free_port()
    with subprocess.Popen(
        [*shopkeeper(), process],
        env=environment(open_shop.home, SHOPKEEPER_PORT=str(port)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as started:
        assert started.stdout
        first = next(line for line in started.stdout if line.startswith((said, "Traceback")))
        if process == "serve":
            assert httpx.get(f"http://127.0.0.1:{port}/ready").json() == {"status": "ready"}
        started.send_signal(signal.SIGTERM)
        rest = started.stdout.read()

    assert first.startswith(said)
    assert (started.returncode, rest) == (0, "")


def test_a_port_that_another_program_has_is_named_before_anything_is_made(new_home: Path):
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]

        refused = command(new_home, "start", SHOPKEEPER_PORT=str(port))

    assert refused.returncode == 1
    assert refused.stdout.splitlines() == [
        f"Port {port} is taken, and not by this home's shop.",
        f"Choose another: SHOPKEEPER_PORT={port + 1} make start. Or end what has it (`lsof -i :{port}` names it).",
    ]
    assert not new_home.exists()


def test_a_stranger_on_the_shops_port_is_told_nothing(new_home: Path):
    """Not even when it has the port that this home's shop had, and the home has a key."""
    heard: list[bytes] = []
    new_home.mkdir()
    (new_home / "credentials").write_text("SHOPKEEPER_KEY=sk_secret\nMERCHANT=x\nUSER=x\nEMAIL=x\nPASSWORD=x\n")
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        (new_home / f"serving-{port}").write_text("4711\n")
        stranger.settimeout(20)

        def listen() -> None:
            with contextlib.suppress(TimeoutError, OSError):
                while True:
                    visitor, _ = stranger.accept()
                    with visitor:
                        visitor.settimeout(5)
                        heard.append(visitor.recv(65_536))

        threading.Thread(target=listen, daemon=True).start()
        refused = command(new_home, "start", SHOPKEEPER_PORT=str(port))

    assert refused.returncode == 1
    assert "not by this home's shop" in refused.stdout
    assert heard == []


def test_a_shop_that_is_being_opened_is_known_by_its_lock_which_ends_with_its_process(tmp_path: Path):
    holding = f"""
import pathlib, time
from orchestrator.surfaces.cli.presence import serving
with serving(pathlib.Path({str(tmp_path)!r}), 8000):
    print("held", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", holding], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.readline()
        beside = server_of(tmp_path, 8000), server_of(tmp_path, 8001)
        process.kill()
        process.wait()

    assert beside == (str(process.pid), None)
    assert server_of(tmp_path, 8000) is None


def test_a_port_that_another_homes_shop_has_is_not_taken_for_ones_own(open_shop: OpenShop, new_home: Path):
    refused = command(new_home, "start", SHOPKEEPER_PORT=str(open_shop.port))

    assert refused.returncode == 1
    assert "not by this home's shop" in refused.stdout


def test_a_first_start_that_is_stopped_half_way_says_so_and_leaves_no_server(new_home: Path):
    with subprocess.Popen(
        [*shopkeeper(), "start"],
        env=environment(new_home, SHOPKEEPER_PORT=str(free_port())),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as started:
        assert started.stdout
        for line in started.stdout:
            if line.startswith("Migrating"):
                started.send_signal(signal.SIGTERM)
                break
        rest = started.stdout.read()

    assert started.returncode == 130
    assert rest.splitlines()[-1] == "Stopped before the shop was open. Nothing is lost: start it again."
    assert "Traceback" not in rest
    assert not (place(new_home).data / "postmaster.pid").exists()


@pytest.mark.skipif(not is_root(), reason="mounting a small disk needs root")
def test_a_full_disk_is_said_in_two_lines(new_home: Path):
    cluster = place(new_home).data.parent
    cluster.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", cluster], check=False)
    if mounted.returncode:
        pytest.skip("this root may not mount")
    try:
        refused = command(new_home, "start", SHOPKEEPER_PORT=str(free_port()))
    finally:
        subprocess.run(["umount", cluster], check=True)

    *_, message, hint = refused.stdout.splitlines()
    assert refused.returncode == 1
    assert message.startswith(f"The disk that holds {cluster}")
    assert hint.startswith("Free some space there")
    assert "Traceback" not in refused.stdout


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").touch()

    refused = command(tmp_path / "file" / "home", "start", SHOPKEEPER_PORT=str(free_port()))

    assert refused.returncode == 1
    assert refused.stdout.splitlines() == [
        f"{tmp_path / 'file' / 'home'}: not a directory.",
        "Set SHOPKEEPER_HOME to a folder that you may write to, or name another file.",
    ]


def test_a_database_of_a_newer_version_is_left_alone(open_shop: OpenShop):
    server = embedded.start(open_shop.home)
    owner = server.url("app_owner")
    with psycopg.connect(owner) as connection:
        connection.execute("update alembic_version set version_num = '9999'")

    refused = command(open_shop.home, "start", SHOPKEEPER_PORT=str(free_port()))

    with psycopg.connect(owner) as connection:
        connection.execute("update alembic_version set version_num = '0001'")
    embedded.stop(server)
    message, hint = refused.stdout.splitlines()
    assert refused.returncode == 1
    assert message.startswith("The database is at revision 9999; this version knows up to")
    assert hint.startswith("Update Shopkeeper")


def test_a_data_directory_of_a_newer_postgresql_is_left_alone(new_home: Path):
    embedded.stop(embedded.start(new_home))
    mark = place(new_home).data / "PG_VERSION"
    present = mark.read_text()
    mark.write_text("99\n")

    refused = command(new_home, "start", SHOPKEEPER_PORT=str(free_port()))

    mark.write_text(present)
    message, hint = refused.stdout.splitlines()
    assert refused.returncode == 1
    assert "was made by PostgreSQL 99" in message
    assert hint.startswith("Update Shopkeeper")


def test_a_setting_that_cannot_be_is_named_with_its_variable(new_home: Path):
    refused = command(new_home, "start", SHOPKEEPER_PORT="http")

    assert refused.returncode == 1
    assert refused.stdout.startswith("A setting cannot be used: SHOPKEEPER_PORT: Input should be a valid integer")


def test_a_home_without_a_shop_says_how_to_get_one(new_home: Path):
    refused = command(new_home, "orders", "list-orders")

    assert refused.returncode == 1
    assert refused.stdout.splitlines() == [
        "There is no shop in this home yet.",
        "Run `make start` (or `shopkeeper start`) first.",
    ]
    assert not os.path.exists(new_home)
