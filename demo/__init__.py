"""The guide's story, told by the official SDK against a real server: `make demo`."""
