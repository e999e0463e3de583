"""Runs inside the jail: the zygote, its sessions and the kernel; imports nothing of ours from outside."""
