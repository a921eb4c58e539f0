"""Words of every day: what French and German ones mean, which name one operation, goods in the plural, figures of money."""

from typing import Any

import pytest

from orchestrator.index import read_index
from planner.choose.index import Index
from planner.read import cues
from planner.read.goods import Phrase, singular
from planner.read.grounds import Row, placed
from planner.read.language import to_english
from planner.tell.voice import Voice
from tests.planner.test_filling import PARIS, filled, named


@pytest.fixture(scope="module")
def index() -> Index:
    return read_index()


def row(kind: str, name: str, fits: str = "exact") -> Row:
    return Row(kind, f"{kind}-1", name, "", fits, "", "")


@pytest.mark.parametrize(
    ("said", "english"),
    [
        ("Bitte die offenen Streitfälle bei Zahlungen auflisten", "please the open disputes at payments list"),
        ("20 kleine Körbe von Lyon nach Lille umlagern", "20 small basket from Lyon to Lille transfer"),
        ("le hamac bleu coute combien ?", "the hammock blue how much costs ?"),
        ("combien de boules dorées avons-nous", "how many bauble gold do we have"),
        ("je sais pas si son colis est parti", "I know not if her parcel has left"),
        ("wann wurde das zurueckgeschickt", "when was the sent back"),
    ],
)
def test_everyday_words_of_other_languages_are_english_ones(said: str, english: str) -> None:
    assert to_english(said) == english


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Frau Lang wartet auf ihr Paket", "Lang"),
        ("le colis de Mme Petit est parti hier", "Petit"),
        ("Herr Klein hat bezahlt", "Klein"),
    ],
)
def test_a_word_that_a_capital_letter_makes_a_name_is_left(said: str, kept: str) -> None:
    assert kept in to_english(said)


def test_an_english_text_stays_as_it_is_but_for_its_arrows() -> None:
    assert to_english("move 5 grey beanies lyon -> lille") == "move 5 grey beanies lyon to lille"
    assert to_english("who is Mrs Lang and what did she buy") == "who is Mrs Lang and what did she buy"


@pytest.mark.parametrize(
    ("said", "operation"),
    [
        ("who owes us more than 500", "list_orders"),
        ("the chloe diallo chargeback, did we miss the deadline", "list_disputes"),
        ("wo sind die offenen Streitfälle", "list_disputes"),
        ("what is on hold right now and why", "list_orders"),
        ("how many orders still need shipping", "list_orders"),
        ("who hasn't ordered for 3 months", "list_customers"),
        ("qui n'a rien commandé depuis janvier", "list_customers"),
        ("schedule a pick-up for tomorrow", "schedule_pickup"),
        ("she wants to be forgotten, gdpr", "erase_customer"),
        ("price of the large basket", "get_product"),
        ("which region buys the most from us", "sales_report"),
        ("is the bird feeder still on our website", "get_product"),
    ],
)
def test_words_name_an_operation(index: Index, said: str, operation: str) -> None:
    wishes = index.wishes(said)

    assert cues.names(said, operation)
    assert max(wishes, key=lambda name: wishes[name]) == operation


def test_what_a_surer_word_names_outweighs_what_was_learned() -> None:
    learned = {"list_customers": 0.97, "list_orders": 0.01, "get_order": 0.02}

    weighed = cues.weighed("who owes us more than 500", learned, reads=learned)

    assert max(weighed, key=lambda name: weighed[name]) == "list_orders"
    assert sum(weighed.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("said", "one"), [("beanies", "beanie"), ("hoodies", "hoodie"), ("berries", "berry"), ("dishes", "dish")]
)
def test_things_in_the_plural_are_things(said: str, one: str) -> None:
    assert singular(said) == one


def test_a_longer_name_of_goods_is_taken_before_a_word_of_it() -> None:
    phrases = [Phrase(13, 21, "watering", goods=True), Phrase(13, 26, "watering cans", goods=False)]
    told = {"watering": [row("product", "Water bottle", "words")], "watering cans": [row("product", "Watering can")]}

    assert [one.said for one in placed(phrases, told)] == ["watering cans"]


def test_a_piece_of_somebodys_name_is_no_goods_that_begin_so() -> None:
    phrases = [Phrase(0, 11, "lea garnier", goods=False), Phrase(0, 3, "lea", goods=False)]
    told = {"lea": [row("product", "Leather belt", "begins")], "lea garnier": [row("customer", "Léa Garnier")]}

    assert [one.said for one in placed(phrases, told)] == ["lea garnier"]


@pytest.mark.parametrize(
    ("tool", "text", "told"),
    [
        ("list_customers", "customers who spent more than 1000", {"min_spend": 100_000}),
        ("list_customers", "customers with more than 10 orders", {"min_orders": 10}),
        ("list_orders", "who owes us more than 500", {"total_min": 50_000, "payment_state": ["unpaid"]}),
        ("list_orders", "how many orders are still open", {"open": True}),
        ("list_orders", "which orders wait to be shipped?", {"open": True}),
        ("list_orders", "which ones are shipped?", {"fulfilment_state": ["fulfilled"]}),
        ("list_customers", "who can I call about it", {}),
        ("settle_return", "pay back 74.90 for RMA-17", {"rma": "RMA-17"}),
        ("settle_return", "pay back RMA-17, keep a fee of 4.90", {"rma": "RMA-17", "fee": 490}),
        ("list_shipments", "the parcels, which number have they", {}),
    ],
)
def test_a_figure_is_what_its_words_make_of_it(index: Index, tool: str, text: str, told: dict[str, Any]) -> None:
    found = filled(index, tool, text)

    assert {name: found[name] for name in found if name not in ("text", "count", "sort", "status")} == told


def test_what_is_still_to_be_paid_or_sent_is_nothing_that_was_called_off(index: Index) -> None:
    alive = ["draft", "pending", "confirmed", "completed"]

    assert filled(index, "list_orders", "who owes us more than 500")["status"] == alive
    assert filled(index, "list_orders", "orders that are not shipped")["status"] == alive
    assert filled(index, "list_orders", "cancelled orders that are not paid")["status"] == ["cancelled"]
    assert "status" not in filled(index, "list_orders", "orders that are paid and shipped")


def test_a_town_is_no_warehouse_and_a_buyer_no_colleague(index: Index) -> None:
    town, buyer = "the hammock for namur", "the pick list of helene marchand"
    of_town = filled(index, "list_stock_movements", town, named(town, "namur", "place"), placed(
        [Phrase(16, 21, "namur", goods=False)], {"namur": [row("city", "Namur")]}))  # fmt: skip
    of_buyer = filled(index, "list_pick_lists", buyer, named(buyer, "helene marchand", "person"), placed(
        [Phrase(17, 32, "helene marchand", goods=False)], {"helene marchand": [row("customer", "Hélène Marchand")]}))  # fmt: skip

    assert "warehouse" not in of_town
    assert "picker" not in of_buyer


def test_what_could_not_be_used_is_said_once_and_whole() -> None:
    voice = Voice(PARIS)

    assert (
        voice.not_used(["wool", "the storage one", "storage", "wool"])
        == "I could not use “wool” or “the storage one” here."
    )
    assert voice.not_used([]) == ""
