"""A text in the pieces of words that the reader knows."""

import importlib
from functools import lru_cache
from typing import Any, NamedTuple

from planner.read import embedder

FILE = embedder.DATA / "pieces.json"


class Pieces(NamedTuple):
    """Their numbers, and where each stands in the text; what begins and ends a text stands nowhere."""

    ids: list[int]
    places: list[tuple[int, int]]


def cut(tokenizer: embedder.Tokenizer, text: str, longest: int) -> Pieces:
    """The first pieces of a text, and the last, which ends every text. The blank before a word belongs to no piece."""
    whole = tokenizer.encode(text)
    places = [(end - len(text[start:end].lstrip()), end) for start, end in whole.offsets]
    most = min(len(whole.ids), longest) - 1
    return Pieces([*whole.ids[:most], whole.ids[-1]], [*places[:most], places[-1]])


@lru_cache(maxsize=1)
def vocabulary() -> embedder.Tokenizer:
    """The reader's, of English, French and German in small letters."""
    library: Any = importlib.import_module("tokenizers")  # its types have holes
    read: embedder.Tokenizer = library.Tokenizer.from_file(str(FILE))
    return read
