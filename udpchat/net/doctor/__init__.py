"""What `udpchat doctor` looks at: this machine, the way to a server, and what works on it."""
