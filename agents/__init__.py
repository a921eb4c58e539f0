"""Who does the work: the specialists, one file for each room, and a tool as a chat model sees it."""
