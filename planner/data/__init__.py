"""The tokenizer of the embedding model, and word lists. Licences: NOTICE.md."""
