"""From what the tools gave back to the sentences and tables of an answer."""
