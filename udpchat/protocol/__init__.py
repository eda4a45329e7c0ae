"""One peer (connection) and one socket (endpoint): joins wire, crypto and arq. Still no I/O, no clock, no randomness."""
