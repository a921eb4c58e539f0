"""What a shop's goods are called by everyday words: "28cm frying pans", "the big wool duvet", "sage travel mugs".

Each word of a name belongs to a product's title, to a value of one of its options, or to nothing that it has. Words come in any
order; of a title they may be plural, misspelt by a letter, or written as one. A size may be said by the rank that it has among the
product's own: the smallest, the large one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from db.text import fold


def _of(text: str) -> frozenset[str]:
    return frozenset(text.split())


# To be left out: they say that a thing is meant, not which.
GENERAL = _of(
    """a an the of in with for and or our my from one two three four five six size colour color coloured version kind variant model
    type sort piece pcs unit item product thing all both some any every each"""
)
HOLDING = _of(
    "bag box bottle jar pot tin roll pack packet set pair"
)  # "the big bag" of tea: left out where no title has it
UNITS = {
    "mm": ("m", 0.001), "cm": ("m", 0.01), "centimetre": ("m", 0.01), "centimeter": ("m", 0.01), "m": ("m", 1), "metre": ("m", 1),
    "meter": ("m", 1), "ml": ("l", 0.001), "cl": ("l", 0.01), "dl": ("l", 0.1), "l": ("l", 1), "liter": ("l", 1), "litre": ("l", 1),
    "g": ("g", 1), "gr": ("g", 1), "gram": ("g", 1), "gramm": ("g", 1), "gramme": ("g", 1), "kg": ("g", 1000), "kilo": ("g", 1000),
    "kilogram": ("g", 1000), "inch": ("m", 0.0254),
}  # fmt: skip
_UNIT = "|".join(sorted(UNITS, key=len, reverse=True))
_MEASURE = re.compile(rf"(?<![\w.])(\d+(?:[.,]\d+)?)\s*-?({_UNIT})s?(?!\w)")
_TIMES = re.compile(r"(?<=\d)\s*(?:x|×|by|\*)\s*(?=\d)")
_RANGE = re.compile(r"(?<=\d)\s*(?:-|–|/|to|bis|a)\s*(?=\d)")
_HALF = re.compile(r"\bhalf[ -](?:an? )?(?=litre|liter|kilo|metre|meter)")
LABELS = {
    "extra small": "xs", "extra large": "xl", "small": "s", "medium": "m", "large": "l",
}  # fmt: skip
RANKS = ("xxs", "xs", "s", "m", "l", "xl", "xxl", "xxxl")
LEAST = _of("small smaller smallest little littlest tiny tiniest mini short shorter shortest low lowest")
MOST = _of("big bigger biggest large larger largest great huge tall taller tallest long longest high highest")
MIDDLE = _of("medium middle mid mid-sized")
SAME = {
    "gray": "grey",
    "colored": "coloured",
    "jewellery": "jewelry",
    "aluminum": "aluminium",
    "pajama": "pyjama",
    "mould": "mold",
}
PLURALS = {
    "knives": "knife",
    "shelves": "shelf",
    "scarves": "scarf",
    "leaves": "leaf",
    "loaves": "loaf",
    "halves": "half",
    "beanies": "beanie",
    "cookies": "cookie",
    "brownies": "brownie",
    "hoodies": "hoodie",
    "onesies": "onesie",
    "smoothies": "smoothie",
    "genies": "genie",
}
SHADES = {  # of a colour, as shops call them
    "green": _of("forest sage olive mint moss emerald pine khaki lime eucalyptus fern"),
    "blue": _of("navy indigo teal petrol sky denim cobalt turquoise azure"),
    "red": _of("burgundy bordeaux cherry crimson scarlet brick wine"),
    "pink": _of("rose blush fuchsia coral"),
    "rose": _of("pink blush"),
    "yellow": _of("ochre mustard lemon"),
    "orange": _of("rust terracotta apricot"),
    "brown": _of("chestnut chocolate cognac tan hazel rust"),
    "beige": _of("sand cream natural ecru oat"),
    "grey": _of("charcoal slate anthracite smoke graphite"),
    "purple": _of("plum lilac lavender violet aubergine"),
    "white": _of("ivory cream"),
}
LONG_ENOUGH = 5  # letters of a word in which one may be wrong


@dataclass(frozen=True)
class Option:
    """What a product comes in: its colours, its sizes."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Article:
    """A variant, and its value of each option."""

    reference: str
    sku: str
    title: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class Goods:
    """A product as it may be called."""

    reference: str
    title: str
    brand: str
    category: str
    options: tuple[Option, ...]
    articles: tuple[Article, ...]

    @property
    def choices(self) -> str:
        """What it comes in, in words: "Colour: Blue, White; Size: S, M"."""
        return "; ".join(f"{option.name}: {', '.join(option.values)}" for option in self.options)


