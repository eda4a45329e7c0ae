"""Captures: what one end sent and received, written without root and read back, ours and those of other programs."""
