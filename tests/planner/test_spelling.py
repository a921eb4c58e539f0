"""English typed in a hurry and dictated: slips that are mended, figures that were spelt out, and what stays as it is."""

import pytest

from planner.read.language import to_english
from planner.read.spelling import mended


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("hwo many ordres r still waitng to go out", "how many orders are still waiting to go out"),
        ("which custmer has teh most pionts", "which customer has the most points"),
        ("n give him 50 for the truble", "and give him 50 for the trouble"),
        ("anyting from the weeknd", "anything from the weekend"),
        ("what did we sel since fridya", "what did we sell since friday"),
    ],
)
def test_slips_of_a_shop_s_everyday_words_are_mended(said: str, meant: str) -> None:
    assert mended(said) == meant == to_english(said)


@pytest.mark.parametrize(
    "said",
    [
        "petti, vogel, haddad and winkler in koln",  # names are near to no such word
        "Custmer of MUG-BLU at ordr@shop.example",  # nor is what begins with a capital letter, a code or an address mended
        "one of them, and two more",
        "at ten thirty, in twenty twenty",  # a time, and a year
        "commandes en retard",
    ],
)
def test_everything_else_stays(said: str) -> None:
    assert mended(said) == said


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("it is nineteen ninety, the others seventy-nine ninety", "it is 19.90, the others 79.90"),
        ("the one forty by two hundred", "the 140x200"),
        ("two hundred by two forty", "200x240"),
        ("ten euros on her account", "10 euros on her account"),
        ("fifteen percent off", "15 percent off"),
        ("one hundred and twenty units", "120 units"),
        ("sixteen of them and twenty five more", "16 of them and 25 more"),
    ],
)
def test_figures_that_were_spelt_out_are_figures(said: str, meant: str) -> None:
    assert mended(said) == meant
