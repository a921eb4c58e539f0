"""Which tool does a sentence ask for, and which room does a request belong to?"""

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.index import read_index
from planner.choose.index import Index
from tests.planner import catalogue

FOLDS = 5


def test_unseen_phrasings_find_their_tool() -> None:
    right = right_of_three = asked = 0
    for fold in range(FOLDS):
        entries = catalogue.entries()
        kept = [
            replace(entry, examples=[said for n, said in enumerate(entry.examples) if n % FOLDS != fold])
            for entry in entries
        ]
        index = Index.build(kept)
        for entry in entries:
            for said in entry.examples[fold::FOLDS]:
                names = [ranked.name for ranked in index.rank(said, limit=3)]
                asked += 1
                right += names[0] == entry.name
                right_of_three += entry.name in names

    assert asked == 477
    assert right / asked >= 0.80
    assert right_of_three / asked >= 0.93


def test_a_tool_that_is_not_among_the_offered_ones_is_not_ranked(index: Index) -> None:
    ranked = index.rank("Cancel order 1042", among={"get_order", "list_orders"})

    assert {one.name for one in ranked} == {"get_order", "list_orders"}
    assert sum(one.score for one in ranked) < 0.2  # the scores do not pretend that one of them fits


def test_scores_are_probabilities_best_first(index: Index) -> None:
    ranked = index.rank("What is running low?", limit=50)

    assert ranked[0].name == "low_stock_products"
    assert [one.score for one in ranked] == sorted((one.score for one in ranked), reverse=True)
    assert ranked[0].margin == pytest.approx(ranked[0].score - ranked[1].score)
    assert 0.0 < sum(one.score for one in ranked) <= 1.0001


@pytest.mark.parametrize(
    ("text", "rooms"),
    [
        ("Cancel order 1042", ("orders",)),
        ("Who may approve refunds?", ("backoffice",)),
        ("What is running low, and what did we sell last week?", ("products", "orders")),
        ("annule la commande 1042", ("orders",)),
    ],
)
def test_a_clear_request_is_routed_without_a_model(index: Index, text: str, rooms: tuple[str, ...]) -> None:
    route = index.route(text)

    assert route.rooms == rooms
    assert route.sure


@pytest.mark.parametrize(
    ("text", "room", "tool"),
    [
        ("montre-moi les retours en attente", "after_sales", "list_returns"),
        ("welche Pakete hängen fest", "transport", "list_late_shipments"),
        ("la cliente veut échanger la taille M contre une L", "after_sales", "exchange_items"),
    ],
)
def test_the_shops_index_finds_rooms_and_tools_by_the_reader(text: str, room: str, tool: str) -> None:
    shop = read_index()

    assert shop.route(text).rooms == (room,)
    assert shop.rank(text)[0].name == tool


def test_reading_parts_of_a_request_can_be_done_apart_but_a_write_cannot(index: Index) -> None:
    assert index.route("What is running low, and what did we sell last week?").independent
    assert not index.route("Show order 1042 and cancel it").independent


def test_a_person_known_by_name_brings_the_customers_room_along(index: Index) -> None:
    assert set(index.route("Cancel Ana Torres' last order").rooms) == {"orders", "customers"}


@pytest.mark.parametrize("text", ["hello there", "thanks a lot!", "tell me a joke", "what can you do?"])
def test_small_talk_goes_to_no_room(index: Index, text: str) -> None:
    route = index.route(text)

    assert route.smalltalk
    assert route.rooms == ()


def test_what_is_shipped_ranks_as_it_was_trained_and_is_the_same_file_every_time(tmp_path: Path) -> None:
    entries = catalogue.entries()[:6]
    trained = Index.build(entries)
    trained.ship(tmp_path / "first.npz")
    Index.build(entries).ship(tmp_path / "second.npz")

    shipped = Index.shipped(entries, tmp_path / "first.npz")

    assert shipped.rank("cancel 1042") == trained.rank("cancel 1042")
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()


def test_what_was_trained_on_other_phrasings_is_never_used_silently(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    entries = catalogue.entries()[:6]
    data = tmp_path / "index.npz"
    Index.build(entries).ship(data)
    changed = [replace(entries[0], examples=["Hand me the moon"]), *entries[1:]]

    current = Index.shipped(entries, data)
    assert not caplog.records
    ahead = Index.shipped(changed, data)

    assert "make index" in caplog.text
    assert ahead.scores("hand me the moon")[entries[0].name] > 2 * current.scores("hand me the moon")[entries[0].name]


@pytest.mark.parametrize("content", [None, b"", b"half a fi"], ids=["missing", "empty", "cut off"])
def test_without_what_was_shipped_the_index_is_trained(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    entries = catalogue.entries()[:2]
    data = tmp_path / "index.npz"
    if content is not None:
        data.write_bytes(content)

    index = Index.shipped(entries, data)

    assert "make index" in caplog.text
    assert index.rank(entries[0].examples[0])[0].name == entries[0].name
