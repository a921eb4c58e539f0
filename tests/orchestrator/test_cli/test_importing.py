"""`shopkeeper import` and `shopkeeper export`: the shop is made, its owner gets the key, and every line is accounted for."""

from pathlib import Path

import orjson
import pytest

from tests.importers.test_online_retail import invoice, written
from tests.importers.test_tau2 import world
from tests.orchestrator.test_cli.conftest import Cli, OpenShop

pytestmark = pytest.mark.xdist_group("cli")


def test_invoices_make_a_shop_whose_owner_can_ask_for_its_sales(cli: Cli, open_shop: OpenShop, tmp_path: Path):
    rows = invoice(536365, ("71053", 6, "3.39"), ("POST", 1, "18.00")) + invoice("C536379", ("71053", -1, "3.39"))
    file = written(tmp_path, rows)

    done = cli("import", "online-retail", str(file), "--shop", "invoices")
    again = cli.json("import", "online-retail", str(file), "--shop", "invoices")

    kept = dict(line.split("=", 1) for line in (open_shop.home / "credentials-invoices").read_text().splitlines())
    theirs = Cli(open_shop.home, SHOPKEEPER_URL=open_shop.address, SHOPKEEPER_KEY=kept["SHOPKEEPER_KEY"])
    sold = theirs.json("orders", "sales-report", "--placed-from", "2011-03-01", "--placed-until", "2011-04-01")
    assert "3 lines, 2 invoices, 1 of them credits" in done.stderr
    assert sold["totals"]["net"] == {"amount": 2_034 + 1_800 - 339, "currency": "GBP"}
    assert again["lines"] == {"sold": 1, "postage": 1, "credit": 1}


def test_a_file_of_something_else_makes_no_shop(cli: Cli, open_shop: OpenShop, tmp_path: Path):
    (tmp_path / "other.csv").write_text("Handle,Title\n")

    refused = cli("import", "online-retail", str(tmp_path / "other.csv"), "--shop", "never")

    assert (refused.exit_code, "is not the Online Retail data" in refused.stderr) == (1, True)
    assert not (open_shop.home / "credentials-never").exists()


def test_a_world_is_given_back_to_a_file_or_to_the_terminal(cli: Cli, tmp_path: Path):
    file = tmp_path / "db.json"
    file.write_bytes(orjson.dumps(world()))

    cli("import", "tau2", str(file))
    cli("export", "tau2", str(tmp_path / "back.json"))

    assert orjson.loads((tmp_path / "back.json").read_bytes()) == world()
    assert orjson.loads(cli("export", "tau2").stdout) == world()
    assert "There is no shop nowhere" in cli("export", "tau2", "--shop", "nowhere").stderr
