"""Everyday tasks, asked of the built-in model through a live server."""
