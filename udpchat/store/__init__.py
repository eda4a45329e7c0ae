"""Durable things: parts, files, SQLite, keys, pins. Performs the requests of `protocol.ports`; knows no network."""
