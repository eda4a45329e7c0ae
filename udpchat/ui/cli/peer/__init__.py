"""The command `udpchat peer`: prompt and one-shot commands of a node."""
