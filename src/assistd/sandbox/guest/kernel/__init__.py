"""The interpreter of a session, as a notebook has it."""
