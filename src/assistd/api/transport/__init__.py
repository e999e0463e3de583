"""Bytes on a client's connection: reading, writing, and bounds on both; it overrides uvicorn."""
