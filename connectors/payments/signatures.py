"""Signatures of events: `t=<seconds>,v1=<HMAC-SHA256 of seconds.body>`, as Stripe writes them."""

import hashlib
import hmac
from datetime import datetime

from connectors import NotOurs

TOLERANCE = 300  # seconds by which an event may be old: who records one cannot send it again tomorrow


def sign(body: bytes, secret: str, at: int) -> str:
    return f"t={at},v1={hmac.new(secret.encode(), f'{at}.'.encode() + body, hashlib.sha256).hexdigest()}"


def check(body: bytes, header: str, secret: str, now: datetime) -> None:
    """Raises `NotOurs`."""
    parts = [part.partition("=") for part in header.split(",")]
    stamps = [value for name, _, value in parts if name.strip() == "t"]
    given = [value for name, _, value in parts if name.strip() == "v1"]
    if len(stamps) != 1 or not stamps[0].isascii() or not stamps[0].isdigit() or len(stamps[0]) > 12:
        raise NotOurs("The event has no signature.")
    at = int(stamps[0])
    wanted = sign(body, secret, at).rpartition("=")[2]
    if not any(hmac.compare_digest(wanted.encode(), one.encode()) for one in given):
        raise NotOurs("The event is signed by somebody else.")
    if abs(now.timestamp() - at) > TOLERANCE:
        raise NotOurs("The event's signature is too old.")
