"""How the API and a sandbox host speak: messages, their bounds, and the names of the calls."""
