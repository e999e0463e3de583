"""The record of a response: what writes its items and tells of its events."""
