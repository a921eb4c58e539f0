"""What cannot be read of a call is told to people by its field, in their language, and never as it is told to programs."""

import re
from typing import Any

import pytest
from pydantic import ValidationError

from bench.filling import SETTING
from planner.tell import refusals
from planner.tell.voice import Voice
from tools import registry
from tools.contract.errors import Invalid

FOR_PROGRAMS = re.compile(r"/|Field required|Input should|`|Value error|errors|[a-z]_[a-z]")
LANGUAGES = ("en", "fr", "de")


def refused(operation: str, **arguments: Any) -> dict[str, Any]:
    with pytest.raises(ValidationError) as invalid:
        registry.tool(operation).input.model_validate(arguments)
    return Invalid.of(invalid.value, operation).problem()


def told(operation: str, **arguments: Any) -> list[str]:
    return [refusals.told(refused(operation, **arguments), Voice(SETTING, language)) for language in LANGUAGES]


def test_a_missing_field_is_named_in_each_language() -> None:
    assert told("pack_order", order="ORD-1", packages=[{"box": "S"}]) == [
        "“what was bought” is still missing.",
        "Il manque encore « articles ».",
        "Es fehlt noch „Artikel“.",
    ]


def test_a_figure_that_is_too_small_is_told_with_the_least() -> None:
    english, french, german = told("move_stock", sku="A", from_bin="A", to_bin="B", warehouse="WH-1", quantity=0)

    assert english == "“quantity” has to be more than 0."
    assert (french, german) == ("« quantité » doit dépasser 0.", "„Menge“ muss größer als 0 sein.")


def test_a_rule_over_several_fields_names_them() -> None:
    english, french, german = told("submit_survey", order="ORD-1", customer="CUS-1")

    assert english.startswith("Give the “score” (1 to 5), or “")
    assert french.startswith("Il faut préciser : ")
    assert german.startswith("Bitte genauer sagen: ")


@pytest.mark.parametrize("room", registry.ROOMS)
def test_whatever_an_operation_cannot_read_is_told_without_the_words_for_programs(room: str) -> None:
    for tool in registry.tools_of(room):
        wrong: dict[str, Any] = {name: [{"x": object()}] for name in tool.input.model_fields} | {"nonsense": 1}
        problem = refused(tool.name, **wrong)
        for language in LANGUAGES:
            said = refusals.told(problem, Voice(SETTING, language))
            assert said, tool.name
            assert not FOR_PROGRAMS.search(said), said
