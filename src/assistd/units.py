"""Units that several rooms count in."""

MIB = 1 << 20
"""Bytes."""
