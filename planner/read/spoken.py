"""Which language a text is in, by its common words."""

import json
import re
from functools import lru_cache
from importlib.resources import files

ENGLISH = "en"


def language_of(text: str) -> str | None:
    """The language whose common words a text has most of; None where it has none at all."""
    said = re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", text.lower().replace("’", "'"))
    said += [part for word in said if "'" in word for part in word.split("'")]
    hits = {language: sum(word in signs for word in said) for language, signs in _signs().items()}
    best = max(hits, key=lambda language: hits[language])
    return best if hits[best] else None


@lru_cache(maxsize=1)
def _signs() -> dict[str, frozenset[str]]:
    stored = json.loads(files("planner.data").joinpath("answers.json").read_text("utf-8"))
    return {language: frozenset(str(known).split()) for language, known in stored["signs"].items()}
