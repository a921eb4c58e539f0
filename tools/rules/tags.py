"""Tags: words by which people find a customer or a product again."""

from collections.abc import Iterable

from db.text import fold


def retagged(tags: Iterable[str], add: Iterable[str], remove: Iterable[str]) -> list[str]:
    """The tags with some added and some taken away, each once and in their order; capitals and accents tell none apart."""
    gone = set(map(fold, remove))
    kept: dict[str, str] = {}
    for tag in (*tags, *add):
        kept.setdefault(fold(tag), tag)
    return [tag for key, tag in kept.items() if key not in gone]
