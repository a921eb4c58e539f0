"""The operations of the room."""
