"""The jails: how each starts, what it cannot give, and which of them this host gives."""
