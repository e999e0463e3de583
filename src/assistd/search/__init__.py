"""Texts cut into passages, and the search for those that answer a question."""
