"""The world: sockets, the event loop, the clock of the machine."""
