"""What search needs of the database: the jobs of indexing, what may be found, and what is metered."""
