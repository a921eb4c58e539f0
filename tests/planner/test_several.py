"""Messages of two wishes, as they are made for the reader to learn from, and as they are cut apart."""

import random

import pytest

from orchestrator.index import read_index
from planner.choose.index import Index
from planner.read import clauses
from planner.read.reader import Begin
from planner.training import several
from planner.training.corpus import ON, Lesson, lessons
from planner.training.several import Several
from prompts import voices


@pytest.fixture(scope="module")
def index() -> Index:
    return read_index()


@pytest.fixture(scope="module")
def pairs() -> list[tuple[Lesson, Lesson, Lesson]]:
    """Some turns of the shops' days with those that they are joined to, and both as one message."""
    taught = [one for one in lessons() if one.voice in voices.DAYS]
    maker = Several(taught, random.Random(7))
    found = [both for lesson in taught if (both := maker.pair(lesson))]
    return [(first, second, maker.joined(first, second)) for first, second in found]


def words(text: str, span: voices.Span) -> tuple[str, str]:
    """What a span names, and its kind; a sign that ended a message is another now."""
    return span.kind, text[span.start : span.end].casefold().rstrip(" .,;?!-\n")


def test_about_so_many_turns_become_part_of_a_message_of_two(pairs: list[tuple[Lesson, Lesson, Lesson]]) -> None:
    turns = sum(one.voice in voices.DAYS for one in lessons())

    assert several.SHARE / 2 < len(pairs) / turns < several.SHARE


def test_the_second_wish_begins_where_it_is_said_to(pairs: list[tuple[Lesson, Lesson, Lesson]]) -> None:
    for first, second, both in pairs:
        assert both.text[both.begins :].casefold() == second.text.casefold()
        assert (both.operation, both.also) == (first.operation, second.operation)
        assert both.also not in (ON, both.operation)


def test_what_is_named_stands_where_it_stood(pairs: list[tuple[Lesson, Lesson, Lesson]]) -> None:
    for first, second, both in pairs:
        named = [words(lesson.text, one) for lesson in (first, second) for one in lesson.spans or ()]
        assert [words(both.text, one) for one in both.spans or ()] == named


def test_turns_of_one_conversation_are_joined_as_they_followed(pairs: list[tuple[Lesson, Lesson, Lesson]]) -> None:
    assert any(second.said == first.text and second.voice == first.voice for first, second, _ in pairs)


@pytest.mark.parametrize(
    "story",
    [
        "Jana Klein from Freiburg waits for three parcels. Where do they hang?",
        "I don't want to let Anna Fischer wait one day more. Lost is lost. Give her the full money back.",
        "Frau Krüger hat angerufen, sie ist ganz aufgelöst, der Karton war nass. Bitte schickt ihr das neu.",
        "take 3 MUG-BLUE off the stock and put them in quarantine",
    ],
)
def test_a_story_is_one_wish(index: Index, story: str) -> None:
    assert [one.text for one in clauses.split(story, index.wishes, index.begins)] == [story]


def test_nothing_is_cut_inside_of_what_is_to_be_written() -> None:
    text = 'write him "we are sorry, and we send a new one. please wait" and close it'
    heard = [Begin(n, n + 1, 1.0) for n in range(len(text))]

    parts = clauses.split(text, lambda _said: {}, lambda _said: heard)

    assert [one.text for one in parts] == ['write him "we are sorry, and we send a new one. please wait"', "close it"]
    assert [one.leans for one in parts] == [False, True]


def test_without_a_reader_a_wish_begins_with_the_words_of_one() -> None:
    text = "what is running low, and show me what sold best"

    parts = clauses.split(text, lambda _said: {}, clauses.by_form)

    assert [one.text for one in parts] == ["what is running low", "show me what sold best"]
