"""Looking after an installation: its dump, its books, its shops, and what the program says of itself."""

from importlib.metadata import version
from pathlib import Path

import httpx
import orjson
import psycopg
import pytest

from db import embedded
from tests.orchestrator.test_cli.conftest import Cli, OpenShop
from tools import registry

pytestmark = pytest.mark.xdist_group("cli")


def test_a_dumped_shop_is_restored_in_a_new_home_with_its_books_in_order(
    cli: Cli, open_shop: OpenShop, new_home: Path, tmp_path: Path
):
    elsewhere = Cli(new_home)

    dumped = cli("dump", str(tmp_path / "shop.dump"))
    restored = elsewhere("restore", str(tmp_path / "shop.dump"))
    (new_home / "credentials").write_bytes((open_shop.home / "credentials").read_bytes())
    again = elsewhere("restore", str(tmp_path / "shop.dump"))

    assert (dumped.exit_code, restored.exit_code) == (0, 0), dumped.output + restored.output
    assert f"Keep {open_shop.home / 'credentials'} beside it" in dumped.stderr
    assert elsewhere("check").exit_code == 0
    newest = ("orders", "list-orders", "--limit", "5")
    assert elsewhere.json(*newest) == cli.json(*newest)
    assert again.exit_code == 1
    assert "has a shop already: demo" in again.stderr


def test_books_that_agree_are_said_to(cli: Cli):
    done = cli("check")

    assert done.exit_code == 0
    assert "checks hold" in done.stderr


def test_a_broken_rule_is_named_with_its_rows(cli: Cli, open_shop: OpenShop):
    server = embedded.start(open_shop.home)
    stolen = "update stock_levels set on_hand = on_hand {} 1 where reserved + damaged < on_hand + 1 and id = %s"
    with psycopg.connect(server.url("app_owner"), autocommit=True) as owner:
        nobody_waits = (
            "select id from stock_levels s where on_hand > greatest(reserved + damaged, binned) + 1 and not exists (\
            select from pick_tasks t where t.warehouse_id = s.warehouse_id and t.variant_id = s.variant_id) limit 1"
        )
        found = owner.execute(nobody_waits.encode()).fetchone()
        owner.execute(stolen.format("-").encode(), found)

        shown, listed = cli("check"), cli("check", "--json")

        owner.execute(stolen.format("+").encode(), found)
    embedded.stop(server)
    broken = [rule for rule in orjson.loads(listed.stdout) if rule["rows"]]
    assert (shown.exit_code, listed.exit_code) == (1, 1)
    assert "demo: stock_on_hand" in shown.stdout
    assert [(rule["name"], len(rule["rows"])) for rule in broken] == [("stock_on_hand", 1)]
    assert broken[0]["rows"][0]["on_hand"] == -1


def test_loading_the_demo_shop_again_adds_nothing(cli: Cli):
    before = cli.json("orders", "list-orders", "--limit", "1")

    again = cli("demo")

    assert again.exit_code == 0
    assert cli.json("orders", "list-orders", "--limit", "1") == before


def test_a_shop_can_be_added_whose_owner_alone_gets_the_key(cli: Cli, open_shop: OpenShop):
    asked = ("merchants", "add", "harbour-tea", "--name", "Harbour Tea", "--owner", "lea@harbour.example")
    rest = ("--owner-name", "Léa", "--zone", "Europe/Lisbon", "--country", "PT")

    added, again = cli(*asked, *rest), cli(*asked, *rest)

    file = open_shop.home / "credentials-harbour-tea"
    kept = dict(line.split("=", 1) for line in file.read_text().splitlines())
    theirs = Cli(open_shop.home, SHOPKEEPER_URL=open_shop.address, SHOPKEEPER_KEY=kept["SHOPKEEPER_KEY"])
    signed_in = httpx.post(
        f"{open_shop.address}/api/v1/session", json={"email": kept["EMAIL"], "password": kept["PASSWORD"]}
    )
    assert (added.exit_code, file.stat().st_mode & 0o777) == (0, 0o600)
    assert kept["PASSWORD"] not in added.output
    assert theirs.json("backoffice", "get-merchant")["zone"] == "Europe/Lisbon"
    assert theirs.json("orders", "list-orders")["data"] == []
    assert signed_in.status_code == 204
    assert again.exit_code == 1
    assert "The database has a shop harbour-tea" in again.stderr


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("Harbour Tea", "--zone", "Europe/Lisbon"), "is not a short name"),
        (("harbour", "--zone", "Europe/Atlantis"), "zone"),
        (("harbour", "--currency", "euro"), "currency"),
        (("harbour", "--country", "Portugal"), "country"),
    ],
)
def test_a_shop_that_cannot_be_is_refused(cli: Cli, wrong: tuple[str, ...], said: str):
    refused = cli("merchants", "add", *wrong, "--name", "H", "--owner", "h@h.example", "--owner-name", "H")

    assert refused.exit_code == 2
    assert said in refused.stderr


def test_the_program_tells_its_version_its_operations_and_its_interface(cli: Cli):
    operations = cli.json("tools")
    document = orjson.loads(cli("openapi").stdout)

    assert cli("version").stdout == f"shopkeeper {version('shopkeeper')}\n"
    assert [operation["name"] for operation in operations] == list(registry.tools())
    assert "orders cancel-order" in cli("tools").stdout
    assert document["paths"]["/api/v1/orders/{order}"]["delete"]["operationId"] == "cancel_order"


def test_a_migrated_database_is_left_as_it_is(cli: Cli):
    done = cli("migrate")

    assert (done.exit_code, done.stderr) == (0, "The tables are up to date.\n")
