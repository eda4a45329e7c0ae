"""Bytes <-> packets and records. No I/O, no clock, no dice; the only importer of construct."""
