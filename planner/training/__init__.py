"""How the reader is trained, before it is shipped: `make planner`. Needs packages that the product does not.

One encoder learns two things at once from `prompts/voices`: which operation is asked for, and which words name what. All twelve
layers of multilingual E5 are tuned, the vectors of its words stay. Names are swapped between phrasings, so that forms are learned
and not goods.
"""
