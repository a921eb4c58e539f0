"""Inventory: how much lies where, what is held back, what is on its way, and every movement that explains it."""
