"""Hosted tools: what this server runs when a model calls it."""
