"""Conversations as a service: messages become turns, turns run under a lease, and what they do is told in numbered events."""

from orchestrator.chat.service import Chat

__all__ = ["Chat"]
