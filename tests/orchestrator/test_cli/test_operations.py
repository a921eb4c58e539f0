"""Every operation is a command: what it prints, how it refuses, and that it does not matter whether it goes over HTTP."""

import subprocess
import sys
import uuid
from typing import Any

import orjson
import pytest

from tests.orchestrator.test_cli.conftest import Cli, OpenShop, command, environment
from tools import ROOMS, registry

pytestmark = pytest.mark.xdist_group("cli")


def an_order(cli: Cli, *filters: str) -> dict[str, Any]:
    """Some order that can still be cancelled; at night none may be waiting to be confirmed."""
    states = filters or ("--status", "pending", "--status", "confirmed")
    return cli.json("orders", "list-orders", "--fulfilment-state", "unfulfilled", "--limit", "1", *states)["data"][0]


# ---- help and completion -------------------------------------------------------------------------------------------------


def test_help_names_every_room_and_loads_none_of_them():
    looking = "import sys; from typer.testing import CliRunner; from orchestrator.surfaces.cli import app; "
    looking += "print(CliRunner().invoke(app, ['--help']).output); print(sorted(sys.modules))"

    done = subprocess.run([sys.executable, "-c", looking], capture_output=True, text=True, check=True)

    shown, _, modules = done.stdout.partition("['")
    assert all(f" {room} " in shown for room in ROOMS)
    assert {"start", "chat", "dump", "restore", "check"} <= set(shown.split())
    assert not {"sqlalchemy", "psycopg", "fastapi", "langgraph", "onnxruntime", "httpx"} & set(modules.split("', '"))


def test_reading_wakes_neither_the_web_nor_the_assistants(open_shop: OpenShop):
    looking = "import sys; from typer.testing import CliRunner; from orchestrator.surfaces.cli import app; "
    looking += "done = CliRunner().invoke(app, ['orders', 'list-orders', '--json']); print(sorted(sys.modules)); "
    looking += "sys.exit(done.exit_code)"

    done = subprocess.run(
        [sys.executable, "-c", looking], env=environment(open_shop.home), capture_output=True, text=True, check=True
    )

    assert not {"fastapi", "langgraph", "onnxruntime", "alembic", "httpx"} & set(done.stdout.split("', '"))


