"""Rows of the Responses API."""
