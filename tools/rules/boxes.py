"""Which boxes an order needs: one, the smallest that takes it all; else few, each as small as its contents allow.

By volume, weight and sides: nothing longer than its box goes in, and a box is full at `FILL` per cent, for nobody packs without
gaps. It says what will do, not where each thing lies. What fits into no box travels as it is.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from tools.contract.shop_settings import Box

FILL = 85
BARE = "none"  # of what fits into no box
_GRAMS = 500  # of what nobody has weighed
_MM3_PER_GRAM = 4_000  # of what nobody has measured: a quarter of the weight of water


class Thing(NamedTuple):
    """A unit of an order line. Sides are in millimetres, the longest first; none when nobody has measured it."""

    line: UUID
    sku: str
    sides: tuple[int, int, int] | None
    grams: int | None

    @property
    def weight(self) -> int:
        return self.grams or _GRAMS

    @property
    def volume(self) -> int:
        if self.sides is None:
            return self.weight * _MM3_PER_GRAM
        return self.sides[0] * self.sides[1] * self.sides[2]


@dataclass
class Filled:
    """A box with what is in it."""

    box: Box
    things: list[Thing] = field(default_factory=list[Thing])

    @property
    def grams(self) -> int:
        return self.box.weight_grams + sum(thing.weight for thing in self.things)

    @property
    def percent(self) -> int:
        """How full it is; at least 1."""
        return max(1, min(100, 100 * sum(thing.volume for thing in self.things) // _volume(self.box)))

    @property
    def lines(self) -> Counter[UUID]:
        return Counter(thing.line for thing in self.things)


def boxed(things: Sequence[Thing], boxes: Sequence[Box]) -> list[Filled]:
    """The things in boxes: the biggest things first, each into the first box that takes it."""
    sizes = sorted(boxes, key=_volume)
    filled: list[Filled] = []
    for thing in sorted(things, key=lambda thing: thing.volume, reverse=True):
        taking = next((one for one in filled if one.box.code != BARE and _takes(sizes[-1], [*one.things, thing])), None)
        if taking is None:
            taking = Filled(sizes[-1] if _takes(sizes[-1], [thing]) else _bare(thing, sizes))
            filled.append(taking)
        taking.things.append(thing)
    for one in filled:
        one.box = next((box for box in sizes if _takes(box, one.things)), one.box)
    return filled


def _volume(box: Box) -> int:
    return box.length_mm * box.width_mm * box.height_mm


def _takes(box: Box, things: Sequence[Thing]) -> bool:
    sides = sorted((box.length_mm, box.width_mm, box.height_mm), reverse=True)
    fit = all(thing.sides is None or all(a <= b for a, b in zip(thing.sides, sides, strict=True)) for thing in things)
    room = 100 * sum(thing.volume for thing in things) <= FILL * _volume(box) or (len(things) == 1 and fit)
    return fit and room and sum(thing.weight for thing in things) <= box.holds_grams


def _bare(thing: Thing, sizes: Sequence[Box]) -> Box:
    """The thing in its own wrapping, where the biggest box does not take it but another may."""
    other = next((box for box in sizes if _takes(box, [thing])), None)
    length, width, height = thing.sides or (sizes[-1].length_mm, sizes[-1].width_mm, sizes[-1].height_mm)
    return other or Box.model_construct(
        code=BARE, length_mm=length, width_mm=width, height_mm=height, weight_grams=0, holds_grams=thing.weight
    )
