"""What a turn does with what stands before it, in three languages, whatever the goods, names and figures."""

import pytest

from planner.read import acts
from planner.read.acts import Act


@pytest.mark.parametrize(
    ("text", "does", "rest"),
    [
        ("yes please", {"agrees"}, ""),
        ("yep, go for it", {"agrees"}, ""),
        ("bon ok vas-y", {"agrees"}, ""),
        ("d'accord", {"agrees"}, ""),
        ("ja mach das", {"agrees"}, ""),
        ("nein, lass das", {"declines"}, ""),
        ("non, laisse tomber", {"declines"}, ""),
        ("leave it as it was", {"declines"}, ""),
        ("no, 45", {"declines"}, "45"),
        ("stop", {"declines"}, ""),
        ("stop the tea code on friday", set[str](), "stop the tea code on friday"),
        ("hm make it 7", {"corrects"}, "make it 7"),
        ("sorry, I meant Hamburg", {"corrects"}, "I meant Hamburg"),
        ("nee, Lille meinte ich", {"declines", "corrects"}, "Lille meinte ich"),
        ("pardon, plutôt 12", {"corrects"}, "12"),
        ("it's 17 not 71, sorry", {"corrects"}, "it's 17 not 71, sorry"),
        ("that one as well", {"adds"}, "that one as well"),
        ("same for the blue one", {"same"}, "the blue one"),
        ("pareil pour la rouge", {"same"}, "la rouge"),
        ("btw is 1044 paid?", {"aside"}, "is 1044 paid?"),
        ("übrigens, wo ist 1044?", {"aside"}, "wo ist 1044?"),
        ("ok. back to the transfer, send it", {"returns"}, "the transfer, send it"),
    ],
)
def test_what_a_turn_does_is_told_from_what_it_says(text: str, does: set[str], rest: str) -> None:
    act = Act.of(text)

    assert {name for name, holds in vars(act).items() if holds is True} - (
        {"agrees"} if "returns" in does else set()
    ) == does
    assert act.rest == rest


@pytest.mark.parametrize(
    "text",
    [
        "no orders today?",
        "please do not cancel ORD-1042",
        "correct the address of Ana",
        "do we have mugs?",
        "cancel it",
        "show it again",
    ],
)
def test_a_request_that_only_begins_alike_is_no_answer(text: str) -> None:
    act = Act.of(text)

    assert not act.agrees
    assert not act.declines
    assert act.rest.endswith(text.removeprefix("please "))


@pytest.mark.parametrize(
    ("text", "swapped"),
    [
        ("it's 98 not 88", ("98", "88")),
        ("not 88 but 98", ("98", "88")),
        ("98 instead of 88", ("98", "88")),
        ("98, nicht 88", ("98", "88")),
        ("98 statt 88", ("98", "88")),
        ("pas 88 mais 98", ("98", "88")),
        ("98 au lieu de 88", ("98", "88")),
    ],
)
def test_what_takes_whose_place_is_read_from_either_order(text: str, swapped: tuple[str, str]) -> None:
    assert acts.swaps(text) == [swapped]


def test_a_wish_on_a_condition_is_told_apart_from_its_condition() -> None:
    assert acts.unconditioned("if so revoke those") == "revoke those"
    assert acts.unconditioned("si oui, annule-la") == "annule-la"
    assert acts.unconditioned("falls ja storniere sie") == "storniere sie"
