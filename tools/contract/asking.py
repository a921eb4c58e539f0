"""What a run has to know from outside before it can go on: asked between two runs, with no transaction open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Question:
    """`key` is its name: asked once for each call."""

    key: str
    connector: str
    arguments: Mapping[str, Any]


class Unheard(Exception):
    """The run is given up, the questions are asked, and it begins again: it then finds the answers, or why there are none."""

    def __init__(self, merchant: UUID, questions: Sequence[Question]) -> None:
        super().__init__(", ".join(question.key for question in questions))
        self.merchant = merchant
        self.questions = questions
