"""Passwords: what a good one is, and how it is kept. Argon2 is slow on purpose, so it never runs on the event loop."""

import asyncio
import re
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import argon2
from pydantic import SecretStr, StringConstraints

from tools.contract.errors import Invalid, ShopError

SHORTEST, LONGEST = 12, 256
LEFT = 8  # characters that have to remain when what everybody thinks of first is taken out

Password = Annotated[SecretStr, StringConstraints(max_length=LONGEST)]

# What the lists of leaked passwords are made of, folded as `_folded` does: longer words before their beginnings.
_COMMON = re.findall(
    r"\w+",
    """
administrator shopkeeper changeme password passwort motdepasse contrasena wachtwoord iloveyou princess sunshine football
baseball basketball superman starwars whatever trustno1 letmein welcome willkommen bienvenue bonjour default computer internet
monkey dragon master shadow michael charlie jordan ashley hunter killer batman pokemon cheese flower freedom liverpool chelsea
arsenal samsung google login access secret summer winter spring autumn sommer herbst january february march april june july
august september october november december monday friday hello admin guest user test demo shop temp pass root love
""",
)
_ROWS = ("01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "zxcvbnm")
_FOLDED = str.maketrans("@4380$5!17", "aaebosslit")
_hasher = argon2.PasswordHasher()
_thread = ThreadPoolExecutor(1, "passwords")  # one at a time: each takes 64 MB of memory
# Of something long that was drawn and forgotten: compared with when there is no password, so that both ways take as long.
NO_ONE = "$argon2id$v=19$m=65536,t=3,p=4$Y9bzPu4K6eBnTbP6/Rz5mg$Y3QVVeEZBo8nMbdzK4D1+EN7v1PfUrbv4KSby+LfbQA"


class WeakPassword(Invalid):
    """The password is too easy to guess."""

    hint = f"Take at least {SHORTEST} characters, such as four words that have nothing to do with one another."


class WrongPassword(ShopError):
    """The password that was given as proof is not the account's."""

    status = 403
    hint = "Check it and try again; whoever has forgotten it resets it by mail."


def refuse_weak(password: str, *about: str) -> None:
    """Raise `WeakPassword` for a short one, and for one of common words, rows of keys, or of what is known `about` the person."""
    if len(password) < SHORTEST:
        raise WeakPassword(f"The password has {len(password)} characters, and needs {SHORTEST} or more.")
    if len(set(password.casefold())) < 5:
        raise WeakPassword("The password consists of fewer than 5 different characters.")
    own = {part for text in about for part in re.split(r"[\W_]+", text.casefold()) if len(part) > 2}
    left = _without(own, password.casefold())  # before a row in it is taken out of the middle of somebody's address
    left = _without(own | set(_COMMON), _without_rows(left))
    if len(left) < LEFT:
        raise WeakPassword(
            "Without common words, rows of keys, and the person's own name and address too little of the password is left."
        )


def _without(words: Collection[str], text: str) -> str:
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, "")
        text = text if word not in _folded(text) else _folded(text).replace(word, "")
    return text


def _folded(text: str) -> str:
    """`p@ssw0rd` is read as it is meant."""
    return text.translate(_FOLDED)


def _without_rows(text: str) -> str:
    """The text without four or more characters that follow one another on the keyboard or in the alphabet, or that repeat."""
    for row in (*_ROWS, *(row[::-1] for row in _ROWS)):
        pieces = [row[start:end] for start in range(len(row)) for end in range(len(row), start + 3, -1)]
        text = re.sub("|".join(sorted(pieces, key=len, reverse=True)), "", text)
    return re.sub(r"(.{1,4})\1{2,}", r"\1", text)


async def hashed(password: str) -> str:
    return await asyncio.get_running_loop().run_in_executor(_thread, _hasher.hash, password)


async def matches(password_hash: str | None, password: str) -> bool:
    """Whether it is the password; without a hash it takes as long to say no."""
    return await asyncio.get_running_loop().run_in_executor(_thread, _verify, password_hash, password)


def _verify(password_hash: str | None, password: str) -> bool:
    try:
        return _hasher.verify(password_hash or NO_ONE, password) and password_hash is not None
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False