@dataclass(frozen=True)
class Fitting:
    """A product that a name may mean: those of its articles that the name's words leave, and words that it has no place for."""

    goods: Goods
    articles: tuple[Article, ...]
    lacks: tuple[str, ...]
    named: int  # words of the title
    head: bool  # the title's own noun among them: a tea towel is a towel
    placed: int  # words that found a place
    whole: bool  # every word of the title
    shaded: int  # colours of which it has only a shade

    @property
    def singled(self) -> bool:
        """Whether some articles are meant and not others."""
        return len(self.articles) < len(self.goods.articles)


def words(text: str) -> list[str]:
    """The words of a name as they are compared: folded, in the singular, measures as one word in one unit."""
    said = _HALF.sub("0.5 ", _TIMES.sub("x", fold(text)))
    said = _RANGE.sub("-", said)
    said = _MEASURE.sub(lambda m: f" {_measured(m[1], m[2])} ", said)
    return [_singular(word) for word in re.findall(r"[a-z0-9][\w.+-]*", said)]


def lookups(text: str) -> list[str]:
    """The phrases by which the products that a name may mean are found: its words, and each two that stand together."""
    told = [
        word for word in words(text) if word not in GENERAL | LEAST | MOST | MIDDLE and re.fullmatch(r"[a-z]{3,}", word)
    ]
    pairs = [f"{first} {second}" for first, second in pairwise(told)]
    apart = told[0] if len(told) == 1 and len(told[0]) >= 8 else ""  # "nightlight"
    halves = [f"{apart[:at]} {apart[at:]}" for at in range(4, len(apart) - 3)]
    found: list[str] = list(dict.fromkeys([*told, *pairs, *halves]))
    return found[:12]


def fitting(text: str, candidates: Sequence[Goods]) -> list[Fitting]:
    """The products that a name fits best. Nothing where it has no word of any title, or little more than one."""
    told = words(text)
    fits = [fit for one in candidates if (fit := _fit(told, one)) is not None]
    if any(fit.head for fit in fits):
        fits = [fit for fit in fits if fit.head]
    best = max((_rank(fit) for fit in fits), default=None)
    fits = [fit for fit in fits if _rank(fit) == best and len(fit.lacks) < fit.placed + fit.head]
    whole = [fit for fit in fits if fit.whole]
    return whole or fits


def _rank(fit: Fitting) -> tuple[int, int, int]:
    """What has more places for the words fits better, then what has more of them in its title, then what is white to cream."""
    return (fit.placed - len(fit.lacks), fit.named, -fit.shaded)


def _fit(told: Sequence[str], goods: Goods) -> Fitting | None:
    title = words(goods.title.partition(",")[0])
    around = words(f"{goods.brand} {goods.category} {goods.title.partition(',')[2]}")
    left, named = _titled(told, title)
    if not named:
        return None
    articles, left, shaded = _chosen(left, goods)
    general = (
        GENERAL | HOLDING | LEAST | MOST | MIDDLE | {word for option in goods.options for word in words(option.name)}
    )
    lacks = tuple(word for word in left if not (word in general or word.isdigit() or _alike(word, around)))
    placed = len(told) - len([word for word in left if word in general]) - len(lacks)
    return Fitting(
        goods, articles, lacks, len(named), title[-1] in named, placed, len(named) == len(set(title)), shaded
    )


def _titled(told: Sequence[str], title: Sequence[str]) -> tuple[list[str], set[str]]:
    """The words that are none of the title's, and the title's words that were said."""
    left: list[str] = []
    named: set[str] = set()
    for word in told:
        one = next((own for own in title if _same(word, own)), None)
        parts = next(
            ((first, second) for first, second in pairwise(title) if _same(word, first + second)),
            None,
        )
        if one:
            named.add(one)
        elif parts:
            named |= {*parts}
        else:
            left.append(word)
    for first, second in pairwise(told):  # "tea pot"
        own = next((own for own in title if _same(first + second, own)), None)
        if own and not {first, second} & named:
            named.add(own)
            left = [word for word in left if word not in (first, second)]
    return left, named


