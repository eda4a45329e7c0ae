"""Servers of the local network: how they are announced and found. A name is a hint, a key is proof."""
