"""Counts what is billed."""
