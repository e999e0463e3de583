"""One module per resource: parse, call, serialise."""
