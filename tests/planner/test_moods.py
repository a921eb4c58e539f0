"""What kind of sentence it is, in three languages; and what the words name for certain."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from orchestrator.index import read_index
from planner.converse.memory import Call, Result
from planner.read import clauses, cues
from planner.read.language import to_english
from planner.read.mood import Mood, complains, mood, unpriced, without_preview
from planner.read.reading import Setting
from planner.tell.asked import Asked
from planner.tell.compared import together
from planner.tell.figures import sentence
from planner.tell.refusals import told
from planner.tell.voice import Voice
from tests.planner.conftest import Conversation
from tests.planner.test_conversation import page

SETTING = Setting(datetime(2026, 11, 22, 13, 3, tzinfo=UTC), ZoneInfo("Europe/Paris"), "EUR")


@pytest.mark.parametrize(
    "said",
    [
        "by the way has 1042 been shipped?",
        "sorry, one other thing: is 1042 on hold?",
        "ok thx. did Ana get her parcel",
        "est-ce que la 1042 est partie",
        "au fait, la 1042 est payée ?",
        "ist die 1042 schon bezahlt",
        "übrigens: wurde 1042 verschickt?",
        "1042 paid?",
        "can you tell me whether 1042 is paid",
        "suche Müller",
        "the tea one, how often was it used",
        "c'est prévu quand la livraison des tasses",
        "la promo commence quand ? ça ne devrait pas être en décembre",
    ],
)
def test_a_plain_question_is_told_from_an_order_whatever_it_begins_with(said: str) -> None:
    assert mood(said, to_english(said)) is Mood.question


@pytest.mark.parametrize(
    "said",
    [
        "the address of 1042 is wrong, must be 5 rue des Lilas. didnt leave yet i hope",
        "1042 ships to a wrong street. Should be 5 rue des Lilas",
    ],
)
def test_what_should_be_or_did_not_happen_is_told_and_not_asked(said: str) -> None:
    assert mood(said) is Mood.statement


@pytest.mark.parametrize(
    "said",
    [
        "cancel 1042?",
        "could you cancel 1042",
        "storniere 1042 bitte",
        "annule la commande 1042",
        "please move 4",
        "Ana rang about 1042, she has moved. Can you change the address?",
    ],
)
def test_an_order_stays_one_though_it_is_polite(said: str) -> None:
    assert mood(said, to_english(said)) is Mood.order


@pytest.mark.parametrize(
    "said",
    [
        "on 1042 can we swap the red mug for a blue one",
        "could I get the mugs listed under gifts too",
        "peut-on échanger la tasse",
        "Ana Torres would like two mugs. She pays by transfer. Can we put that in for her?",
        "kann man auf der 1042 noch was tauschen",
    ],
)
def test_whether_something_can_be_done_is_a_wish(said: str) -> None:
    assert mood(said, to_english(said)) is Mood.wish


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("lower the mugs by 5 %, show me first", "lower the mugs by 5 %"),
        ("lower the mugs by 5 %. don't do anything yet!", "lower the mugs by 5 %."),
        ("baisse les tasses de 5 %, ne change rien pour l'instant", "baisse les tasses de 5 %"),
        ("senk die Tassen um 5 %, bitte noch nichts ändern", "senk die Tassen um 5 %"),
    ],
)
def test_to_see_it_first_is_what_every_card_is_for(said: str, left: str) -> None:
    text, asked = without_preview(said)

    assert asked
    assert text.rstrip(" ,!") == left


def test_what_must_not_be_done_is_no_preview() -> None:
    assert without_preview("don't cancel 1042") == ("don't cancel 1042", False)


@pytest.mark.parametrize(
    "said",
    [
        "something's off with the lamps",
        "Ana's order is wrong, sort it out",
        "il y a un souci avec les lampes",
        "mit den Lampen stimmt irgendwas nicht",
        "die Sache mit Ana ist noch nicht geklärt",
    ],
)
def test_a_complaint_without_its_reason_is_known_as_one(said: str) -> None:
    assert complains(said)


@pytest.mark.parametrize("said", ["make the mugs cheaper", "die Tassen billiger machen", "baisse les prix des tasses"])
def test_a_price_may_be_wished_other_without_how_far(said: str) -> None:
    assert unpriced(said)


@pytest.mark.parametrize(
    ("said", "operation"),
    [
        ("Lagerwert?", "inventory_valuation"),
        ("valeur du stock par entrepôt", "inventory_valuation"),
        ("was hat seit Mai keiner gekauft, welche Ladenhüter", "inventory_turnover"),
        ("what hasn't sold since May", "inventory_turnover"),
        ("qu'est-ce qui dort en stock", "inventory_turnover"),
        ("ventes par pays en mai", "sales_report"),
        ("Umsatz nach Kanal", "sales_report"),
        ("who supplies the lamps", "list_suppliers"),
        ("chez qui achète-t-on les lampes ? chez qui on achète", "list_suppliers"),
        ("bei wem kaufen wir die Lampen", "list_suppliers"),
        ("wer war lange nicht eingeloggt", "list_users"),
        ("what may a support person do", "get_approval_policy"),
        ("wer darf Rabatte freigeben", "get_approval_policy"),
        ("how has the price of LAMP changed, price history", "get_price_history"),
        ("was kam heute rein", "list_stock_movements"),
        ("Tom soll nicht mehr rein", "deactivate_user"),
    ],
)
def test_words_that_name_an_operation_are_heard_in_three_languages(said: str, operation: str) -> None:
    assert cues.names(said, operation)


def test_words_that_name_a_report_do_not_take_an_order_over() -> None:
    scores = {"inventory_turnover": 0.1, "archive_product": 0.9}

    assert cues.weighed("remove the dead stock", scores, ["inventory_turnover"]) == scores
    assert cues.weighed("show the dead stock", scores, ["inventory_turnover"])["inventory_turnover"] > 0.6


@pytest.mark.parametrize(
    "said", ["Bestellung 1042 bitte", "ORD-1042", "la commande 1042 stp", "ORD-1042 please", "die ORD-1042"]
)
def test_nothing_but_a_reference_shows_what_it_is_of(talk: Conversation, said: str) -> None:
    talk.say(said)

    assert talk.calls == [("get_order", {"order": "ORD-1042"})]


def test_an_order_said_to_be_wrong_is_shown_and_asked_about(talk: Conversation) -> None:
    answer = talk.say("something is wrong with ORD-1042, fix it", {"reference": "ORD-1042", "status": "confirmed"})

    assert talk.calls == [("get_order", {"order": "ORD-1042"})]
    assert answer.text.endswith("What is wrong with it, and what should I do? Nothing was changed.")


def test_orders_of_a_place_are_shown_to_choose_from(talk: Conversation) -> None:
    answer = talk.say("the order from the man in Lille is wrong, fix it", page({"reference": "ORD-1042"}))

    [(tool, args)] = talk.calls
    assert (tool, args["city"]) == ("list_orders", "Lille")
    assert "What is wrong with it" in answer.text


def test_yes_is_said_only_where_it_was_asked_whether_there_are_some_and_all_that_was_said_counts(
    talk: Conversation,
) -> None:
    orders = page({"reference": "ORD-1042"}, {"reference": "ORD-1043"})

    assert talk.say("are there any pending orders?", orders).text.startswith("Yes: 2 orders")
    keys = page({"reference": "KEY-1", "name": "First"})
    answer = talk.say("are there API keys that nobody used?", keys).text
    assert not answer.startswith("Yes")
    assert "The last use does not stand in this list." in answer


def test_the_question_is_answered_and_not_what_is_told_beside_it(talk: Conversation) -> None:
    order = {"reference": "ORD-1042", "status": "confirmed", "payment_state": "paid", "fulfilment_state": "unfulfilled",
             "phone": "+33 1 00"}  # fmt: skip

    assert talk.say("where is order 1042? she is on the phone", order).text == "ORD-1042 is paid and not shipped."
    assert talk.say("is 1042 still pending?", order).text == "No: ORD-1042 is confirmed, paid and not shipped."


def test_two_periods_that_are_named_are_compared_with_each_other() -> None:
    def report(net: int, start: str, until: str) -> Result:
        totals = {"net": {"amount": net, "currency": "EUR"}, "orders": 2}
        value = {"placed_from": start, "placed_until": until, "totals": totals, "before": totals}
        return Result(Call("sales_report", {"placed_from": start}), value, aside=False)

    now, then = (
        report(3000, "2026-11-20T23:00Z", "2026-11-21T23:00Z"),
        report(2000, "2026-11-15T23:00Z", "2026-11-16T23:00Z"),
    )

    [one] = together([now, then])
    lead, _ = sentence(one.value, Voice(SETTING), Asked.of("more yesterday than on Monday?"))

    assert "That is 50 % more net sales than 16 November 2026" in lead


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "5 of 5 units of ORD-1042 have left."),
        ("fr", "5 unités sur 5 de ORD-1042 sont déjà parties."),
        ("de", "5 von 5 Stück von ORD-1042 sind schon unterwegs."),
    ],
)
def test_a_refusal_is_told_in_the_language_and_without_the_names_of_operations(language: str, words: str) -> None:
    error = {"message": "5 of 5 units of ORD-1042 have left.", "hint": "Use request_return for what has left."}

    assert told(error, Voice(SETTING, language)) == words


def test_the_name_of_an_operation_is_told_as_its_title() -> None:
    error = {
        "message": "An order becomes cancelled by cancel_order, not by setting its status.",
        "hint": "Use cancel_order.",
    }

    expected = "An order becomes cancelled by “Cancel order”, not by setting its status."
    assert told(error, Voice(SETTING)) == expected


def test_what_is_asked_is_asked_in_the_language_of_the_request(talk: Conversation) -> None:
    assert talk.say("storniere bitte eine Bestellung").text.startswith(
        "Sagen Sie mir noch, was für „Bestellung stornieren“ fehlt?"
    )


def test_a_choice_is_offered_only_where_it_shares_words_with_the_request(talk: Conversation) -> None:
    answer = talk.say("frobnicate the gizmo quite thoroughly")

    assert "Did you mean" not in answer.text


@pytest.mark.parametrize(
    ("said", "wishes"),
    [
        (
            "annule la 1042 et réponds-lui que c'est fait",
            ["annule la 1042", "réponds-lui que c'est fait"],
        ),
        (
            "accepte le retour de M. Vogel et remboursez-le, pas la peine qu'il renvoie",
            ["accepte le retour de M. Vogel", "remboursez-le, pas la peine qu'il renvoie"],
        ),
        (
            "Bestellung 11012 stornieren und schreib der Kundin, dass es erledigt ist",
            ["Bestellung 11012 stornieren", "schreib der Kundin, dass es erledigt ist"],
        ),
        ("tag CUS-7 as vip and note that he rings first", ["tag CUS-7 as vip", "note that he rings first"]),
        ("what sold best this week & which products run low", ["what sold best this week", "which products run low"]),
        ("refund 1042 and send her a message", ["refund 1042", "send her a message"]),
        ("order 40 MUG-BLUE from Brun and send them to Lille", ["order 40 MUG-BLUE from Brun and send them to Lille"]),
        ("show the orders of Anna Weber and what they cost", ["show the orders of Anna Weber and what they cost"]),
    ],
)
def test_a_further_wish_is_heard_in_three_languages_and_what_belongs_to_the_first_stays_with_it(
    said: str, wishes: list[str]
) -> None:
    index = read_index()

    assert [clause.text for clause in clauses.split(said, index.wishes, index.begins)] == wishes


def test_of_an_order_the_pronoun_at_the_verb_is_read_as_one() -> None:
    assert to_english("remboursez-le, et réponds-lui") == "refund it, and reply him"
