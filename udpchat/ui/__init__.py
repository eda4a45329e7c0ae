"""What people see: the command line, the terminal and the browser. Holds no protocol state."""
