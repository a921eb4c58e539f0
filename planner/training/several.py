"""Two wishes in one message, made of two that were said apart: where the second begins is what the reader learns to see.

What stands in a shop's days as one message has one wish, however many sentences it takes to tell it.
"""

import random
from collections import defaultdict
from collections.abc import Sequence

from planner.training.corpus import ON, Lesson
from prompts import voices
from prompts.voices import Span

SHARE = 0.1  # of what was said in shops' days
STOPS = (". ", ". ", "? ", "; ", "\n", ", ", " - ")
JOINED = {
    "english": (" and ", ", and ", " and also ", ", then ", " and then ", " plus ", " also ", ". also ", ". and "),
    "french": (" et ", ", et ", " et aussi ", ", puis ", " et puis ", ". et ", ". aussi "),
    "german": (" und ", ", und ", " und auch ", ", dann ", " und dann ", ". und ", ". außerdem "),
}  # fmt: skip


class Several:
    """What can follow what: the turns of the days by who said them, and all that opens a conversation by its language."""

    def __init__(self, taught: Sequence[Lesson], chance: random.Random) -> None:
        self.chance = chance
        days = [lesson for lesson in taught if lesson.voice in voices.DAYS and not lesson.operation.startswith("~")]
        self.said = {(lesson.voice, lesson.text): lesson for lesson in days}
        self.opening = defaultdict[str, list[Lesson]](list)
        for lesson in days:
            if not lesson.beside and lesson.operation != ON:
                self.opening[_language(lesson)].append(lesson)

    def pair(self, lesson: Lesson) -> tuple[Lesson, Lesson] | None:
        """What a message is made of: a turn after the one before it, or two that have nothing to do with each other."""
        if lesson.voice not in voices.DAYS or lesson.operation.startswith("~") or self.chance.random() > SHARE:
            return None
        before = self.said.get((lesson.voice, lesson.said))
        if before and lesson.operation not in (ON, before.operation):
            return before, lesson
        if lesson.beside:
            return None
        other = self.chance.choice(self.opening[_language(lesson)])
        return (lesson, other) if other.operation != lesson.operation else None

    def joined(self, first: Lesson, second: Lesson) -> Lesson:
        """Both as one message."""
        between = self.chance.choice((*STOPS, *JOINED[_language(first)]))
        asked = first.text.endswith("?") and between[0] in ".?;\n"
        begun = first.text if asked else first.text.rstrip(" .?!,;")
        between = between[1:] if asked and between[0] != "\n" else between
        goes_on = between[0] not in ".?\n" and not asked
        text = second.text[:1].lower() + second.text[1:] if goes_on else second.text
        at = len(begun) + len(between)
        spans = None
        if first.spans is not None and second.spans is not None:
            spans = (*first.spans, *(Span(one.start + at, one.end + at, one.kind) for one in second.spans))
        return first._replace(text=begun + between + text, spans=spans, also=second.operation, begins=at)


def _language(lesson: Lesson) -> str:
    return lesson.voice.split("_")[0]
