"""Every refusal of the transport room is told in the language of the request, as the program writes it."""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from planner.tell.refusals import INTERNAL, SENTENCES, told
from planner.tell.voice import Voice
from tests.conftest import Do
from tests.factories import NewShop, make_order, make_variant
from tests.planner.test_moods import SETTING
from tools.contract.errors import NotFound, ShopError
from tools.transport.tracking import track_shipment

ROOT = Path(__file__).parents[2]
FILES = [
    *sorted((ROOT / "tools/transport").glob("*.py")),
    *(ROOT / f"tools/flows/{name}.py" for name in ("cancel_shipment", "record_tracking", "ship_order")),
]
OMITTED = {"promised"}  # ends of sentences that may be missing
PUT_TOGETHER = {  # of parts: as they read
    "CarrierDoesNotCome": [
        "DHL does not come on 2 December 2026.", "DHL does not come at all.",
        "DHL does not come on 2 December 2026; its next day is 3 December 2026.",
    ],
    "MoreThanLeft": [
        "3 MUG of ORD-1 were to be shipped, and 2 have not left yet.", "1 MUG of ORD-1 is not held.",
        "2 MUG and 1 BOWL of ORD-1 are not held in Lyon.",
    ],
    "NothingToShip": [
        "Nothing of ORD-1 can be shipped: all of it has left.", "Nothing of ORD-1 can be shipped: 1 MUG is not held.",
        "Nothing of ORD-1 can be shipped: 2 MUG are not held in Lyon.",
    ],
    "NoWayToSend": [
        "No carrier takes 1 parcel of 2 kg to FR 69001: the shop has no carrier with prices.",
        "No carrier takes 1 parcel of 2 kg to FR 69001: DHL Paket takes no parcels.",
    ],
    "PickupNotOffered": [
        "USPS is asked by easypost, which is not set up here.", "USPS gave no prices: ask again.",
        "USPS is asked by easypost, which does not answer: ask again in a minute.",
        "USPS is asked by easypost, which says: The rate is gone.", "USPS does not come then, says easypost.",
        "USPS does not come then, says easypost (UPS: closed).",
    ],
    "RateCardWrong": ["1 line of prices.csv: line 2: no weight.", "3 lines of prices.csv: line 2: no weight; and 2 more."],
}  # fmt: skip


def sentence(written: ast.expr) -> str | None:
    """A message as it reads, with something in each of its places."""
    if isinstance(written, ast.Constant):
        return written.value if isinstance(written.value, str) else None
    if not isinstance(written, ast.JoinedStr):
        return None
    return "".join(
        str(part.value)
        if isinstance(part, ast.Constant)
        else ""
        if isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name) and part.value.id in OMITTED
        else "SHP-1001"
        for part in written.values
    )


def refusals() -> Iterator[str]:
    """The sentences of every error that those files raise, and the hints of their classes."""
    for file in FILES:
        module = import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
        classes = {
            name: one for name, one in vars(module).items() if isinstance(one, type) and issubclass(one, ShopError)
        }
        said = [one.hint for one in classes.values() if one.__module__ == module.__name__]
        said += [read for name in classes for read in PUT_TOGETHER.get(name, [])]
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in classes.keys() - PUT_TOGETHER
            ):
                parts = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "hint")]
                said += filter(None, map(sentence, parts))
        for text in said:
            yield from (one for one in SENTENCES.split(text) if one and not INTERNAL.search(one))


@pytest.mark.parametrize("language", ["fr", "de"])
def test_every_refusal_of_transport_is_told_in_the_language(language: str) -> None:
    voice = Voice(SETTING, language)
    said = sorted(set(refusals()))

    assert len(said) > 40
    assert [one for one in said if told({"message": one}, voice) == one] == []


@pytest.mark.parametrize(
    ("language", "words"),
    [("fr", "{} n'a pas encore d'envoi."), ("de", "{} hat noch keine Sendung.")],
)
async def test_an_order_that_nothing_was_sent_of_has_no_shipment_in_the_language(
    mine: NewShop, do: Do, language: str, words: str
) -> None:
    """As the refusal is written where it is raised: a word more there, and it is told in English."""
    async with mine.shop.database.transaction(mine.id) as sql:
        order = make_order(sql, make_variant(sql), 1)
        await sql.commit()

    with pytest.raises(NotFound) as refused:
        await do(track_shipment, shipment=order.reference)

    error = {"message": str(refused.value), "hint": refused.value.hint}
    assert told(error, Voice(SETTING, language)) == words.format(order.reference)


def test_days_states_and_lists_in_a_refusal_are_words_of_the_language() -> None:
    late = "SHP-1012 is in transit, promised for 2 December 2026: it cannot be claimed as missing content."
    short = {
        "message": "3 MUG and 1 BOWL of ORD-1 are not held in Lyon.",
        "hint": "Ship what is held now, and the rest when it has come.",
    }

    assert told({"message": late}, Voice(SETTING, "de")) == (
        "SHP-1012: unterwegs, zugesagt für 2. Dezember 2026. Als „fehlender Inhalt“ lässt sich das nicht reklamieren."
    )
    assert told(short, Voice(SETTING, "fr")) == (
        "3 MUG et 1 BOWL de ORD-1 ne sont pas réservés à Lyon. "
        "Expédiez ce qui est réservé, et le reste quand il sera arrivé."
    )