@pytest.mark.parametrize("name", list(registry.tools()))
def test_every_operation_has_a_command_that_explains_itself(name: str, cli: Cli):
    tool = registry.tool(name)

    done = cli(tool.room, name.replace("_", "-"), "--help")

    text = " ".join(done.stdout.split())
    assert done.exit_code == 0
    assert tool.summary.split()[0] in text
    assert all(f"--{field.replace('_', '-')}" in text for field in tool.path_fields)
    assert ("--preview" in text) is tool.writes


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("shopkeeper inv", "inventory"),
        ("shopkeeper orders can", "cancel-order"),
        ("shopkeeper orders cancel-order --reason dup", "duplicate"),
    ],
)
def test_the_shell_completes_rooms_operations_and_choices(open_shop: OpenShop, typed: str, offered: str):
    asked = {"_SHOPKEEPER_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}

    done = command(open_shop.home, **asked)

    assert offered in done.stdout.split()


def test_a_name_with_underscores_is_understood_and_a_wrong_one_is_corrected(cli: Cli):
    as_declared = cli("orders", "list_orders", "--limit", "1")
    mistyped = cli("orders", "list-order")

    assert as_declared.exit_code == 0
    assert mistyped.exit_code == 2
    assert "list-orders" in mistyped.stderr


# ---- answers -------------------------------------------------------------------------------------------------------------


def test_a_page_is_a_table_with_money_as_money_and_times_of_the_shop(cli: Cli):
    raw = cli.json("orders", "list-orders", "--limit", "2")

    shown = cli("orders", "list-orders", "--limit", "2").stdout

    total = raw["data"][0]["total"]
    assert f"{total['amount'] / 100:,.2f} {total['currency']}" in shown
    assert all(order["reference"] in shown for order in raw["data"])
    assert f"2 shown, there are more: --after {raw['next']}" in " ".join(shown.split())
    assert "Times are Europe/Paris." in shown


def test_the_next_page_follows(cli: Cli):
    first = cli.json("orders", "list-orders", "--limit", "2")

    second = cli.json("orders", "list-orders", "--limit", "2", "--after", first["next"])

    assert not {row["reference"] for row in first["data"]} & {row["reference"] for row in second["data"]}


def test_columns_that_do_not_fit_are_named(open_shop: OpenShop):
    narrow = Cli(open_shop.home, COLUMNS="60")("orders", "list-orders", "--limit", "2").stdout

    assert "Not shown:" in narrow
    assert "A wider terminal has them, or --json." in " ".join(narrow.split())
    assert max(map(len, narrow.splitlines()[:4])) <= 60


def test_an_object_is_shown_name_by_name_with_its_lists_below(cli: Cli):
    order = cli.json("orders", "list-orders", "--limit", "1")["data"][0]["reference"]

    shown = cli("orders", "get-order", "--order", order.lower()).stdout

    lines = cli.json("orders", "get-order", "--order", order)["lines"]
    assert f"reference           {order}" in shown
    assert all(line["sku"][:12] in shown for line in lines)


def test_filters_repeat_and_days_are_the_shops(cli: Cli):
    page = cli.json(
        *("orders", "list-orders", "--status", "completed", "--status", "cancelled"),
        *("--placed-from", "2026-01-01", "--limit", "50"),
    )

    assert {order["status"] for order in page["data"]} <= {"completed", "cancelled"}
    assert all(order["placed_at"] >= "2025-12-31T23:00:00Z" for order in page["data"])


def test_text_of_outsiders_cannot_steer_the_terminal(cli: Cli):
    order = an_order(cli)["reference"]
    cli.json("orders", "add-order-note", "--order", order, "--text", "\x1b[31mred \x07[bold]alert[/]")

    shown = cli("orders", "get-order", "--order", order).stdout

    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "[31mred [bold]alert[/]" in shown


# ---- writes --------------------------------------------------------------------------------------------------------------


def test_an_order_is_placed_once_however_often_its_key_comes(cli: Cli):
    customer = cli.json("customers", "list-customers", "--limit", "1")["data"][0]["reference"]
    stocked = next(row for row in cli.json("inventory", "list-stock", "--limit", "100")["data"] if row["available"] > 9)
    asked = ["orders", "create-order", "--customer", customer, "--line", f"sku={stocked['sku']},quantity=2"]
    key = str(uuid.uuid4())

    placed = cli.json(*asked, "--idempotency-key", key)
    again = cli(*asked, "--idempotency-key", key, "--json")

    assert [(line["sku"], line["quantity"]) for line in placed["lines"]] == [(stocked["sku"], 2)]
    assert orjson.loads(again.stdout) == placed
    assert "the first answer again" in again.stderr


def test_a_preview_says_what_would_happen_and_changes_nothing_with_its_rows_when_they_are_asked_for(cli: Cli):
    order = an_order(cli)
    asked = ["orders", "cancel-order", "--order", order["reference"], "--reason", "duplicate", "--preview"]

    shown, unfolded = cli(*asked), cli(*asked, "--rows")

    assert (shown.exit_code, unfolded.exit_code) == (0, 0)
    assert "Preview: cancel order" in shown.stdout
    assert f"{order['reference']} of {order['customer_name']}, " in shown.stdout
    assert "is cancelled (duplicate)." in " ".join(shown.stdout.split())
    assert "subject kind" not in shown.stdout
    assert "--rows shows them." in shown.stdout
    assert f"status: {order['status']} → cancelled" in unfolded.stdout
    assert "subject kind" in unfolded.stdout
    assert cli.json("orders", "get-order", "--order", order["reference"])["status"] == order["status"]


def test_what_waits_for_a_person_is_shown_with_its_reference_and_done_when_it_is_approved(cli: Cli):
    asked = an_order(cli)
    order = asked["reference"]
    policy = cli.json("backoffice", "set-approval-policy", "--always", "cancel_order", "--version", "0")

    waits = cli("orders", "cancel-order", "--order", order, "--reason", "duplicate")
    approval = cli.json("backoffice", "list-approvals", "--status", "pending", "--limit", "1")["data"][0]["reference"]
    before = cli.json("orders", "get-order", "--order", order)["status"]
    cli("backoffice", "set-approval-policy", "--always", "", "--version", str(policy["version"]))
    decided = cli("backoffice", "decide-approval", "--approval", approval, "--decision", "approve")

    assert waits.exit_code == 3
    assert f"{approval} waits for a decision: cancel order" in waits.stdout
    assert f"--approval {approval} --decision approve" in " ".join(waits.stderr.split())
    assert before == asked["status"]
    assert decided.exit_code == 0, decided.output
    assert cli.json("orders", "get-order", "--order", order)["status"] == "cancelled"
    assert cli.json("backoffice", "get-approval", "--approval", approval)["status"] == "executed"


# ---- refusals ------------------------------------------------------------------------------------------------------------


def test_a_refusal_is_its_message_and_its_hint_and_ends_with_1(cli: Cli):
    refused = cli("orders", "get-order", "--order", "ORD-99999999")

    message, hint = refused.stderr.splitlines()
    assert refused.exit_code == 1
    assert message == "There is no order ORD-99999999."
    assert hint.startswith("The nearest are ORD-")


def test_what_is_asked_in_a_wrong_way_ends_with_2(cli: Cli):
    by_value = cli("orders", "list-orders", "--limit", "1000")
    by_choice = cli("orders", "list-orders", "--status", "lost")
    by_lack = cli("orders", "get-order")
    by_pair = cli("orders", "create-order", "--line", "{sku")

    assert [done.exit_code for done in (by_value, by_choice, by_lack, by_pair)] == [2, 2, 2, 2]
    assert "limit: Input should be less than or equal to 100" in by_value.stderr
    assert "--order" in by_lack.stderr
    assert "{sku is not JSON" in by_pair.stderr


def test_with_json_the_problem_is_on_standard_output(cli: Cli):
    refused = cli("orders", "get-order", "--order", "ORD-99999999", "--json")

    problem = orjson.loads(refused.stdout)
    assert refused.exit_code == 1
    assert (problem["code"], problem["retryable"]) == ("NotFound", False)
    assert len(problem["nearest"]) == 3


# ---- over HTTP -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        ("orders", "list-orders", "--limit", "3", "--status", "completed", "--status", "confirmed"),
        ("orders", "list-orders", "--limit", "3", "--on-hold", "--json"),
        ("orders", "sales-report", "--placed-from", "2026-01-01", "--placed-until", "2026-02-01", "--group-by", "week"),
        ("backoffice", "get-merchant"),
        ("inventory", "check-availability", "--sku", "MUG-BLUE"),
        ("orders", "get-order", "--order", "ORD-99999999"),
        ("orders", "get-order", "--order", "ORD-99999999", "--json"),
        ("orders", "list-orders", "--limit", "1000"),
        ("orders", "list-orders", "--after", "nonsense", "--json"),
        ("orders", "add-order-note", "--order", "Nº 7?", "--text", "Hello", "--json"),
        ("customers", "update-customer", "--customer", "CUS-1001", "--version", "99", "--json"),
    ],
)
def test_over_http_it_looks_the_same(asked: tuple[str, ...], cli: Cli, cli_over_http: Cli):
    here, there = cli(*asked), cli_over_http(*asked)

    assert (there.exit_code, there.stdout, there.stderr) == (here.exit_code, here.stdout, here.stderr)


