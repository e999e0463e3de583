"""Runs inside: the zygote and its sessions. Standard library and the interpreter environment only."""
