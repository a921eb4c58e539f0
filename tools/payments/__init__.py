"""Payments: what was promised, taken and given back, by whom, and what the books say of it."""
