"""Records that are not named are found by what belongs to them, through the filters that the list of their kind declares."""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from planner.chat import EmbeddedPlanner
from planner.choose.index import Entry, Index
from tests.planner.conftest import Conversation
from tests.planner.inputs import CustomerRef, ListCustomers, OrderRef

ReturnRef = Annotated[str, Field(json_schema_extra={"x-reference": "return", "x-prefix": "RMA-"})]


class OneReturn(BaseModel):
    rma: ReturnRef


class ListReturns(BaseModel):
    limit: Annotated[int, Field(json_schema_extra={"x-kind": "limit"})] = 20
    open: bool | None = None
    order: OrderRef | None = None
    customer: CustomerRef | None = None
    city: str | None = None


class OneDispute(BaseModel):
    dispute: Annotated[str, Field(json_schema_extra={"x-reference": "dispute", "x-prefix": "DSP-"})]


class ListDisputes(BaseModel):
    order: OrderRef | None = None


SHOP: list[tuple[str, type[BaseModel], bool, str, list[str]]] = [
    (
        "cancel_return",
        OneReturn,
        True,
        "Call a return off.",
        ["Cancel return RMA-17", "Call off the return of order 12"],
    ),
    ("get_return", OneReturn, False, "Show one return.", ["Show return RMA-3", "What is in RMA-12?"]),
    ("list_returns", ListReturns, False, "List returns.", ["Which returns are open?", "List the returns of today"]),
    (
        "answer_dispute",
        OneDispute,
        True,
        "Answer a dispute.",
        ["Answer dispute DSP-1", "Answer the dispute about order 7", "Respond to DSP-2"],
    ),
    ("list_disputes", ListDisputes, False, "List disputes.", ["Which disputes are there?", "Show the chargebacks"]),
    ("list_customers", ListCustomers, False, "Find customers.", ["Find the customer Ann Lee", "Customers in Lyon"]),
]
BERG = {"reference": "CUS-7", "name": "Ida Berg"}


def rows(*found: dict[str, Any]) -> dict[str, Any]:
    return {"data": list(found), "next": None}


def returned(number: int, **more: Any) -> dict[str, Any]:
    return {"reference": f"RMA-{number}", **more}


@pytest.fixture(scope="module")
def shop() -> Index:
    return Index.build(
        [
            Entry(name, "returns", told, told, writes, of.model_json_schema(), said)
            for name, of, writes, told, said in SHOP
        ]
    )


@pytest.fixture
def talk(shop: Index) -> Conversation:
    offered = [{"type": "function", "function": {"name": name, "description": told}} for name, _, _, told, _ in SHOP]
    return Conversation(EmbeddedPlanner(index=shop), offered)


@pytest.mark.parametrize(
    "text",
    [
        "answer the dispute about order 1042",
        "answer the dispute, it is order 1042",
    ],
)
def test_the_record_of_an_order_is_looked_for_with_the_order_s_number(talk: Conversation, text: str) -> None:
    talk.say(text, rows({"reference": "DSP-3"}))

    assert talk.calls == [("list_disputes", {"order": "ORD-1042"}), ("answer_dispute", {"dispute": "DSP-3"})]


def test_the_record_of_a_customer_is_found_behind_the_customer(talk: Conversation) -> None:
    talk.say("cancel the return of Ida Berg", rows(BERG), rows(returned(31)))

    assert talk.calls[1:] == [
        ("list_returns", {"open": True, "limit": 11, "customer": "CUS-7"}),
        ("cancel_return", {"rma": "RMA-31"}),
    ]


def test_of_two_customers_the_one_is_asked_for_and_then_their_record_is_found(talk: Conversation) -> None:
    asked = talk.say("cancel the return of Ida Berg", rows({**BERG, "city": "Lyon"}, {**BERG, "reference": "CUS-9"}))
    assert "1. CUS-7" in asked.text

    talk.say("the second one", rows(returned(32)))

    assert talk.calls == [
        ("list_returns", {"open": True, "limit": 11, "customer": "CUS-9"}),
        ("cancel_return", {"rma": "RMA-32"}),
    ]


def test_several_records_are_asked_about_by_number_in_plain_words(talk: Conversation) -> None:
    asked = talk.say(
        "cancel the return of Ida Berg",
        rows(BERG),
        rows(returned(31, status="label_sent", requested_at="2026-11-20T08:00:00Z"), returned(30, status="requested")),
    )
    assert "1. RMA-31, label sent, 2026-11-20\n2. RMA-30, requested" in asked.text

    talk.say("2")

    assert talk.calls == [("cancel_return", {"rma": "RMA-30"})]


def test_where_none_is_open_those_that_are_closed_are_looked_at_and_then_it_is_said(talk: Conversation) -> None:
    asked = talk.say("cancel the return of Ida Berg", rows(BERG), rows(), rows())

    assert [args.get("open") for name, args in talk.calls if name == "list_returns"] == [True, None]
    assert "no return for “Ida Berg”" in asked.text


@pytest.mark.parametrize(
    ("text", "limit", "found"), [("cancel the last return", 1, "RMA-9"), ("cancel the oldest return", 100, "RMA-4")]
)
def test_the_newest_and_the_oldest_are_taken_from_their_end(
    talk: Conversation, text: str, limit: int, found: str
) -> None:
    talk.say(text, rows(*map(returned, (9, 6, 4))))

    assert talk.calls == [("list_returns", {"open": True, "limit": limit}), ("cancel_return", {"rma": found})]


def test_a_record_that_is_pointed_at_is_one_of_the_few_that_are_open(talk: Conversation) -> None:
    talk.say("cancel the return", rows(returned(5)))

    assert talk.calls == [("list_returns", {"open": True, "limit": 11}), ("cancel_return", {"rma": "RMA-5"})]


def test_nothing_is_looked_for_where_nothing_was_pointed_at(talk: Conversation) -> None:
    talk.say("cancel a return")

    assert talk.calls == []


def test_the_last_one_of_somebody_is_not_the_last_one_of_all(talk: Conversation) -> None:
    talk.say("cancel her last return")

    assert talk.calls == []
