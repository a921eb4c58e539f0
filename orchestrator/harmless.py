"""What a model writes, as every door may show it: nothing of it is fetched from elsewhere, and no link leads there.

A model that has read text from outside may have been talked into carrying data off in an address: a picture that is fetched at
once, a link that somebody clicks. No door has to know: pictures, links and HTML are taken apart where the text comes from the
model, before it is streamed, stored or told again. Links to our own pages stay. An address that the model was told word for word
carries nothing new, and is shown whole, as code, which nothing makes a link of; of any other only its host is left.
"""

import re
from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

_WORD = r"[^\[\]()\n]"
_LINK = rf"!?\[(?P<label>[^\[\]\n]*)\]\([ \t]*<?(?P<to>[^\s\[\]()<>]*)>?(?:[ \t]+(?:\"{_WORD}*\"|'{_WORD}*'))?[ \t]*\)"
_ADDRESS = r"(?P<address>(?:(?:https?|ftp|wss?)://|(?<!\w)www\.)[^\s<>\[\]()\"|`\\^{}]+)"
_LEFT = r"(?P<bracket>\](?=[(:]))|(?P<tag><(?=[A-Za-z/!?]|[^\s<>]*@))"  # what else could become a link, or HTML
_RISKY = re.compile(f"{_LINK}|{_ADDRESS}|{_LEFT}", re.IGNORECASE)
_OPEN = re.compile(r"\[[^\[\]\n]*(?:\]\([^\[\]()\n]*)?$")  # a link that may go on behind it
_OWN_PATH = re.compile(r"/(?![/\\])[\w./?=&%#~+-]*", re.ASCII)
# Nobody sees them, and they can carry a text of their own: zero-width characters, marks of direction, Unicode's tags.
_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\U000e0000-\U000e007f]")
_LONGEST_HOST = 60  # characters

Known = Callable[[str], bool]


def harmless(text: str, site: str, known: Known) -> str:
    """A whole text. `site` is where our own pages are; `known` says whether the model was told an address word for word."""
    return _RISKY.sub(partial(_taken_apart, site, known), _INVISIBLE.sub("", text))


class Harmless:
    """The same for a text that comes in pieces, wherever they are cut."""

    def __init__(self, site: str, known: Known) -> None:
        self.site = site
        self.known = known
        self._held = ""

    def feed(self, piece: str) -> str:
        """What can be shown by now: up to the last space at which nothing is open."""
        self._held += _INVISIBLE.sub("", piece)
        place = _safe_cut(self._held)
        ready, self._held = self._held[:place], self._held[place:]
        return harmless(ready, self.site, self.known)

    def rest(self) -> str:
        """What was held back; the text has ended."""
        held, self._held = self._held, ""
        return harmless(held, self.site, self.known)


def _safe_cut(held: str) -> int:
    """The last space before which nothing is open; 0 when there is none."""
    place = _last_space(held, len(held))
    while place and (open_ := _OPEN.search(held, 0, place)):
        place = _last_space(held, open_.start())
    return place


def _last_space(held: str, before: int) -> int:
    return max(0, *(held.rfind(space, 0, before) for space in " \n\t"))


def _taken_apart(site: str, known: Known, found: re.Match[str]) -> str:
    if found["bracket"]:
        return "] "
    if found["tag"]:
        return "‹"
    if found["address"]:
        return _address(found, site, known)
    label, to = harmless(found["label"], site, known), found["to"]
    if _is_own(to, site):
        return f"[{label}]({to})"
    shown = _shown(to, known)
    return label if not shown or shown in label else f"{label} ({shown})" if label else shown


def _address(found: re.Match[str], site: str, known: Known) -> str:
    """A bare address, and the marks behind it that are the sentence's."""
    address = found["address"].rstrip(".,;:!?'*_~")
    behind = found["address"][len(address) :]
    quoted = found.string[: found.start()].endswith("`") and found.string[found.end() :].startswith("`")
    if _is_own(address, site) or (quoted and known(address)):
        return found["address"]
    return _shown(address, known) + behind


def _shown(address: str, known: Known) -> str:
    if not address:
        return ""
    if "://" in address and known(address):
        return f"`{address}`"
    try:
        host = urlsplit(address if "://" in address else "//" + address.lstrip("/\\")).hostname or ""
    except ValueError:
        host = ""
    host = host.removeprefix("www.")
    return host if re.fullmatch(r"[\w.-]+", host) and len(host) <= _LONGEST_HOST else "…"


def _is_own(address: str, site: str) -> bool:
    """Whether it is a page of ours; a host that merely begins like ours is none, nor one with a name in front."""
    if _OWN_PATH.fullmatch(address):
        return True
    try:
        asked, own = urlsplit(address), urlsplit(site)
    except ValueError:
        return False
    same = (asked.scheme.lower(), asked.netloc.lower()) == (own.scheme, own.netloc)
    return bool(own.netloc) and same and "\\" not in address
