"""What a turn does with what stands before it: agrees, declines, corrects, adds to it, goes on from it, returns to it.

A turn may do one thing and say another: "yes, and who else has it?". What it does stands at its beginning (a correction may stand
anywhere); `rest` is what is left to be understood. The words are data, by language (`data/acts.json`).
"""

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

SIGNS = " \t,.;:!?…–-"
LEADING = {  # what a turn does, and the words for it, in the order in which they are tried
    "same": "same",
    "returns": "returns",
    "aside": "asides",
    "agrees": "agrees",
    "declines": "declines",
    "corrects": "apologies",
}
VERBS = re.compile("stop|cancel|halt|arrêter?|annuler?|stopp", re.I)  # they decline only by themselves
ENDS = r"(?=\s*(?:[,.;:!?…–-]|$))"
# At the end.
APOLOGY = re.compile(
    r"[,.;!]\s*(?:sorry|my mistake|oops|pardon|désolée?|entschuldigung|verschrieben|vertippt)\W*$", re.I
)
ASKING = re.compile(
    r"(?:who|whom|whose|what|whats|when|where|why|how|which|is|are|was|were|does|did|do (?:we|i|they)|has|have"
    r"|qui|que|quoi|quel(?:le)?s?|quand|où|pourquoi|comment|combien|est-ce"
    r"|wer|was|wann|wo|wohin|warum|wieso|weshalb|wie|wieviele?|welche[rsnm]?|ist|sind|war|hat|haben|gibt)\b",
    re.I,
)


@dataclass(frozen=True)
class Act:
    """What a turn does, and what else it says."""

    said: str
    rest: str
    agrees: bool = False
    declines: bool = False
    corrects: bool = False
    adds: bool = False
    same: bool = False
    aside: bool = False
    returns: bool = False

    @property
    def alone(self) -> bool:
        """Whether nothing else is said."""
        return not re.search(r"\w", self.rest)

    @property
    def asks(self) -> bool:
        """Whether the rest is a question."""
        return self.asks_whole or self.rest.rstrip().endswith("?")

    @property
    def asks_whole(self) -> bool:
        """Whether the rest opens as a whole question does: "which products …", not "and last year?"."""
        return ASKING.match(self.rest.strip()) is not None

    @classmethod
    def of(cls, text: str) -> "Act":
        """Reads the beginning word by word, then looks for a correction in what is left."""
        found: dict[str, bool] = {}
        rest = text.strip()
        while rest:
            step = _leading(rest)
            if step is None:
                break
            name, rest = step
            if name:
                found[name] = True
        if found and re.fullmatch(rf"\W*(?:(?:{_words('fillers')})\W*)+", rest, re.I):
            rest = ""  # "yes please"
        for name in ("corrects", "adds"):
            found[name] = found.get(name, False) or _anywhere(name).search(rest) is not None
        found["corrects"] = found["corrects"] or APOLOGY.search(rest) is not None
        return cls(text, rest, **{name: holds for name, holds in found.items() if holds})


def leads_alone(text: str) -> bool:
    """Whether a text is a word such as "ok" or "great", which ends a matter as often as it agrees to one."""
    return re.fullmatch(rf"\W*(?:(?:{_words('agrees_alone')}|{_words('fillers')})(?!\w)\W*)+", text, re.I) is not None


def courteous(text: str) -> bool:
    """Whether a text is only a word that takes note, or thanks: after an answer it asks for nothing."""
    return re.fullmatch(rf"\W*(?:(?:{_words('courtesies')})(?!\w)\W*)+", text, re.I) is not None


def without(rest: str, *names: str) -> str:
    """What is said without the words that only tell what is done: "it's 98, sorry" is "98"."""
    for name in names:
        rest = _anywhere(name).sub(" ", rest)
    return re.sub(r"^[\s,.;:!?…–-]+|[\s,;:!…–-]+$", "", re.sub(r"\s+", " ", rest))


def cleaned(rest: str) -> str:
    """The values that are said, without all words for what is done and how the text goes on."""
    said = bare(rest)
    while (found := re.match(rf"(?:{_words('goes_on')}|{_words('fillers')})(?=\s)\s*", said, re.I)) is not None:
        said = said[found.end() :]
    return said


def bare(rest: str) -> str:
    """The same, with the words that lead to a value: "from Nantes"."""
    said = without(rest, "corrects", "apologies", "merely", "adds", "same")
    while (found := re.match(rf"(?:{_words('fillers')})(?=\s)\s*", said, re.I)) is not None:
        said = said[found.end() :]
    return said


def narrows(text: str) -> bool:
    """Whether a fragment can only narrow what was shown: "only Lyon", "nach Lager"."""
    return re.match(rf"(?:(?:and|et|und)\s+)?(?:{_words('narrows')})(?!\w)", text.strip(), re.I) is not None


