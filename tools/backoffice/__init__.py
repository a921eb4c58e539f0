"""The shop itself, its people and its rules: users, keys, settings, taxes, shipping, approvals."""
