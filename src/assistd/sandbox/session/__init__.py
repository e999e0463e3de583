"""One session as the server sees it: its calls, its outputs and its files."""
