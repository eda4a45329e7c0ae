"""One peer (connection) and one socket (endpoint): joins wire, crypto, arq. Still no I/O, no clock, no randomness."""
