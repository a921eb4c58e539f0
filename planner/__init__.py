"""The embedded planner: from a request to tool calls, and from their results to an answer, without a language model.

`index.Index` ranks tools and routes requests for every model; `chat.EmbeddedPlanner` is the chat model itself.
Nothing here knows an order from an invoice: what there is to know comes with the tools' schemas and examples.
"""
