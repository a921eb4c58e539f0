"""The OpenAPI document: true, and enough for a client generator. Schemathesis asks every operation what it must not be asked."""

import importlib
import json
import re
import uuid
from collections.abc import AsyncGenerator, Generator, Iterator
from dataclasses import asdict
from typing import Any
from zlib import crc32

import httpx
import jsonschema_rs
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest import _test_builder
from schemathesis.specs.openapi import checks as their_checks

from db.session import Database
from orchestrator.app import VERSION
from orchestrator.installation import Urls
from orchestrator.settings import Settings
from orchestrator.surfaces.examples import FILE, examples
from orchestrator.surfaces.openapi import document
from orchestrator.surfaces.rest import creates
from tests.example import NOW, door, sent
from tests.factories import new_shop
from tests.live import served
from tools import registry
from tools.contract.call import Shop

TOOLS = list(registry.tools().values())
CHECKS: Any = their_checks
LEFT_OUT = [CHECKS.positive_data_acceptance, CHECKS.unsupported_method]
LOADER: Any = schemathesis.openapi
BUILDER: Any = _test_builder
WHOLE = document(TOOLS, VERSION)
SCHEMA: Any = LOADER.from_dict(WHOLE).exclude(path_regex="/events$")  # a stream has no end
SCHEMA.config.phases.coverage.unexpected_methods = set()  # one router answers them all alike
OPERATIONS = {operation.label: operation for operation in (found.ok() for found in SCHEMA.get_all_operations())}
ONE_IN = 3  # twice: a third of the requests at the limits of a third of the operations
COMPONENT = re.compile(r"#/components/schemas/([^\"]+)")

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
def browser() -> Generator[requests.Session]:
    """One connection for all."""
    with requests.Session() as session:
        yield session


@pytest.fixture(scope="module")
async def credentials(shop: Shop) -> dict[str, str]:
    """A key of a shop that has products and stock, an order, a customer, and something that waits."""
    mine = await new_shop(shop)
    for room, name in {"orders": "get_order", "backoffice": "get_approval"}.items():
        await getattr(importlib.import_module(f"tests.tools.cases.{room}"), name)(mine)
    return {"Authorization": f"Bearer {await mine.key_text(scopes=['*'])}"}


@SCHEMA.hook  # pyrefly: ignore[untyped-function-decorator]  # gives back what it is given
def filter_case(context: Any, case: Any) -> bool:
    """Of the requests that go through an operation's limits one by one, a third is kept: there are over a hundred an operation."""
    return case.meta.phase.name.value != "coverage" or crc32(repr(case).encode()) % ONE_IN == 0


def _goes_through_its_limits(operation: str) -> bool:
    """Each third does, for all operations come out of one declaration: to make such requests costs more than to send them."""
    return crc32(operation.encode()) % ONE_IN == 0


@pytest.mark.xdist_group("drawn requests")  # what Hypothesis has to know of characters takes seconds, once in a process
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.filterwarnings("ignore:Do not use the `random` module")  # the server draws in a thread beside it
def test_no_request_is_answered_with_a_fault_or_with_something_undocumented(
    operation: str, address: str, browser: requests.Session, credentials: dict[str, str]
) -> None:
    """Three of an operation's requests are drawn, beside its examples and those at its limits. They are made here, and not while
    tests are collected, which each worker does for all of them.

    Left out: that valid values are accepted, for they may name what the shop does not have, or what its rules refuse.
    """
    sent: list[Any] = []

    @settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=QUIET)
    def answered(case: Any) -> None:
        key = {} if "Idempotency-Key" in (case.headers or {}) else {"Idempotency-Key": uuid.uuid4().hex}
        headers = credentials | key
        answer = case.call(base_url=address, headers=headers, session=browser)
        case.validate_response(answer, headers=headers, excluded_checks=LEFT_OUT)
        sent.append(case)

    SCHEMA.config.phases.coverage.enabled = _goes_through_its_limits(operation)
    requests_of = BUILDER.build_operation_test(
        config=SCHEMA.config,
        operation=OPERATIONS[operation],
        test_func=answered,
        given_kwargs={},
        feedback=FeedbackSources(),
    )
    requests_of()

    assert sent


