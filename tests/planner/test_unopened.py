"""Words as a second opinion on whether something is open here: they decide where the reader is undecided, and not against it."""

import pytest

from orchestrator.index import phrasings
from planner.read import cues, unopened

PLANNED = ("assess_order", "get_assessment", "search_audit_log")


def test_the_words_are_of_todays_phrasings_and_of_what_is_open_today() -> None:
    assert unopened.kept().of == unopened.mark(phrasings()), "run `make index`"


def test_a_word_weighs_by_how_much_likelier_it_is_said_of_what_is_planned() -> None:
    planned = [("is it fraud", True), ("that order is fraud", True)] * 5
    here = [("show the order", False), ("cancel that order", False)] * 5

    words = unopened.learned([*planned, *here]).words

    assert words["fraud"] > words["that"] > words["ord"] > words["cancel"]
    assert words["that"] == pytest.approx(0, abs=0.1)
    assert "seldom" not in unopened.learned([("seldom", True)]).words


def test_what_is_planned_is_likelier_where_the_words_tell_it_and_the_reader_is_undecided() -> None:
    undecided = {"get_order_timeline": 0.52, "assess_order": 0.24, "get_assessment": 0.24}

    told = unopened.weighed("was that suspicious order flagged for fraud", undecided, PLANNED)

    assert told["assess_order"] + told["get_assessment"] > 0.6
    assert sum(told.values()) == pytest.approx(1)


def test_words_that_are_said_of_what_is_open_bring_it_back() -> None:
    undecided = {"list_payments": 0.45, "search_audit_log": 0.55}

    told = unopened.weighed("which payments were captured by paypal", undecided, PLANNED)

    assert told["list_payments"] > told["search_audit_log"]


def test_against_a_reader_that_is_certain_no_word_counts() -> None:
    told = unopened.weighed("a fraud alert", {"get_order": 0.98, "assess_order": 0.02}, PLANNED)

    assert told["get_order"] > 0.9


def test_words_that_name_an_operation_decide_where_nothing_else_does() -> None:
    undecided = {"list_stock": 0.3, "inventory_valuation": 0.2, "order_kpis": 0.5}

    told = cues.weighed("what is our stock worth", undecided, ())

    assert max(told, key=lambda name: told[name]) == "inventory_valuation"


def test_words_that_name_an_operation_do_not_overrule_what_is_understood() -> None:
    understood = {"search_audit_log": 0.97, "get_price_history": 0.01, "list_stock": 0.02}

    told = cues.weighed("who changed the price of the teapot", understood, ())

    assert max(told, key=lambda name: told[name]) == "search_audit_log"
