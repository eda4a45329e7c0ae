"""udpchat: chat and files for a local network over one UDP port."""

__version__ = "0.1.0"