def test_writes_go_over_http_too_and_their_previews(cli_over_http: Cli):
    order = an_order(cli_over_http)["reference"]
    key = str(uuid.uuid4())
    asked = ["orders", "add-order-note", "--order", order, "--text", "Gift"]

    preview = cli_over_http(*asked, "--preview")
    first, again = (cli_over_http(*asked, "--idempotency-key", key, "--json") for _ in range(2))

    assert "Preview: add order note" in preview.stdout
    assert first.exit_code == 0
    assert again.stdout == first.stdout
    assert "the first answer again" in again.stderr


def test_a_key_without_a_limit_waits_for_a_person_over_http(cli_over_http: Cli):
    order = an_order(cli_over_http, "--payment-state", "paid", "--status", "confirmed")["reference"]

    waits = cli_over_http("orders", "cancel-order", "--order", order, "--reason", "duplicate", "--json")

    waiting = orjson.loads(waits.stdout)
    assert waits.exit_code == 3
    assert waiting["approval"].startswith("APR-")
    assert waiting["card"]["tool"] == "cancel_order"


def test_a_server_that_is_not_there_or_not_ours_is_named(open_shop: OpenShop):
    nobody = Cli(open_shop.home, SHOPKEEPER_URL="http://127.0.0.1:9", SHOPKEEPER_KEY="sk_a_b")("orders", "list-orders")
    without_key = Cli(open_shop.home, SHOPKEEPER_URL=open_shop.address)("orders", "list-orders")
    wrong_key = Cli(open_shop.home, SHOPKEEPER_URL=open_shop.address, SHOPKEEPER_KEY="sk_wrong")(
        "orders", "list-orders"
    )

    assert [done.exit_code for done in (nobody, without_key, wrong_key)] == [1, 1, 1]
    assert nobody.stderr.startswith("No shop answers at http://127.0.0.1:9: ")
    assert "there is no SHOPKEEPER_KEY" in without_key.stderr
    assert "That is not an API key of this shop" in wrong_key.stderr