def _chosen(left: Sequence[str], goods: Goods) -> tuple[tuple[Article, ...], list[str], int]:
    """The articles that the words leave, the words that are no value of an option, and how many colours are but a shade."""
    articles, left, shaded = goods.articles, list(left), 0
    for option in goods.options:
        scored = {value: hits for value in option.values if (hits := _said(value, left))}
        if scored:
            most = max(len(hits) for hits in scored.values())
            meant = [value for value, hits in scored.items() if len(hits) == most]
            articles = _having(articles, option, meant)
            used = {word for value in meant for word in scored[value]}
            left = [word for word in left if word not in used]
    for word in [word for word in left if word in LEAST | MOST | MIDDLE]:
        option = next((option for option in goods.options if _sizes(option)), None)
        value = _ranked(word, option, articles) if option else None
        if option and value:
            articles = _having(articles, option, [value])
            left.remove(word)
    for word in [word for word in left if word in SHADES]:  # "green", of what comes in forest, or "forest green"
        shades = [
            (option, [value for value in option.values if SHADES[word] & {*words(value)}]) for option in goods.options
        ]
        of_it = next(
            (shown for option, values in shades if values and (shown := _having(articles, option, values))), None
        )
        if of_it:
            articles, shaded = of_it, shaded + 1
            left.remove(word)
    for word in left.copy():  # a variant may be called by its own title or its SKU
        called = tuple(one for one in articles if _alike(word, words(f"{one.title} {one.sku.replace('-', ' ')}")))
        if called:
            articles = called
            left.remove(word)
    return articles, left, shaded


def _having(articles: Sequence[Article], option: Option, values: Sequence[str]) -> tuple[Article, ...]:
    return tuple(one for one in articles if one.values.get(option.name) in values)


def _said(value: str, told: Sequence[str]) -> list[str]:
    """The words that say a value: all of them for "orange blossom" best, one of them too; "small" says S."""
    label = LABELS.get(fold(value), fold(value))
    own = words(value)
    return [word for word in told if any(_same(word, one) for one in own) or LABELS.get(word, word) == label]


def _sizes(option: Option) -> list[str]:
    """An option's values from small to large; none where they have no order."""
    keyed = [(key, value) for value in option.values if (key := _size(value)) is not None]
    return [value for _, value in sorted(keyed)] if len(keyed) == len(option.values) > 1 else []


def _size(value: str) -> float | None:
    said = fold(value)
    label = LABELS.get(said, said)
    if label in RANKS:
        return RANKS.index(label)
    if label in ("low", "short", "high", "tall"):
        return float(label in ("high", "tall"))
    if paper := re.fullmatch(r"a(\d)", said):
        return -float(paper[1])
    area = re.fullmatch(r"([\d.,]+)\s*[x×]\s*([\d.,]+).*", said)
    if area:
        return float(area[1].replace(",", ".")) * float(area[2].replace(",", "."))
    measured = next((word for word in words(value)), "")
    number = re.match(r"\d+(?:\.\d+)?", measured)
    return float(number[0]) if number else None


def _ranked(word: str, option: Option, articles: Sequence[Article]) -> str | None:
    left = [value for value in _sizes(option) if any(one.values.get(option.name) == value for one in articles)]
    if not left:
        return None
    return left[0] if word in LEAST else left[-1] if word in MOST else left[len(left) // 2] if len(left) % 2 else None


def _alike(word: str, others: Sequence[str]) -> bool:
    return any(_same(word, other) for other in others)


def _same(word: str, own: str) -> bool:
    if word == own:
        return True
    return len(own) >= LONG_ENOUGH and word.isalpha() and own.isalpha() and word[0] == own[0] and _off_by_one(word, own)


def _off_by_one(word: str, own: str) -> bool:
    """Whether one letter is wrong, missing, too much, or two have changed places."""
    if abs(len(word) - len(own)) > 1:
        return False
    at = next((n for n, (one, other) in enumerate(zip(word, own, strict=False)) if one != other), None)
    if at is None:
        return len(word) != len(own)
    return (
        word[at + 1 :] == own[at + 1 :]
        or word[at:] == own[at + 1 :]
        or word[at + 1 :] == own[at:]
        or (word[at : at + 2] == own[at : at + 2][::-1] and word[at + 2 :] == own[at + 2 :])
    )


def _measured(number: str, unit: str) -> str:
    kind, factor = UNITS[unit]
    return f"{round(float(number.replace(',', '.')) * factor, 6):g}{kind}"


def _singular(word: str) -> str:
    word = PLURALS.get(word, SAME.get(word, word))
    if len(word) < 4 or not word.isalpha() or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("sses", "shes", "ches", "xes", "zzes")):
        return word[:-2]
    word = word[:-1] if word.endswith("s") else word
    if (root := re.fullmatch(r"(\w*[aeiou]\w*?)(\w)\2?ing", word)) and len(
        root[1]
    ) > 1:  # "gift wrap" is a gift wrapping
        word = root[1] + root[2]
    return SAME.get(word, word)
