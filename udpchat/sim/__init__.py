"""A network and a disk in virtual time with seeded faults. May roll dice from a seed; knows no clock and no sockets."""
