"""Orders: what customers bought, how far each order has come, and what passed with it."""
