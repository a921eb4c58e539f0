"""What a customer is told is written to them."""

import pytest

from planner.choose.written import addressed


@pytest.mark.parametrize(
    ("said", "written"),
    [
        (
            "we're sorry, we are asking the carrier and she hears from us tomorrow",
            "we're sorry, we are asking the carrier and you hear from us tomorrow",
        ),
        ("she'll get an answer tomorrow", "you'll get an answer tomorrow"),
        ("his parcel left today and he has to sign for it", "your parcel left today and you have to sign for it"),
        ("we send her a new one and she keeps the old one", "we send you a new one and you keep the old one"),
        ("they will be refunded on Friday", "you will be refunded on Friday"),
        ("it doesn't fit, he does not pay", "it doesn't fit, you do not pay"),
        ("you get it on Friday, she said", "you get it on Friday, she said"),
        ("the lamp ships on Friday", "the lamp ships on Friday"),
    ],
)
def test_a_message_that_speaks_of_its_reader_says_you(said: str, written: str) -> None:
    assert addressed(said) == written
