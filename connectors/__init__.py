"""The world outside, behind one interface for each trade. Nothing here imports the shop; `orchestrator/outside.py` calls it."""
