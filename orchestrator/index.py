"""The index over all tools and how they are asked for. Run as a program, it is trained anew: `make planner`."""

import prompts
from orchestrator.offer import entries
from planner.choose.index import Entry, Index
from tools import registry


def read_index() -> Index:
    """The index with what it learned before it was shipped."""
    return Index.shipped(_entries())


def _entries() -> list[Entry]:
    phrasings = {tool: phrases for room in registry.ROOMS for tool, phrases in prompts.examples(room).items()}
    return entries(registry.tools().values(), phrasings)


if __name__ == "__main__":
    Index.build(_entries()).ship()
