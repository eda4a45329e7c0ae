"""Files on top of protocol events: uploads, downloads, the list. Pure: bytes go through protocol/ports.py."""
