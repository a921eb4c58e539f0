"""What words name: goods in three languages, places and people, by what the shop says that there is."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from orchestrator.index import read_index
from planner.choose.index import Index
from planner.fill import slots
from planner.fill.filled import Filled, Told
from planner.read import goods, grounds
from planner.read.fields import read
from planner.read.grounds import Ground, Row
from planner.read.language import to_english
from planner.read.reading import Reading, Setting
from tools import registry
from tools.rules.goods import Article, Goods, Option, fitting

PARIS = Setting(datetime(2026, 11, 22, 14, 3, tzinfo=ZoneInfo("Europe/Paris")), ZoneInfo("Europe/Paris"), "EUR")


@pytest.fixture(scope="module")
def index() -> Index:
    return read_index()


# ---- the shop's side: which goods a name fits ---------------------------------------------------------------------------------


def product(title: str, **options: str) -> Goods:
    """A product, and a variant for each choice of its options."""
    told = tuple(Option(name, tuple(values.split(", "))) for name, values in options.items())
    values: list[dict[str, str]] = [{}]
    for option in told:
        values = [{**one, option.name: value} for one in values for value in option.values]
    articles = [
        Article(f"VAR-{nth}", f"{title[:3]}-{nth}".upper(), " / ".join(one.values()) or title, one)
        for nth, one in enumerate(values)
    ]
    return Goods("PRD-1", title, "", "", told, tuple(articles))


SHELVES = (
    product("Garden chair", Colour="Teal, Black"),
    product("Folding chair", Wood="Beech, Oak"),
    product("Chair cushion", Colour="Teal, Mustard"),
    product("Paint", Size="0.5 l, 1 l, 2.5 l", Colour="Chalk, Blue slate"),
    product("Running shoes", Size="38-39, 40-41, 42-43"),
    product("Rain jacket", Size="S, M, L, XL"),
    product("Doormat", Size="40x60, 60x90"),
    product("Pencils, set of 12"),
    product("Teaspoon"),
    product("Stoneware mug", Colour="White, Sage"),
    product("Camping mug", Colour="Cream, Moss"),
)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("garden chairs", ["Garden chair"]),
        ("chairs", ["Garden chair", "Folding chair"]),
        ("the teal garden chair", ["Garden chair / Teal"]),
        ("chair, folding, in oak", ["Folding chair / Oak"]),
        ("gardn chair", ["Garden chair"]),
        ("mustard chair cushions", ["Chair cushion / Mustard"]),
        ("2,5 litre paint slate", ["Paint / 2.5 l / Blue slate"]),
        ("the smallest chalk paint", ["Paint / 0.5 l / Chalk"]),
        ("running shoes 40-41", ["Running shoes / 40-41"]),
        ("medium rain jackets", ["Rain jacket / M"]),
        ("big door mat", ["Doormat / 60x90"]),
        ("60 x 90 doormats", ["Doormat / 60x90"]),
        ("pencils", ["Pencils, set of 12"]),
        ("tea spoons", ["Teaspoon"]),
        ("little pencils", ["Pencils, set of 12"]),
        ("white mugs", ["Stoneware mug / White"]),  # and no mug in a shade of it
        ("white camping mug", ["Camping mug / Cream"]),
        ("the rest", []),
        ("oak", []),
    ],
)
def test_a_name_fits_goods_by_its_words_in_any_order(said: str, meant: list[str]) -> None:
    found = fitting(said, SHELVES)
    told = [f"{fit.goods.title} / {one.title}" for fit in found if fit.singled for one in fit.articles]

    assert (told or [fit.goods.title for fit in found]) == meant
    assert not any(fit.lacks for fit in found)


@pytest.mark.parametrize(
    ("said", "skus"),
    [
        ("green velvet cushion", ["CUSHION-FOREST", "CUSHION-SAGE"]),
        ("forest green velvet cushion", ["CUSHION-FOREST"]),
        ("velvet cushion in pink", ["CUSHION-ROSE"]),
    ],
)
def test_a_shade_is_meant_by_the_colour_that_everybody_says(said: str, skus: list[str]) -> None:
    colours = ("Forest", "Sage", "Rose")
    articles = tuple(Article(f"VAR-{c}", f"CUSHION-{c.upper()}", c, {"Colour": c}) for c in colours)
    cushion = Goods("PRD-9", "Velvet cushion", "", "", (Option("Colour", colours),), articles)

    (fit,) = fitting(said, [cushion])

    assert [one.sku for one in fit.articles] == skus
    assert not fit.lacks


def test_what_goods_do_not_come_in_is_said() -> None:
    (fit,) = fitting("red garden chair", SHELVES)

    assert (fit.goods.title, fit.lacks, fit.goods.choices) == ("Garden chair", ("red",), "Colour: Teal, Black")


# ---- the planner's side: which words may be names ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "english"),
    [
        ("wie viele graue Wollsocken haben wir", "grey wool socks"),
        ("zeig mir die weißen Bettbezüge", "white duvet cover"),
        ("wir haben 3 Kerzenhalter aus Messing verloren", "candle holder from brass"),
        ("Gießkannen?", "watering can"),
        ("combien de gants de cuisine bleu marine avons-nous", "oven glove navy"),
        ("les petites lanternes sont cassées", "small lantern"),
        ("la housse de couette en lin", "duvet cover in linen"),
        ("show me the duvet covers and the robe", "duvet covers and the robe"),
        ("Julie Blanc est une cliente", "Julie Blanc"),
        ("das ist der Herr Klein", "Herr Klein"),
    ],
)
def test_goods_are_put_into_english_words_and_names_are_left(said: str, english: str) -> None:
    assert english in to_english(said)


def test_what_people_are_called_is_no_goods() -> None:
    names = frozenset({"Lena", "Krüger"})

    assert "Lena Krüger" in to_english("die Retoure von Lena Krüger ist da", names=names)
    assert "jug" in to_english("die Krüge sind da")


def asked(index: Index, text: str, thing: str = "") -> list[str]:
    english = to_english(text)
    reading = Reading.of(english, index.vocabulary, PARIS, index.mentions(english))
    return [p.asked for p in goods.phrases(english, reading.spans, reading.mentions, index.ordinary, thing)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("storage tins, stock everywhere", ["storage tins"]),
        ("move 12 green hammam towels lille -> lyon", ["green hammam towels lille", "lille", "lyon"]),
        ("300 owl night lights and 20 bear ones", ["owl night lights", "bear night lights"]),
        ("two chai blend (the small bag, not the big one)", ["chai blend small bag"]),
        ("9 of the biggest ones", ["biggest jute rug"]),
        ("eine rote und zwei blaue", ["red jute rug", "blue jute rug"]),
        ("put wool throws down 10% from Monday", ["wool throws"]),
        ("counted the breton top size S again", ["breton top S"]),
        ("do we have the linen trousers in M?", ["linen trousers M"]),
        ("damaged: 3 carafes small one", ["carafes small"]),
        ("are any of the rest promised to customers?", []),
        ("what did Emre Wolf buy?", ["Emre Wolf"]),
        ("what came of Chloé Mercier's complaint", ["Chloé Mercier"]),
        ("where is anna wagners parcel", ["anna wagners", "anna wagner"]),
        ("fiona hughes wants all that we have on her deleted", ["fiona hughes"]),
        ("yes go ahead, the system is on the phone", []),
        ("alle offenen Bestellungen, höchster Betrag zuerst", []),
        ("annule la 11019, le client a changé d'avis", []),
        ("show ORD-1042 and 2 MUG-BLUE", []),
    ],
)
def test_the_shop_is_asked_for_what_may_be_a_name_and_for_no_ordinary_word(
    index: Index, text: str, names: list[str]
) -> None:
    found = asked(index, text, thing="jute rug")

    assert [name for name in found if name in names] == names
    assert names or not found


# ---- what the shop said becomes arguments -----------------------------------------------------------------------------------


def row(kind: str, name: str, fits: str = "exact", **told: str) -> Row:
    return Row.of({"kind": kind, "name": name, "fits": fits, "reference": f"{kind[:3].upper()}-7", **told})


def filled(index: Index, tool: str, text: str, known: Mapping[str, Sequence[Row]], thing: str = "") -> Filled:
    """What a tool would be called with, where the shop knows these names."""
    reading = Reading.of(text, index.vocabulary, PARIS, index.mentions(text))
    phrases = goods.phrases(text, reading.spans, reading.mentions, index.ordinary, thing)
    placed = grounds.placed(phrases, {name.casefold(): rows for name, rows in known.items()})
    reading = replace(reading, grounds=placed, grounded=True, ordinary=index.ordinary)
    told = Told(PARIS, index.lexicon, index.openers, index.tools[tool].words, writes=registry.tool(tool).writes)
    return slots.fill(read(registry.tool(tool).schema), reading, told)


FOX = {"fox night lights": [row("variant", "LIGHT-FOX", about="Night light / Fox")]}
MOON = {"moon night lights": [row("variant", "LIGHT-MOON", about="Night light / Moon")]}
PLACES: dict[str, list[Row]] = {
    "lyon": [row("warehouse", "Lyon"), row("city", "Lyon")],
    "lille": [row("warehouse", "Lille")],
}


def test_lines_are_said_by_names_and_quantities(index: Index) -> None:
    found = filled(
        index, "create_purchase_order", "order 60 fox night lights and 40 moon ones for Lyon", {**FOX, **MOON, **PLACES}
    )

    assert found.args["lines"] == [{"sku": "LIGHT-FOX", "quantity": 60}, {"sku": "LIGHT-MOON", "quantity": 40}]
    assert found.args["warehouse"] == "Lyon"


def test_goods_and_the_place_beside_them_are_told_apart(index: Index) -> None:
    known = {
        "blue hammam towels lyon": [row("variant", "TOWEL-BLUE", "near", about="Hammam towel / Blue", lacks="lyon")],
        "blue hammam towels": [
            row("variant", "TOWEL-BLUE", about="Hammam towel / Blue")
        ],  # as the reader heard them named
        **PLACES,
    }

    found = filled(index, "transfer_stock", "move 20 blue hammam towels lyon -> lille", known).args

    assert found["lines"] == [{"sku": "TOWEL-BLUE", "quantity": 20}]
    assert (found["from_warehouse"], found["to_warehouse"]) == ("Lyon", "Lille")


def test_of_several_that_fit_the_narrow_question_is_asked(index: Index) -> None:
    sizes = [row("variant", f"RUG-{size}", about=f"Jute rug / {size}") for size in ("60x90", "120x180")]
    known: dict[str, list[Row]] = {"jute rugs": [row("product", "Jute rug", comes_in="Size: 60x90, 120x180"), *sizes]}

    which = filled(index, "adjust_stock", "2 jute rugs are broken in Lyon", {**known, **PLACES}).which["sku"]

    assert (which.noun, which.choices) == ("Jute rug", "60x90, 120x180")
    assert which.options == (("RUG-60x90", "Jute rug / 60x90"), ("RUG-120x180", "Jute rug / 120x180"))


def test_what_there_is_not_is_no_argument(index: Index) -> None:
    known = {"red teapot": [row("product", "Teapot", "near", lacks="red", comes_in="Colour: Blue, White")]}

    found = filled(index, "get_product", "show me the red teapot", known)

    assert "product" not in found.args
    assert (found.which["product"].lacks, found.which["product"].choices) == ("red", "Blue, White")


def test_a_category_goes_before_goods_that_are_called_alike(index: Index) -> None:
    known = {"tea": [row("category", "Tea"), row("product", "Sencha tea"), row("product", "Tea towel", "begins")]}

    assert filled(index, "low_stock_products", "what runs out first in tea", known).args["category"] == "Tea"


def test_a_category_is_meant_in_the_singular_too(index: Index) -> None:
    known = {"lamp": [row("product", "Table lamp"), row("category", "Lamps", "begins")]}

    found = filled(index, "top_selling_products", "what is our best selling lamp this month?", known)

    assert found.args["category"] == "Lamps"


def test_goods_that_find_no_place_are_told(index: Index) -> None:
    known = {"fox night light": [row("product", "Fox night light")]}

    found = filled(index, "order_kpis", "how are orders going with the fox night light?", known)

    assert "fox night light" in found.strange
    assert "fox night light" in found.unused


def test_a_person_is_looked_up_by_name_and_town(index: Index) -> None:
    known = {
        "sanne jansen": [row("customer", "Sanne Jansen"), row("customer", "Sanne Jansen")],
        "utrecht": [row("city", "Utrecht")],
    }

    found = filled(index, "adjust_loyalty_points", "give sanne jansen in utrecht 200 points", known)

    assert found.people == {"customer": "sanne jansen, Utrecht"}
    assert found.args["points"] == 200


def test_who_only_begins_like_a_word_is_not_meant() -> None:
    known = {"rest": [row("customer", "Ana Restrepo", "words")], "jansen": [row("customer", "Bas Jansen", "words")]}
    phrases = [goods.Phrase(0, 4, "rest", goods=False), goods.Phrase(5, 11, "jansen", goods=False)]

    assert [one.said for one in grounds.placed(phrases, known)] == ["jansen"]


def test_what_is_said_once_more_and_closer_counts_once() -> None:
    phrases = [
        goods.Phrase(0, 9, "jute rugs", goods=True),
        goods.Phrase(20, 28, "smallest jute rugs", goods=True, standing=True),
    ]
    known = {
        "jute rugs": [row("product", "Jute rug")],
        "smallest jute rugs": [row("variant", "RUG-60", about="Jute rug / 60x90")],
    }

    (ground,) = grounds.placed(phrases, known)

    assert isinstance(ground, Ground)
    assert (ground.variants[0].name, ground.also) == ("RUG-60", ((0, 9),))


@pytest.mark.parametrize(
    ("text", "begins", "ends"),
    [
        ("10% off Garden from 1 to 24 December", "2026-11-30T23:00:00Z", "2026-12-24T23:00:00Z"),
        (
            "10% off Garden from 1 December until and including 6 December",
            "2026-11-30T23:00:00Z",
            "2026-12-06T23:00:00Z",
        ),
    ],
)
def test_a_promotion_has_its_end(index: Index, text: str, begins: str, ends: str) -> None:
    found: dict[str, Any] = filled(index, "create_promotion", text, {}).args

    assert (found["starts_at"], found["ends_at"]) == (begins, ends)


def test_a_supplier_goes_before_goods_that_are_called_less_so() -> None:
    known = {"nordic wool": [row("supplier", "Nordic Wool Mill", "begins"), row("product", "Wool throw", "words")]}

    (ground,) = grounds.placed([goods.Phrase(0, 11, "nordic wool", goods=True)], known)

    assert [one.kind for one in ground.rows] == ["supplier"]


def test_a_city_is_meant_by_what_it_is_called_elsewhere(index: Index) -> None:
    known = {"köln": [row("city", "Köln")], "müller": [row("customer", "Jonas Müller", "words")]}

    assert filled(index, "list_orders", "orders of Müller from cologne", known).people == {"customer": "Müller, Köln"}


def test_all_that_a_product_comes_in_are_meant_where_several_may_be(index: Index) -> None:
    throws = [row("variant", f"THROW-{colour}", about=f"Wool throw / {colour}") for colour in ("GREY", "RUST")]
    known: dict[str, list[Row]] = {"wool throws": [row("product", "Wool throw"), *throws]}

    found = filled(index, "change_prices", "all the wool throws 10% cheaper", known)

    assert (found.args["skus"], found.which) == (["THROW-GREY", "THROW-RUST"], {})


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("counted the small black casserole in Lyon again: its 3 not 1", 3),
        ("recount Lyon: small black casserole, 0 pieces", 0),
    ],
)
def test_what_was_counted_stands_anywhere_beside_the_one_thing(index: Index, text: str, counted: int) -> None:
    known: dict[str, list[Row]] = {"small black casserole": [row("variant", "COCOTTE-BLACK")], **PLACES}

    assert filled(index, "count_stock", text, known).args["lines"] == [{"sku": "COCOTTE-BLACK", "counted": counted}]


def test_a_slip_is_not_looked_for(index: Index) -> None:
    found = filled(index, "list_orders", "how many orders did we have today and for how much alltogether", {})

    assert "text" not in found.args


def test_of_several_states_all_but_what_is_excepted_are_wanted(index: Index) -> None:
    found = filled(index, "list_orders", "which orders are unpaid, not counting cancelled", {}).args

    assert found["status"] == ["draft", "pending", "confirmed", "completed", "expired"]
    assert found["payment_state"] == ["unpaid"]


CARAFES = [row("variant", f"CARAFE-{size}", about=f"Glass carafe / {size} l") for size in ("0.75", "1.2")]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("ordered 40 carafes of the 1.2 from SUP-1 for Lyon", {"sku": "CARAFE-1.2", "quantity": 40}),
        ("order 6 carafes, the 0.75, from SUP-1 for Lyon", {"sku": "CARAFE-0.75", "quantity": 6}),
    ],
)
def test_a_figure_that_stands_for_the_thing_says_which_it_is(index: Index, text: str, line: dict[str, Any]) -> None:
    known: dict[str, list[Row]] = {"carafes": [row("product", "Glass carafe"), *CARAFES], **PLACES}

    assert filled(index, "create_purchase_order", text, known).args["lines"] == [line]


def test_a_number_of_a_house_is_no_postcode(index: Index) -> None:
    known = {"bas de vries": [row("customer", "Bas De Vries")], "den haag": [row("city", "Den Haag")]}

    found = filled(index, "list_customers", "bas de vries in Den Haag, he wants the neighbour at nr 12", known).args

    assert "postcode" not in found


@pytest.mark.parametrize(
    ("text", "sku"),
    [("what does the frying pan 28 cost", "PAN-28CM"), ("frying pan, the 20, to 49.90", "PAN-20CM")],
)
def test_a_bare_number_beside_a_name_tells_the_size(index: Index, text: str, sku: str) -> None:
    sizes = [row("variant", f"PAN-{size}", about=f"Frying pan / {size[:2]} cm") for size in ("20CM", "24CM", "28CM")]
    known: dict[str, list[Row]] = {"frying pan": [row("product", "Frying pan"), *sizes]}

    assert filled(index, "set_price", text, known).args["sku"] == sku


def test_somebody_is_no_city(index: Index) -> None:
    known = {"anna": [row("customer", "Anna Becker", "begins"), row("customer", "Anna Krüger", "begins")]}

    assert "city" not in filled(index, "list_customers", "parcel of anna", known).args


@pytest.mark.parametrize(
    "text",
    [
        "set the wholesale price of MUG-BLUE to 9 euros",
        "change the price of MUG-BLUE for wholesale customers to 9 euros",
    ],
)
def test_a_price_of_a_group_is_not_everybodys(index: Index, text: str) -> None:
    assert filled(index, "set_price", text, {}).args == {
        "sku": "MUG-BLUE",
        "amount": 900,
        "customer_group": "wholesale",
    }
