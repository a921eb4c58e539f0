"""What a run has to know from outside before it can go on: asked between two runs, with no transaction open."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Question:
    """What a connector is to be asked, by the arguments as JSON."""

    connector: str
    arguments: Mapping[str, Any]

    @cached_property
    def key(self) -> str:
        """Its name: asked once for each call."""
        asked = json.dumps([self.connector, self.arguments], sort_keys=True)
        return hashlib.sha256(asked.encode()).hexdigest()


class Unheard(Exception):
    """The run is given up, the questions are asked, and it begins again: it then finds the answers, or why there are none."""

    def __init__(self, merchant: UUID, questions: Sequence[Question]) -> None:
        super().__init__(", ".join(question.key for question in questions))
        self.merchant = merchant
        self.questions = questions
