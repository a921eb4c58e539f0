"""How often a password may be tried: each try is counted before it is looked at, in the database, so that the count holds over
processes and restarts, and tries at the same moment do not slip past it.

The rule follows OWASP's Authentication Cheat Sheet ("Login Throttling"): count by account and not by address alone, and make
the waits grow instead of locking out, so that nobody can be locked out for ever. An account has 10 tries, from one network 5;
a network has 30 over all accounts. Each try after those makes the next one wait, 1 s at first, twice as long each time,
15 minutes at most. A day after the last try, or once the right password was given, all is forgotten. Tries during a wait are
refused unseen, and neither count nor prolong it.

Against being kept out by somebody who goes on guessing: who is signed in from the same network already is not held up by what
others try (their own 5 tries count), and a password's reset lifts the wait. Unknown addresses are counted like known ones.
"""

import ipaddress
from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

from psycopg.rows import class_row

from db.session import Database, Transaction
from tools.contract.errors import TooManyRequests

FREE = {"account": 10, "account from": 5, "network": 30, "reset": 3}  # tries before the first wait
LONGEST = timedelta(minutes=15)
FORGOTTEN = timedelta(days=1)

# A free try makes nobody wait, whichever of two at the same moment looked at the clock first.
_COUNT = """
insert into guesses as g (name, strikes, last_at, wait_until)
select name, strikes, %(now)s, %(now)s from unnest(%(names)s::text[], %(strikes)s::int[]) as n(name, strikes) order by name
on conflict (name) do update set
    strikes = case when g.last_at < %(forgotten)s then excluded.strikes else g.strikes + 1 end,
    last_at = %(now)s,
    wait_until = case when g.last_at < %(forgotten)s or g.strikes < 0 then %(now)s
                      else %(now)s + least(%(longest)s, interval '1 second' * power(2, least(g.strikes, 20))) end
where g.strikes <= 0 or g.wait_until <= %(now)s
returning name
"""


class TooManyTries(TooManyRequests):
    """A password was tried too often; it can be tried again after a while."""

    hint = "Wait that long, or reset the password: that lifts the wait."


class _Name(NamedTuple):
    name: str


class _Waits(NamedTuple):
    until: datetime | None


def account(email: str) -> str:
    return f"account {email.strip().lower()}"


def network_of(address: str) -> str:
    """An address without its last part (IPv4 /24, IPv6 /48), or nothing where there is none."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    return str(ipaddress.ip_network((parsed, 24 if parsed.version == 4 else 48), strict=False))


def names_of(email: str, network: str, *, at_home: bool = False) -> list[str]:
    """What a try is counted under. `at_home`: the person is signed in from that network already."""
    of_account = [] if at_home else [account(email)]
    of_network = [f"account from {network} {email.strip().lower()}", f"network {network}"] if network else []
    return [*of_account, *of_network] or [account(email)]


async def count_guess(database: Database, names: list[str], now: datetime) -> None:
    """Count a try under each name, before it is looked at. Raises `TooManyTries` while one of them waits; then none is counted."""
    hashed = [_hashed(name) for name in names]
    params = {
        "names": hashed,
        "strikes": [1 - _free(name) for name in names],
        "now": now,
        "forgotten": now - FORGOTTEN,
        "longest": LONGEST,
    }
    async with database.connection() as connection, connection.transaction():
        cursor = connection.cursor(row_factory=class_row(_Name))
        counted = await (await cursor.execute(_COUNT.encode(), params)).fetchall()
        if len(counted) == len(names):
            return
        waits = connection.cursor(row_factory=class_row(_Waits))
        await waits.execute("select max(wait_until) as until from guesses where name = any(%s)", (hashed,))
        found = await waits.fetchone()
        seconds = max(1, round(((found.until if found and found.until else now) - now).total_seconds()))
        raise TooManyTries(f"That was tried too often. The next try is in {seconds} s.", retry_after=seconds)


_FORGET = "delete from guesses where name = any(%(names)s)"
_TAKE_BACK = "update guesses set strikes = strikes - 1, wait_until = last_at where name = any(%(names)s)"


async def forget_guesses(sql: Transaction, names: list[str]) -> None:
    """The right password was given: the account begins anew, and on its network this try is taken back."""
    of_network = [_hashed(name) for name in names if name.startswith("network ")]
    await sql.execute(_FORGET, {"names": [digest for name in names if (digest := _hashed(name)) not in of_network]})
    if of_network:
        await sql.execute(_TAKE_BACK, {"names": of_network})


def _free(name: str) -> int:
    return next(free for kind, free in reversed(FREE.items()) if name.startswith(f"{kind} "))


def _hashed(name: str) -> str:
    return sha256(name.encode("utf-8", "replace")).hexdigest()
