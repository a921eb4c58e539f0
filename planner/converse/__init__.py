"""What a conversation knows: what was asked and done, and the rows that were shown."""
