"""Decides what happens in a run, and in which order."""
