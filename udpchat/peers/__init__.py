"""Nodes that are equals: neighbours, and searching by flooding. Pure."""
