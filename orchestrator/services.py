"""What the doors and the worker are given: the parts that `app.py` put together."""

from dataclasses import dataclass

from orchestrator.carriage import Carriers
from orchestrator.chat import Chat
from orchestrator.outside import Outside
from orchestrator.settings import Settings
from tools.contract.call import Shop


@dataclass(frozen=True)
class Services:
    settings: Settings
    shop: Shop
    chat: Chat
    outside: Outside
    carriers: Carriers
