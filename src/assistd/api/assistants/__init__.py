"""The door of the Assistants API: assistants, threads, messages, runs and steps."""
