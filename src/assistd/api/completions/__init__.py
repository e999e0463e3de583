"""The door for completions: a client's own questions, passed on to a model."""
