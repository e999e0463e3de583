"""The door for admin keys: usage and costs."""
