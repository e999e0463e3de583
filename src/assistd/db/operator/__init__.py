"""What an operator sees: the servers, and what projects do and keep; ids, names and numbers, never content."""
