"""What the reader learns from: phrasings with what they name, and what is known beside them."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import prompts
from prompts import voices
from prompts.voices import Span

ON = "~on"  # goes on with the operation before
ROOMS = "rooms"  # the voice of the phrasings that the open rooms came with; what they name is not marked
SENTENCES = "sentences"  # an operation's own name and sentence
# What the shop can say of names.
KNOWN = (
    "customer",
    "product",
    "supplier",
    "carrier",
    "warehouse",
    "place",
    "category",
    "tag",
    "code",
)


class Lesson(NamedTuple):
    """A text, its operation, what it names (None where that is not marked), and what is known beside it."""

    voice: str
    operation: str
    text: str
    spans: tuple[Span, ...] | None
    beside: tuple[str, ...] = ()
    said: str = ""  # to what the operation before was the answer
    also: str = ""  # the operation of a second wish in it, and where that begins
    begins: int = -1


def beside() -> list[str]:
    """What may be known beside a text: the operation that was answered before, and kinds of things that it names."""
    return [*(one.name for one in voices.operations() if not one.name.startswith("~")), *KNOWN]


def lessons() -> list[Lesson]:
    """Everything that there is to learn from."""
    spoken = [Lesson(*one[:4]) for voice in voices.VOICES for one in voices.phrasings(voice)]
    onward = [
        Lesson(voice, ON if one.operation == one.after else one.operation, one.text, one.spans, (one.after,))
        for voice in voices.ONWARD
        for one in voices.onward(voice)
    ]
    days = [
        Lesson(
            author,
            ON if one.operation == one.after else one.operation,
            one.text,
            one.spans,
            (one.after,) * bool(one.after),
            one.said,
        )
        for author in voices.DAYS
        for one in voices.day(author)
    ]
    known = {one.name for one in voices.operations()}
    rooms = dict.fromkeys(one.room for one in voices.operations())
    own = [(name, text) for room in rooms for name, texts in prompts.examples(room).items() for text in texts]
    told = [(one.name, text) for one in voices.operations() for text in (one.sentence, one.name.replace("_", " "))]
    return [
        *spoken,
        *onward,
        *days,
        *(Lesson(ROOMS, name, text, None) for name, text in own if name in known),
        *(Lesson(SENTENCES, name, text, None) for name, text in told if not name.startswith("~")),
    ]


def fingerprint() -> str:
    """Of the corpus's files: SHA-256 over their paths and contents, in order."""
    root = Path(voices.__file__).parent
    whole = hashlib.sha256()
    for file in sorted([*root.rglob("*.md"), *root.rglob("*.tsv")]):
        whole.update(f"{file.relative_to(root).as_posix()}\n".encode() + file.read_bytes())
    return whole.hexdigest()
