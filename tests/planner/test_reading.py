"""What a sentence names, and how schemas of every shape become fields."""

from datetime import datetime
from typing import Any

import pytest

from bench.filling import SETTING
from planner.read.entities import Vocabulary, find, mask
from planner.read.fields import Kind, read
from planner.read.language import to_english
from planner.read.reader import Mention
from planner.read.reading import Reading

NOW = datetime.fromisoformat("2026-11-22T14:03")
VOCABULARY = Vocabulary({"ORD": "order", "CUS": "customer", "VAR": "variant", "RSV": "reservation", "PCK": "pick_list"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cancel ord-1042", [("reference", "ORD-1042")]),
        (
            "orders 1042, 1043 and #1044",
            [("reference", "ORD-1042"), ("reference", "ORD-1043"), ("reference", "ORD-1044")],
        ),
        ("order number W3547545", [("reference", "W3547545")]),
        ("where is #W3547545", [("foreign", "#W3547545")]),
        ("3 MUG-BLUE broke", [("number", 3.0), ("code", "MUG-BLUE")]),
        ("order 5 mugs", [("number", 5.0)]),
        ("vend-on des gourdes ?", []),
        ("item 8293778132", [("reference", "8293778132")]),
        ("write to Ana@Example.com.", [("email", "ana@example.com")]),
        ("over 1.234,50 EUR", [("money", 1234.5)]),
        ("$15 or 15 euros", [("money", 15.0), ("money", 15.0)]),
        ("10x SOAP-OLIVE", [("number", 10.0), ("code", "SOAP-OLIVE")]),
        ("a dozen TSH-BLK-M", [("number", 12), ("code", "TSH-BLK-M")]),
        ("to the UK or Germany", [("country", "GB"), ("country", "DE")]),
        ("VAT at 19 %", [("percent", 19.0)]),
        ("phone +33 6 12 34 56 78", [("phone", "+33 6 12 34 56 78")]),
        ("low-stock follow-up", []),
        ("send 4 not 6", [("number", 4.0)]),
        ("it is 2 in Lyon, not 3", [("number", 2.0)]),
        ("98 euros not 88 euros", [("money", 98.0)]),
        ("pick list 1021", [("reference", "PCK-1021")]),
        ("refund the customer 10%", [("percent", 10.0)]),
    ],
)
def test_references_codes_and_figures_are_told_apart(text: str, expected: list[tuple[str, Any]]) -> None:
    found = find(text, VOCABULARY, NOW)

    assert [(span.kind, span.value) for span in found] == expected


def test_a_number_after_its_word_is_a_postcode_though_it_reads_like_an_order() -> None:
    text = "delivery estimate for zip 32240"

    (number,) = Reading.of(text, VOCABULARY, SETTING, (Mention(26, 31, "order", 0.95),)).spans

    assert (number.kind, number.value, number.reference) == ("number", 32240, "")


def test_a_masked_text_asks_the_same_whichever_order_is_meant() -> None:
    one, other = (mask(text, find(text, VOCABULARY, NOW)) for text in ("cancel ORD-1042", "cancel order 77123"))

    assert one == other == "cancel order"


@pytest.mark.parametrize(
    ("schema", "kind", "required", "many"),
    [
        ({"type": "string", "x-reference": "order", "x-prefix": "ORD"}, Kind.reference, True, False),
        ({"anyOf": [{"type": "string", "x-reference": "order"}, {"type": "null"}]}, Kind.reference, False, False),
        ({"allOf": [{"$ref": "#/$defs/Status"}], "default": "open"}, Kind.choice, False, False),
        ({"anyOf": [{"$ref": "#/$defs/Status"}, {"type": "null"}]}, Kind.choice, False, False),
        ({"type": "array", "items": {"$ref": "#/$defs/Status"}}, Kind.choice, True, True),
        ({"type": "integer", "x-kind": "money"}, Kind.money, True, False),
        ({"type": "string", "format": "date-time", "x-kind": "period_start"}, Kind.period_start, True, False),
        ({"type": "string", "format": "date"}, Kind.moment, True, False),
        ({"type": "boolean"}, Kind.flag, False, False),
        ({"$ref": "#/$defs/Line"}, Kind.parts, True, False),
    ],
)
def test_a_schema_of_any_shape_becomes_a_field(schema: dict[str, Any], kind: Kind, required: bool, many: bool) -> None:
    defs = {
        "Status": {"type": "string", "enum": ["open", "shut"]},
        "Line": {"type": "object", "properties": {"quantity": {"type": "integer", "x-kind": "quantity"}}},
    }

    (field,) = read({"$defs": defs, "properties": {"x": schema}, "required": ["x"] if required else []})

    assert (field.kind, field.required, field.many) == (kind, required, many)


def test_synonyms_beside_a_reference_to_an_enum_are_kept() -> None:
    schema = {
        "$defs": {"Status": {"type": "string", "enum": ["open", "shut"]}},
        "properties": {"status": {"$ref": "#/$defs/Status", "x-synonyms": {"shut": ["closed"]}}},
    }

    (field,) = read(schema)

    assert [choice.phrases for choice in field.choices] == [("open",), ("shut", "closed")]


def test_french_and_german_requests_are_read_in_english_words() -> None:
    assert to_english("Annule la commande 1042") == "cancel the order 1042"
    assert to_english("Wie viel haben wir letzte Woche verkauft?") == "how much have we last week sold?"
    assert to_english("Show me the orders of Ana Torres") == "Show me the orders of Ana Torres"


def test_a_negated_state_is_read_as_its_opposite() -> None:
    assert to_english("orders that haven't been paid") == "orders that not paid"
    assert to_english("orders still to be shipped") == "orders not shipped"
