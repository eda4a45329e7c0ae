"""Chat on top of protocol events: joining, the room, private lines, presence. Pure: no I/O, no clock."""
