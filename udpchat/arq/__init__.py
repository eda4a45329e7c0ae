"""Reliability: ranges, ACKs, round-trip times, windows and transfers. Knows no packet layout, no address, no clock."""
