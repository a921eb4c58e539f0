"""A model is told of the tools that it is offered, and not of others."""

import prompts
from tools import registry

TOOLS = registry.tools()


def test_a_line_that_speaks_of_tools_is_told_where_one_of_them_is_offered() -> None:
    told = prompts.about("products", TOOLS, {"search_products"})

    assert "`search_products`" in told
    assert "`undo_price_change`" not in told


def test_what_speaks_of_no_tool_is_told_always() -> None:
    opening = prompts.read("products").splitlines()[0]

    assert prompts.about("products", TOOLS, ()).startswith(opening)


def test_a_model_that_is_offered_all_is_told_all() -> None:
    assert prompts.about("customers", TOOLS, TOOLS) == prompts.read("customers")
