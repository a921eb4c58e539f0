"""The OpenAPI document: true, and enough for a client generator. Schemathesis asks every operation what it must not be asked."""

import importlib
import json
import re
import uuid
from collections.abc import Generator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi import checks as their_checks

from orchestrator.app import VERSION
from orchestrator.installation import Urls
from orchestrator.settings import Settings
from orchestrator.surfaces.openapi import document
from tests.factories import new_shop
from tests.live import served
from tools import registry
from tools.contract.call import Shop

TOOLS = list(registry.tools().values())
CHECKS: Any = their_checks
LEFT_OUT = [CHECKS.positive_data_acceptance, CHECKS.unsupported_method, CHECKS.negative_data_rejection]
LOADER: Any = schemathesis.openapi
SCHEMA: Any = LOADER.from_dict(document(TOOLS, VERSION)).exclude(path_regex="/events$")  # a stream has no end

QUIET = [
    HealthCheck.too_slow,
    HealthCheck.filter_too_much,
    HealthCheck.function_scoped_fixture,
    HealthCheck.data_too_large,
]


@pytest.fixture(scope="module")
def address(settings: Settings, runtime_url: str) -> Generator[str]:
    with served(settings, Urls(runtime_url, None, runtime_url, None)) as url:
        yield url


@pytest.fixture(scope="module")
async def credentials(shop: Shop) -> dict[str, str]:
    """A key of a shop that has products and stock, an order, a customer, and something that waits."""
    mine = await new_shop(shop)
    for room, name in {"orders": "get_order", "customers": "get_customer", "backoffice": "get_approval"}.items():
        await getattr(importlib.import_module(f"tests.tools.cases.{room}"), name)(mine)
    return {"Authorization": f"Bearer {await mine.key_text(scopes=['*'])}"}


@SCHEMA.parametrize()
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=QUIET)
def test_no_request_is_answered_with_a_fault_or_with_something_undocumented(
    case: Any, address: str, credentials: dict[str, str]
) -> None:
    """Left out: that valid values are accepted (they may name what the shop does not have, or what its rules refuse), and that
    other types are refused: "2" is read as 2 and 0 as false, as command lines and forms write them. `test_rest.py` holds what is.
    """
    key = {} if "Idempotency-Key" in (case.headers or {}) else {"Idempotency-Key": uuid.uuid4().hex}
    headers = credentials | key

    answer = case.call(base_url=address, headers=headers)

    case.validate_response(answer, headers=headers, excluded_checks=LEFT_OUT)


def test_every_operation_is_documented_once_under_its_name() -> None:
    paths: dict[str, dict[str, Any]] = document(TOOLS, VERSION)["paths"]
    names = [operation["operationId"] for methods in paths.values() for operation in methods.values()]
    assert len(names) == len(set(names))
    assert {tool.name for tool in TOOLS} < set(names)
    assert {"sign_in", "post_message", "follow_events", "post_request"} < set(names)


def test_every_reference_in_the_document_points_somewhere() -> None:
    whole = document(TOOLS, VERSION)
    known = {f"#/components/schemas/{name}" for name in whole["components"]["schemas"]}
    assert set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(whole))) <= known


async def test_the_document_is_served_and_has_an_example_for_every_body(client: httpx.AsyncClient) -> None:
    served_document = (await client.get("/openapi.json")).json()

    bodies = [
        (operation["operationId"], operation["requestBody"]["content"]["application/json"])
        for methods in served_document["paths"].values()
        for operation in methods.values()
        if "requestBody" in operation
    ]
    assert bodies
    assert not [name for name, body in bodies if "example" not in body]


@pytest.mark.parametrize(
    "tool", [tool for tool in TOOLS if tool.method in ("POST", "PUT", "PATCH")], ids=lambda tool: tool.name
)
def test_the_example_of_a_body_is_one_that_the_operation_accepts(tool: Any) -> None:
    """Its values have the right shape; whether the shop has such rows is another matter."""
    operation = document(TOOLS, VERSION)["paths"][f"/api/v1{tool.path}"][tool.method.lower()]
    example = operation["requestBody"]["content"]["application/json"]["example"]
    named = {
        parameter["name"]: parameter["example"] for parameter in operation["parameters"] if parameter["in"] == "path"
    }

    tool.input.model_validate(example | named)
