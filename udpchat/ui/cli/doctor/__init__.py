"""The command `udpchat doctor`: what was found, judged, in words that say what to do."""
