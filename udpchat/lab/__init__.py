"""Experiments in virtual time: whole servers and clients over simulated links, and what came of it."""
