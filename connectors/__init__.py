"""The world outside, behind one interface for each trade. Nothing here imports the shop; `orchestrator/outside.py` calls it."""


class Silent(Exception):
    """Whoever was asked did not answer in time: it may have acted, or not."""


class NotOurs(Exception):
    """An event that its sender did not sign, or not now."""
