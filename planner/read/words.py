"""Words of everyday language that no schema declares: numbers, filler words, stems."""

import re
import unicodedata


def words_of(text: str) -> frozenset[str]:
    """A set of words, written as a text."""
    return frozenset(text.split())


NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
    "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
    "eighty": 80, "ninety": 90, "hundred": 100, "couple of": 2, "few": 3,
}  # fmt: skip
ORDINALS = {
    "first": 0, "1st": 0, "former": 0, "second": 1, "2nd": 1, "latter": 1, "third": 2, "3rd": 2, "fourth": 3, "4th": 3,
    "fifth": 4, "5th": 4,
}  # fmt: skip
NUMBER = r"(\d+|" + "|".join(sorted(NUMBERS, key=len, reverse=True)) + r")"

FILLER = words_of(
    """
    a about again all also am an and any anything are as ask asap at be been being but by can check could did do does
    doing done everything for from get give go got had has have having hello hey hi how i if in into is it its just kindly
    know him her his he she re ve ll don didn doesn isn aren won
    let like look me my need needs now of off ok okay on one ones or our out please pls quick quickly right say says
    see send should show so some tell thank thanks that the their them then there these they this those thx to today up us
    want wants was we were what when where which who whom whose will with would yes you your still currently here every each
    list find many much number details detail info information overview give gimme display pull open view want really
    whats wheres whos hows im ive id dont havent hasnt isnt arent cant wont youre theres thanx pls plz asap ok guys folks
    actually exactly kind sort lot lots very too yet already ever only more than least most less restrict narrow limit
    """
)

# Words of any shop's talk that tell nothing about which thing is meant.
TRADE = words_of(
    """
    sell sells selling sold buy buys bought carry stock stocks inventory catalogue catalog shop store warehouse price prices
    cost costs unit units piece pieces thing things item items article articles product products order orders ordered
    customer customers client clients buyer buyers people person guy lady woman man month week day year left available
    hand quantity amount total value data record records file page name email e-mail mail phone address number reference
    matching containing contains contain match matches called named titled spend spent last latest newest
    recent recently new old first next best top worst biggest money euros euro dollars eur usd running low going gone
    placed came come coming made make making put please sales sale revenue turnover report figures numbers status state
    about around between above below under over before after since until during within without per by vs versus against
    compared compare wants wanted asked said told called phoned wrote need needs needed keep kept hold held free looking
    use uses used using work works working mine hers his her him he she it its dear sir madam ve ll re don didn doesn isn
    aren wasn won couldn wouldn shouldn let lets got goes went back away levels level fewer
    through via enough times time often
    """
)

_ENDINGS = re.compile(r"(?:ations?|ings?|ies|ied|ers?|ed|es|s|e|y)$")


def number(said: str) -> int:
    """12 for "12" or "twelve". KeyError for another word."""
    return int(said) if said.isdigit() else NUMBERS[said.lower()]


def tokens(text: str) -> list[str]:
    """The words of a text, lower case, in order."""
    return re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", text.lower())


def fold(text: str) -> str:
    """In small letters, without accents."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(sign))


def stem(word: str) -> str:
    """A word without its usual English ending, so that "orders" meets "ordered"."""
    word = word.removesuffix("'s")
    return _ENDINGS.sub("", word) if len(word) > 4 else word.removesuffix("s") if len(word) > 3 else word


def content(text: str) -> list[str]:
    """The words that carry meaning."""
    return [word for word in tokens(text) if word not in FILLER and word.removesuffix("'s") not in FILLER]
