"""Words of outsiders inside a sentence of ours.

`f"{outside(customer.name)} has it already."`: what a customer, a marketplace or a carrier may have written is known as such
where it is put in, and each door shows it in its own way. People read it plainly; models get it inside a marked span.
"""

import re
from collections.abc import Callable
from typing import Any, cast

_BEGINS, _ENDS = "\ufdd0", "\ufdd1"  # Unicode's noncharacters: no text has them for its own sake
_QUOTED = re.compile(f"{_BEGINS}([^{_BEGINS}{_ENDS}]*){_ENDS}")

Quote = Callable[[str], str]


def outside(text: object) -> str:
    """A text from outside, to be put into a sentence."""
    return f"{_BEGINS}{plain(str(text))}{_ENDS}"


def quoting(value: Any, quote: Quote) -> Any:
    """The value, in all of its texts, with what outsiders wrote as `quote` shows it."""
    if isinstance(value, str):
        return _QUOTED.sub(lambda found: quote(found[1]), value)
    if isinstance(value, list):
        return [quoting(one, quote) for one in cast(list[Any], value)]
    if isinstance(value, dict):
        return {name: quoting(one, quote) for name, one in cast(dict[Any, Any], value).items()}
    return value


def plain(value: Any) -> Any:
    """The value as people read it."""
    return quoting(value, str)
