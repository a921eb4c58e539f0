"""How the reader is trained, before it is shipped: `make planner`. Needs packages that the product does not.

One encoder learns two things at once from `prompts/voices`: which operation is asked for, and which words name what. All six layers
of MiniLM are tuned, its token embeddings stay. Names are swapped between phrasings, so that forms are learned and not goods.
"""
