"""What models are told of results, and that it can be read back: the planner sees exactly what a remote model sees."""

from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.marks import marked
from agents.told import told
from planner.converse.memory import parsed
from planner.converse.results import Unlike, read

ORDER: dict[str, Any] = {
    "reference": "ORD-1042",
    "external_reference": None,
    "on_hold": False,
    "placed_at": "2026-11-22T15:03:00Z",
    "paid_at": "2026-11-22T15:03:07.123456Z",
    "total": {"amount": 8080, "currency": "EUR"},
    "customer": {"reference": "CUS-3", "name": "Ana"},
    "lines": [
        {"sku": "MUG", "price": {"amount": 5, "currency": "EUR"}, "options": {"Style": "blue"}, "held": []},
        {"sku": "B|WL", "price": {"amount": 1500, "currency": "JPY"}, "held": [{"warehouse": "WH-1", "units": 2}]},
    ],
    "tags": ["gift", "vip"],
    "returns": [],
}


def test_a_result_is_told_in_few_words() -> None:
    assert told(ORDER).splitlines() == [
        "reference: ORD-1042",
        "on_hold: false",
        "placed_at: 2026-11-22T15:03Z",
        "paid_at: 2026-11-22T15:03:07Z",
        "total: 80.80 EUR",
        "customer",
        "  reference: CUS-3",
        "  name: Ana",
        "lines(sku|price|options.Style|held(warehouse|units)): 2",
        "  MUG|0.05 EUR|blue|0",
        '  "B|WL"|1500 JPY||1',
        "    WH-1|2",
        "tags: [gift, vip]",
    ]


def test_a_list_without_rows_says_so() -> None:
    assert told({"data": [], "next": None, "has_more": False}) == "data(): 0\nhas_more: false"
    assert read("data(): 0\nhas_more: false") == {"data": [], "has_more": False}


def without_empty(value: Any) -> Any:
    """What is left of a value: nothing that is empty is told of."""
    if isinstance(value, dict):
        kept = {name: without_empty(part) for name, part in cast(dict[str, Any], value).items()}
        return {name: part for name, part in kept.items() if part not in (None, [], {})}
    return [without_empty(one) for one in cast(list[Any], value)] if isinstance(value, list) else value


def test_it_is_read_back_as_it_was() -> None:
    read_back = parsed(told(ORDER))

    expected = without_empty(ORDER) | {"placed_at": "2026-11-22T15:03Z", "paid_at": "2026-11-22T15:03:07Z"}
    assert read_back == expected


TEXTS = st.text(max_size=12) | st.sampled_from(
    ["12", "-0.5", "1e3", "true", "null", "12.50 EUR", "a|b", '"x"', "[a, b]", "{}", " x", "x ", "a\nb: c", "k: v", ""]
)
MONEY = st.fixed_dictionaries(
    {"amount": st.integers(-(10**12), 10**12), "currency": st.sampled_from(["EUR", "JPY", "KWD"])}
)
SCALARS = (
    TEXTS | MONEY | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
)
NAMES = st.sampled_from(["a", "b_c", "data", "error", "name"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.dictionaries(NAMES, inner, min_size=1, max_size=3)
        | st.lists(st.dictionaries(NAMES, inner, min_size=1, max_size=3), min_size=1, max_size=3)
        | st.lists(TEXTS, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=4))
def test_every_result_is_read_back(result: dict[str, Any]) -> None:
    assert read(told(result)) == result


@pytest.mark.parametrize(
    "text", ["It is done.", "Nothing: at all\nof the kind", "a(b): 2\n  1", "a(b|c): 1\n  1", "name"]
)
def test_a_text_of_another_form_stays_text(text: str) -> None:
    with pytest.raises(Unlike):
        read(text)
    assert parsed(text) == text


def test_marks_are_taken_off_wherever_they_stand() -> None:
    rows = [{"name": marked("Ana", "1f"), "code": marked("07", "1f"), "note": marked("a|b", "1f"), "orders": 12}]

    text = told({"data": rows, "note": f"{marked('Ana', '1f')} said so"})

    assert text.splitlines()[1] == '  <untrusted id=1f>Ana|07</untrusted>|"<untrusted id=1f>a|b</untrusted>"|12'
    assert parsed(text) == {"data": [{"name": "Ana", "code": "07", "note": "a|b", "orders": 12}], "note": "Ana said so"}


def test_what_all_rows_share_is_told_once() -> None:
    rows = [{"sku": f"MUG-{n}", "status": "active", "price": {"amount": 990, "currency": "EUR"}} for n in range(3)]

    assert told({"data": rows}).splitlines()[:2] == ["data(sku|status=active|price=9.90 EUR): 3", "  MUG-0"]
    assert parsed(told({"data": rows})) == {"data": rows}
