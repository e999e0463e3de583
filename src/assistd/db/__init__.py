"""SQL lives here only."""
