"""`python -m planner.training` trains on everything and ships. With `--left-out`: how are voices read that were not taught?"""

import argparse
import json
from typing import Any

from planner.read.embedder import DATA
from planner.read.reader import About
from planner.training.corpus import ON, Lesson, beside, fingerprint, lessons
from planner.training.e5 import Pretrained
from planner.training.fit import EPOCHS, Student, teach
from planner.training.judge import judge, reliability, temperature
from planner.training.ship import ship
from planner.training.words import kept
from prompts import voices

JUDGED = DATA / "judged.json"  # how left-out voices were read when the temperature was taken


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m planner.training", description=__doc__)
    parser.add_argument(
        "--left-out", metavar="VOICES", help="voices, with commas, that are judged and not taught; nothing is shipped"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    asked = parser.parse_args()
    names = [*(one.name for one in voices.operations()), ON]
    left_out = frozenset(asked.left_out.split(",")) if asked.left_out else frozenset[str]()
    taught, e5 = lessons(), Pretrained()
    pieces = kept(e5, [lesson.text for lesson in taught])
    student = Student(e5, pieces, names, sorted(voices.KINDS), beside())
    teach(student, [one for one in taught if one.voice not in left_out], seed=asked.seed, epochs=asked.epochs)
    if left_out:
        _tell(student, [one for one in taught if one.voice in left_out], left_out)
    else:
        ship(student, DATA, temperature=_judged()["temperature"], corpus=fingerprint())


def _tell(student: Student, unseen: list[Lesson], left_out: frozenset[str]) -> None:
    """Adds to `judged.json` how each left-out voice was read, and takes the temperature from these."""
    told = _judged()
    for voice in sorted(left_out):
        verdict = judge(student, [one for one in unseen if one.voice == voice])
        told["voices"][voice] = {
            "first": round(100 * verdict.first, 1), "among three": round(100 * verdict.among_three, 1),
            "names": round(100 * verdict.names, 1),
        }  # fmt: skip
        print(voice, told["voices"][voice])
    verdict = judge(student, unseen)
    heat = temperature(verdict.scores, verdict.wanted)
    told["temperature"] = round(heat, 3)
    told["reliability"] = [
        [round(float(part), 3) for part in row] for row in reliability(verdict.scores, verdict.wanted, heat)
    ]
    JUDGED.write_text(json.dumps(told, indent=1) + "\n")


def _judged() -> dict[str, Any]:
    """What is known of left-out voices. Where none was left out yet, the temperature stays as it was shipped."""
    if JUDGED.exists():
        return json.loads(JUDGED.read_text())
    return {"temperature": About.of(DATA / "reader.json").temperature, "voices": {}, "reliability": []}


if __name__ == "__main__":
    main()
