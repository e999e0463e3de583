"""Where windows, their keywords and their vectors are kept: SQLite or PostgreSQL."""
