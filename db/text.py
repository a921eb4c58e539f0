"""Text as it is compared: people leave out accents and capitals, and mean the same."""

import unicodedata


def fold(text: str) -> str:
    """Lower case, without accents, single spaces: `  Åsa  MÜLLER ` is `asa muller`."""
    letters = unicodedata.normalize("NFKD", text).casefold()
    return " ".join("".join(letter for letter in letters if not unicodedata.combining(letter)).split())
