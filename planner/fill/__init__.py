"""From what was said to the arguments of a tool."""
