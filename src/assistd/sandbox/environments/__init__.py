"""The interpreter environment: what it is built from, and how."""
