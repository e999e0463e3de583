"""The bodies of requests, and what parts of them have in common."""
