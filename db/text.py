"""Text as it is compared: people leave out accents and capitals, and mean the same."""

import re
import unicodedata

# Letters that Unicode does not take apart; PostgreSQL's unaccent maps them so.
_LETTERS = str.maketrans({"ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"})


def fold(text: str) -> str:
    """Lower case, without accents, single spaces: `  Åsa  MÜLLER ` is `asa muller`, `Łukasz Sørensen` `lukasz sorensen`."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(c for c in letters if not unicodedata.combining(c)).translate(_LETTERS).split())


def slug(*parts: str) -> str:
    """Words as they stand in an address: `Blue Mug`, `M` is `blue-mug-m`."""
    return "-".join(filter(None, (re.sub(r"[^a-z0-9]+", "-", fold(part)).strip("-") for part in parts)))
