"""The trained reader: it is of today's corpus, reads whatever comes, and says where in the text it read what."""

import numpy as np
import pytest

from planner.read.pieces import cut, vocabulary
from planner.read.reader import ON, Beside, Mention, Reader, mentions, shipped
from planner.training.corpus import fingerprint
from prompts import voices


@pytest.fixture(scope="module")
def reader() -> Reader:
    return shipped()


def test_it_was_trained_on_the_corpus_that_lies_here(reader: Reader) -> None:
    assert reader.about.corpus == fingerprint(), "run `make planner`"


def test_it_tells_every_operation_of_the_catalogue_apart(reader: Reader) -> None:
    assert reader.about.operations == (*(one.name for one in voices.operations()), ON)
    assert set(reader.about.kinds) == voices.KINDS


@pytest.mark.parametrize(
    ("text", "operation"),
    [
        ("cancel order ORD-1042, she changed her mind", "cancel_order"),
        ("refund order 1042 in full", "refund_payment"),
        ("storniere Bestellung ORD-1042", "cancel_order"),
        ("hello", "~hello"),
    ],
)
def test_what_is_asked_for_is_the_likeliest(reader: Reader, text: str, operation: str) -> None:
    scores = reader.read(text).scores

    assert max(scores, key=lambda name: scores[name]) == operation
    assert sum(scores.values()) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("before", "text", "operation"),
    [
        ("list_orders", "and in Lyon?", "list_orders"),
        ("list_stock", "and in Lyon?", "list_stock"),
        ("list_returns", "only the unpaid ones", "list_returns"),
        ("sales_report", "by country", "sales_report"),
        ("list_orders", "how many customers do we have in Lyon?", "list_customers"),
    ],
)
def test_what_goes_on_is_read_after_what_was_answered(reader: Reader, before: str, text: str, operation: str) -> None:
    read = reader.read(text, Beside(before))

    assert max(read.scores, key=lambda name: read.scores[name]) == operation
    assert (read.goes_on > 0.5) == (operation == before)


def test_nothing_goes_on_where_nothing_was_answered(reader: Reader) -> None:
    assert reader.read("only the unpaid ones").goes_on == 0


def test_what_a_name_is_says_what_is_asked(reader: Reader) -> None:
    supplier, buyer = (
        reader.read("what is late from Nordic Wool?", Beside(named=(kind,))).scores for kind in ("supplier", "customer")
    )

    assert supplier["list_purchase_orders"] > buyer["list_purchase_orders"]


@pytest.mark.parametrize(
    "text", ["", " ", "\n\n", "?!", "🙂" * 300, "mug " * 4_000, "\x00\u202e", "ﬁﬂ ＭＵＧ－ＢＬＵＥ"]
)
def test_whatever_comes_is_read(reader: Reader, text: str) -> None:
    read = reader.read(text)

    assert len(read.scores) == len(reader.about.operations) - 1
    assert all(0 <= one.start < one.end <= len(text) for one in read.mentions)


def test_a_piece_of_a_word_stands_where_its_letters_do_and_holds_no_blank() -> None:
    text = "Zwei  blaue Becher für Łódź, ORD-1042"

    ids, places = cut(vocabulary(), text, 96)
    first, *_, last = cut(vocabulary(), text, 4).ids

    assert len(ids) == len(places)
    assert "".join(text[start:end] for start, end in places) == text.replace(" ", "")
    assert (first, last) == (ids[0], ids[-1])


def test_a_mention_is_whole_words_of_the_text(reader: Reader) -> None:
    text = "reserve 5 MUG-BLUE for Ana Torres"

    named = {text[one.start : one.end]: one.kind for one in reader.read(text).mentions}

    assert named["5"] == "quantity"
    assert named["MUG-BLUE"] == "product"


def test_pieces_of_a_word_are_one_mention_and_a_full_stop_is_none_of_it() -> None:
    """Pieces "mug", "-", "blue" of a product, of which the last alone is unsure; then a word that names nothing."""
    tags = np.array([[0, 0.9, 0.1], [0, 0.1, 0.9], [0.6, 0.1, 0.3], [0.9, 0.1, 0]], dtype=np.float32)

    found = mentions("MUG-BLUE. please", [(0, 3), (3, 4), (4, 8), (10, 16)], tags, ["product"])

    assert [(one.start, one.end, one.kind) for one in found] == [(0, 8, "product")]
    assert all(isinstance(one, Mention) for one in found)
