"""What stands in a /mnt/data, and which session serves it."""
