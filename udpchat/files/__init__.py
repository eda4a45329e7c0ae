"""Files on top of protocol events: uploads, downloads, the list. Pure: bytes go through ports, see protocol/ports.py."""
