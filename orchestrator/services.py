"""What the doors and the worker are given: the parts that `app.py` put together."""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from orchestrator.settings import Settings
from tools.contract.call import Shop


@dataclass(frozen=True)
class Services:
    settings: Settings
    shop: Shop
    carry_out: Callable[[uuid.UUID, str], Awaitable[None]]  # a decided approval of a merchant, by reference
    pick_up: Callable[[uuid.UUID], Awaitable[None]]  # a merchant's turns and decisions that were left behind
