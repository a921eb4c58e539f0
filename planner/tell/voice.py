"""The language of an answer: that of the question. Frames of sentences, labels and words for states are data."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import Any, cast

from planner.converse.memory import Conversation
from planner.read.reading import Setting
from planner.read.spoken import ENGLISH

AGREES = re.compile(r"\b\w+(?:ée|é|if)\b")  # French words that take an -s beside several things


@lru_cache(maxsize=1)
def words() -> Mapping[str, Any]:
    """The tables of words."""
    return cast(Mapping[str, Any], json.loads(files("planner.data").joinpath("answers.json").read_text("utf-8")))


@dataclass(frozen=True)
class Voice:
    """How values are said: the shop's zone and currency, and a language."""

    setting: Setting
    language: str = ENGLISH

    @classmethod
    def of(cls, talk: Conversation) -> "Voice":
        """The language of the request, or of what was said before it where it shows none: "MUG-BLUE"."""
        return cls(talk.setting, talk.language)

    def say(self, frame: str, **parts: object) -> str:
        """A sentence of the tables, with its parts."""
        return str(words()["frames"][frame][self.language]).format(**parts)

    def label(self, key: str) -> str:
        """`placed_at` is "placed", `average_order_value` is "average order value"."""
        return labels().get((key, self.language)) or key.removesuffix("_at").replace("_", " ")

    def word(self, said: str, *, tool: str = "", count: int = 1) -> str:
        """A value of ours as a word: `partly_paid` is "partly paid"."""
        known = values().get((f"{tool}.{said}", self.language)) or values().get((said, self.language))
        word = known or said.replace("_", " ")
        return AGREES.sub(lambda found: f"{found[0]}s", word) if self.language == "fr" and count > 1 else word

    def title(self, operation: str) -> str:
        """What an operation is called: `cancel_order` is "Cancel order"."""
        return title(operation, self.language)

    def quoted(self, said: Sequence[str]) -> str:
        """Somebody's own words, each in quotes."""
        return ", ".join(self.say("quote", said=words.strip()) for words in _whole(said))

    def not_used(self, said: Sequence[str]) -> str:
        """What of somebody's words could not be used, each once, and no piece of another; "" where that is nothing."""
        quoted = [self.say("quote", said=one.strip()) for one in _whole(said)]
        return self.say("not_used", said=self.listed(quoted, "or")) if quoted else ""

    def nouns(self, tool: str) -> Sequence[str]:
        """What a tool lists: one, several, and (where the language has it) its gender."""
        known = words()["nouns"].get(words()["lists"].get(tool, ""))
        return cast(Sequence[str], known[self.language]) if known else (*_noun(tool), "m")

    def counted(self, count: int, tool: str, *, more: bool = False) -> str:
        """ "1 order", "1,200 orders", "More than 20 orders"."""
        number = self.say("more_than", n=f"{count:,}") if more else f"{count:,}"
        return f"{number} {self.nouns(tool)[count != 1]}"

    def day(self, day: date, *, year: bool = True) -> str:
        """ "2 November 2026"."""
        month = words()["months"][self.language][day.month - 1]
        return f"{day.day}{'.' if self.language == 'de' else ''} {month}{f' {day.year}' if year else ''}"

    def listed(self, parts: Sequence[str], joint: str = "and") -> str:
        """ "a, b and c"."""
        return f" {self.say(joint)} ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)


def _whole(said: Sequence[str]) -> list[str]:
    """Each once, and no piece of another."""
    return [one for one in dict.fromkeys(said) if not any(one != other and one in other for other in said)]


def title(operation: str, language: str) -> str:
    """What an operation is called in a language."""
    return _titles().get((operation, language)) or operation.replace("_", " ").capitalize()


@lru_cache(maxsize=1)
def labels() -> Mapping[tuple[str, str], str]:
    """What fields are called, by key and language; in English only those that their own words do not say."""
    return {pair: said for pair, said in _table("labels.tsv", ENGLISH, "fr", "de").items() if said}


@lru_cache(maxsize=1)
def values() -> Mapping[tuple[str, str], str]:
    """What values are called, by key and language; `list_returns.approved` where they stand in that list's sentence."""
    return {pair: said for pair, said in _table("values.tsv", ENGLISH, "fr", "de").items() if said}


@lru_cache(maxsize=1)
def _titles() -> Mapping[tuple[str, str], str]:
    """What operations are called in French and German; in English their names say it."""
    return _table("titles.tsv", "fr", "de")


def _table(name: str, *languages: str) -> Mapping[tuple[str, str], str]:
    """A table of words: the key, then a column for each language."""
    lines = files("planner.data").joinpath(name).read_text("utf-8").splitlines()
    rows = (line.split("\t") for line in lines)
    return {(key, language): said for key, *told in rows for language, said in zip(languages, told, strict=True)}


def _noun(tool: str) -> tuple[str, str]:
    """`list_orders` lists orders; a tool that says no plural lists entries of what it is called."""
    verb, _, rest = tool.partition("_")
    noun = (rest if verb in ("list", "search", "find", "get") else tool).replace("_", " ")
    if not noun.endswith("s"):
        return f"{noun} entry", f"{noun} entries"
    if noun.endswith("sses"):
        return noun.removesuffix("es"), noun
    return (f"{noun[:-3]}y" if noun.endswith("ies") else noun.removesuffix("s")), noun