def test_every_operation_is_documented_once_under_its_name() -> None:
    paths: dict[str, dict[str, Any]] = WHOLE["paths"]
    names = [operation["operationId"] for methods in paths.values() for operation in methods.values()]
    assert len(names) == len(set(names))
    assert {tool.name for tool in TOOLS} < set(names)
    assert {"sign_in", "post_message", "follow_events", "post_request"} < set(names)


def test_every_reference_in_the_document_points_somewhere() -> None:
    known = {f"#/components/schemas/{name}" for name in WHOLE["components"]["schemas"]}
    assert set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(WHOLE))) <= known


async def test_the_document_is_served_and_has_an_example_for_every_body(client: httpx.AsyncClient) -> None:
    served_document = (await client.get("/openapi.json")).json()

    bodies = [
        (operation["operationId"], *operation["requestBody"]["content"].values())
        for methods in served_document["paths"].values()
        for operation in methods.values()
        if "requestBody" in operation
    ]
    assert bodies
    assert not [name for name, body in bodies if "example" not in body]


@pytest.fixture(scope="module")
async def at_their_time(runtime_url: str) -> AsyncGenerator[Shop]:
    """The shop at the moment of the examples."""
    database = Database(runtime_url, size=2)
    await database.open()
    yield Shop(database, clock=lambda: NOW)
    await database.close()


@pytest.fixture(scope="module")
async def example_door(at_their_time: Shop) -> AsyncGenerator[httpx.AsyncClient]:
    async with door(at_their_time) as client:
        yield client


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
async def test_each_example_is_what_is_asked_and_answered_over_http(
    tool: Any, at_their_time: Shop, example_door: httpx.AsyncClient
) -> None:
    """In a shop that is arranged for it; and the file is as `make docs` would write it now."""
    example, answer = await sent(tool, await new_shop(at_their_time), example_door)

    assert answer.status_code == (201 if creates(tool) else 200), answer.text
    assert asdict(example) == asdict(examples()[tool.name]), "run `make docs`, and commit what it writes"


def _needed(schema: Any) -> Iterator[tuple[str, Any]]:
    """The components that a schema refers to, and those that these do: to compile all of them for each example takes minutes."""
    found, left = set[str](), [schema]
    while left:
        for name in set(COMPONENT.findall(json.dumps(left.pop()))) - found:
            found.add(name)
            left.append(WHOLE["components"]["schemas"][name])
            yield name, WHOLE["components"]["schemas"][name]


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_each_example_keeps_to_its_schema(tool: Any) -> None:
    operation = WHOLE["paths"][f"/api/v1{tool.path}"][tool.method.lower()]
    contents = operation["responses"]["201" if creates(tool) else "200"]["content"].values()
    (success,) = (content for content in contents if "example" in content)  # a file of several kinds is shown in one
    shown = [success]
    if "requestBody" in operation:
        shown.append(operation["requestBody"]["content"]["application/json"])
    shown += [parameter for parameter in operation["parameters"] if "example" in parameter]

    for one in shown:
        schema = one["schema"] | {"components": {"schemas": dict(_needed(one["schema"]))}}
        assert not [str(wrong) for wrong in jsonschema_rs.iter_errors(schema, one["example"])]
    assert {one["name"] for one in shown if one.get("in") == "path"} == set(tool.path_fields)


def test_the_examples_are_of_every_operation_and_of_a_believable_shop() -> None:
    written = FILE.read_text()

    assert set(examples()) == set(registry.tools())
    assert not re.findall(r"shop-[0-9a-f]{12}|[A-Z]{2,4}-1\d{5}|SKU-\d|Test Shop|@example\.test", written)
    assert '"sku": "MUG-BLUE"' in written
    assert "Ana Torres" in written
