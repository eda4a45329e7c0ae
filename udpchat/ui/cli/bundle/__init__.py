"""`udpchat bundle`: a folder from which machines without internet install udpchat."""
