"""Whatever a result can hold has its word in English, French and German."""

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any, cast

import pytest

from planner.tell import voice
from planner.tell.columns import HIDDEN
from planner.tell.voice import words
from tools import registry

Schema = Mapping[str, Any]
Found = tuple[str, str]  # "field" or "value", and what it is
SAID = re.compile(r"[a-z]+(?:_[a-z]+)*")  # codes such as DAP or cn22 stand as they are


def found(schema: Schema, defs: Mapping[str, Schema], seen: frozenset[str] = frozenset()) -> Iterator[Found]:
    """The fields and the values of enums of a schema, those of nested models included."""
    if ref := schema.get("$ref"):
        name = str(ref).rsplit("/", 1)[-1]
        if name not in seen:
            yield from found(defs[name], defs, seen | {name})
        return
    inner: list[Schema] = [part for key in ("anyOf", "oneOf", "allOf", "prefixItems") for part in schema.get(key, ())]
    inner += [schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), Mapping)]
    for name, part in cast(Mapping[str, Schema], schema.get("properties", {})).items():
        yield "field", name
        inner.append(part)
    for part in inner:
        yield from found(part, defs, seen)
    said: Sequence[Any] = [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else ())]
    yield from (("value", value) for value in said if isinstance(value, str))


def results() -> dict[Found, str]:
    """What the results of all operations hold, each with one operation that tells it."""
    told: dict[Found, str] = {}
    for name, tool in registry.tools().items():
        schema = tool.output.model_json_schema()
        for one in found(schema, schema.get("$defs", {})):
            told.setdefault(one, name)
    return told


@pytest.mark.parametrize("language", ["fr", "de"])
def test_everything_that_a_result_can_show_has_a_word_in_the_language(language: str) -> None:
    told = results()
    unsaid = {
        name: tool
        for (kind, name), tool in told.items()
        if kind == "field" and name not in HIDDEN and (name, language) not in voice.labels()
    }
    mute = {
        value: tool
        for (kind, value), tool in told.items()
        if kind == "value" and SAID.fullmatch(value) and (value, language) not in voice.values()
    }

    assert len(told) > 800
    assert (unsaid, mute) == ({}, {})


@pytest.mark.parametrize("language", ["fr", "de"])
def test_what_a_question_asks_for_and_offers_has_a_word_in_the_language(language: str) -> None:
    unsaid: dict[str, str] = {}
    for name, tool in registry.tools().items():
        schema = tool.input.model_json_schema()
        for kind, one in found(schema, schema.get("$defs", {})):
            known = voice.labels() if kind == "field" else voice.values()
            if SAID.fullmatch(one) and one not in HIDDEN and (one, language) not in known:
                unsaid.setdefault(one, name)

    assert unsaid == {}


def test_states_that_a_sentence_names_have_a_word() -> None:
    flags = [*words()["states"], *(key for columns in words()["columns"].values() for key in columns)]

    assert [key for key in words()["states"] if (key, "fr") not in voice.values()] == []
    assert [key for key in flags if (key, "de") not in voice.labels() and key not in HIDDEN] == []


@pytest.mark.parametrize("table", ["labels.tsv", "values.tsv"])
def test_tables_are_sorted_and_filled(table: str) -> None:
    lines = files("planner.data").joinpath(table).read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    keys = [row[0] for row in rows]

    assert keys == sorted(set(keys))
    assert [row for row in rows if len(row) != 4 or not row[2].strip() or not row[3].strip()] == []


def test_a_list_that_can_be_empty_is_called_by_a_noun() -> None:
    lists = [name for name in registry.tools() if name.startswith("list_")]

    assert [name for name in lists if name not in words()["lists"]] == []
