"""Customers: who buys, where they live, how to reach them, and what they have bought."""
