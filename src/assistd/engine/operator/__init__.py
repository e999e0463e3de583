"""What this server tells its operator: ids, names and numbers of what it does, never content."""
