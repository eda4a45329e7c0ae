"""The Wireshark side: the dissector that is made from the declaration, its profile, and their installation."""
