"""Data from elsewhere, brought into a shop made for it."""
