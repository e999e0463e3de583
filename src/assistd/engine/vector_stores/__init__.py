"""Vector stores: which files are in them, how these are indexed, and how they are searched."""
