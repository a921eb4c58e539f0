"""What sentences ask of rows: of conditions that their operations have, out of the voices, and of no shop that is left out."""

from collections import Counter
from pathlib import Path

import pytest

import prompts
from bench.conditions import FOLDER
from planner.read import fields
from planner.read.fields import Field
from prompts import conditions, voices
from prompts.conditions import Marked
from tools import registry

UNTAUGHT = Path(conditions.__file__).parent / "conditions/untaught"


def marked(folder: Path) -> tuple[Marked, ...]:
    """What the files of a folder say, each of its operation."""
    files = sorted(folder.glob("*.tsv"))
    return tuple(one for file in files for one in conditions.told(file.stem, file.read_text(encoding="utf-8")))


LEFT_OUT = marked(FOLDER)
ALL = (*conditions.marked(), *marked(UNTAUGHT), *LEFT_OUT)


def values(field: Field) -> list[str]:
    """What a condition of a field may ask for."""
    told = [choice.value for choice in field.choices] or ([True, False] if field.type == "boolean" else [])
    return [f"{field.name}={str(value).lower() if isinstance(value, bool) else value}" for value in told]


@pytest.mark.parametrize("operation", sorted({one.operation for one in ALL}))
def test_conditions_are_those_that_the_operation_has(operation: str) -> None:
    known = {value for one in fields.read(registry.tools()[operation].schema) for value in values(one)}
    asked = {name for one in ALL if one.operation == operation for name in one.conditions}

    assert asked <= known


def test_no_sentence_is_marked_twice_nor_one_of_a_shop_that_is_left_out() -> None:
    def said(some: tuple[Marked, ...]) -> Counter[tuple[str, str]]:
        return Counter((one.operation, one.text.lower()) for one in some)

    assert [one for one, times in said(ALL).items() if times > 1] == []


def test_what_is_marked_was_said_by_a_voice_or_a_room() -> None:
    spoken = [one for voice in voices.VOICES for one in voices.phrasings(voice)]
    spoken += [one for voice in voices.ONWARD for one in voices.onward(voice)]
    spoken += [one for author in voices.DAYS for one in voices.day(author)]
    rooms = {text for room in registry.ROOMS for texts in prompts.examples(room).values() for text in texts}
    said = {(one.operation, " ".join(one.text.split())) for one in spoken}

    assert [one for one in conditions.marked() if one[:2] not in said and one.text not in rooms] == []


def test_a_line_is_its_conditions_and_the_sentence() -> None:
    some = list(conditions.told("list_orders", "open=true, sort=oldest\twhat waits longest?\n-\torders of May\n"))

    assert some == [
        Marked("list_orders", "what waits longest?", ("open=true", "sort=oldest")),
        Marked("list_orders", "orders of May", ()),
    ]