def excludes(text: str) -> bool:
    """Whether what is named is to be left out: "without the mugs"."""
    return (
        re.match(rf"(?:(?:and|et|und|but|mais|aber)\s+)?(?:{_words('excludes')})(?!\w)", text.strip(), re.I) is not None
    )


def withdraws(text: str) -> bool:
    """Whether a reply to a question drops what it was asked for: "cancel that" beside a question is no wish to cancel an order."""
    return re.fullmatch(rf"\W*(?:{_words('withdraws')})\W*(?:{_words('fillers')})?\W*", text, re.I) is not None


def dropped(text: str) -> str | None:
    """What is said beside "leave it", "finalement non", "lass gut sein"; None where no piece of a text says so."""
    pieces = re.split(r"\s*[,.;:!?…–—]+\s*", text.strip())
    around = rf"(?:{_words('fillers')}|{_words('declines')}|{_words('apologies')}|{_words('agrees')})"
    drops = re.compile(rf"\W*(?:{around}\W+)*(?:{_words('drops')})(?:\W+{around})*\W*", re.I)
    left = [piece for piece in pieces if piece and not drops.fullmatch(piece)]
    taken_back = re.search(rf"\w\W+(?:{_words('retracts')})\b", text, re.I)
    if taken_back:  # "cancel it. no, wait, don't": what was wished before is not wished any more
        rest = text[taken_back.end() :].strip(SIGNS)
        return rest if (left_of_it := dropped(rest)) is None else left_of_it
    if len(left) == len([piece for piece in pieces if piece]):
        return None
    alone = re.compile(rf"\W*(?:{around}\W*)+", re.I)
    return ", ".join(piece for piece in left if not alone.fullmatch(piece))


def goes_on(text: str) -> bool:
    """Whether a text begins as one does that goes on from what was said: "and …", "nur …", "et …"."""
    return re.match(rf"(?:{_words('goes_on')})(?!\w)", text.strip(), re.I) is not None


def conditions() -> str:
    """The pattern of the words with which a wish depends on an answer: "if so"."""
    return _words("conditions")


def unconditioned(text: str) -> str:
    """The wish alone: "revoke those" of "if so revoke those"."""
    return re.sub(rf"^(?:{_words('conditions')})(?!\w)", "", text, flags=re.I).lstrip(SIGNS)


def swaps(text: str) -> list[tuple[str, str]]:
    """What takes whose place: "98 not 88" and "not 88 but 98" are (98, 88)."""
    word = r"([^\s,.;!?]+(?:[.,]\d+)?)"
    no = _words("negations")
    pairs = [
        (m[2], m[1]) for m in re.finditer(rf"\b(?:not|pas|nicht) {word},? (?:but|mais|sondern) {word}", text, re.I)
    ]
    return pairs or [(m[1], m[2]) for m in re.finditer(rf"{word},? (?:and |und |et )?(?:{no}) {word}", text, re.I)]


def _leading(text: str) -> tuple[str, str] | None:
    """The act that a text begins with, and what stands after it; a filler has no name."""
    for name, words in LEADING.items():
        found = re.match(rf"(?:{_words(words)})(?!\w)", text, re.I)
        if found and (name != "declines" or _apart(found[0], text[found.end() :])):
            return name, text[found.end() :].lstrip(SIGNS)
    alone = re.match(rf"(?:{_words('agrees_alone')}){ENDS}", text, re.I)
    if alone:
        return "agrees", text[alone.end() :].lstrip(SIGNS)
    filler = re.match(rf"(?:{_words('fillers')})(?=[\s,.;:!?…–-])", text, re.I)
    return ("", text[filler.end() :].lstrip(SIGNS)) if filler else None


def _apart(said: str, after: str) -> bool:
    """ "no, …" declines, and "no orders …" does not; "stop the code" is a wish."""
    if re.match(ENDS, after) or VERBS.fullmatch(said):
        return re.match(ENDS, after) is not None
    follows = "|".join(_words(name) for name in ("corrects", "apologies", "merely", "fillers", "agrees", "declines"))
    return re.match(rf"(?:{follows}|i|the|ich|das|je|il|elle)(?!\w)", after.lstrip(), re.I) is not None


@lru_cache(maxsize=1)
def _tables() -> dict[str, dict[str, str]]:
    return json.loads(files("planner.data").joinpath("acts.json").read_text(encoding="utf-8"))


@lru_cache(maxsize=32)
def _words(name: str) -> str:
    """One pattern for all languages, the longest first where one begins another."""
    return "|".join(_tables()[name].values())


@lru_cache(maxsize=32)
def _anywhere(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-])(?:{_words(name)})(?![\w-])", re.I)
