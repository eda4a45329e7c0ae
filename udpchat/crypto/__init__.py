"""Handshake, sealing, cookies, identities, key log: pure functions of bytes; no socket, no clock, no dice."""
