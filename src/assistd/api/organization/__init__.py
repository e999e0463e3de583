"""The door for admin keys: usage and costs, projects and keys, and what servers do now."""
