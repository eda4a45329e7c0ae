"""A running node of a peer network: its server and its dials on one socket, searching, fetching."""
