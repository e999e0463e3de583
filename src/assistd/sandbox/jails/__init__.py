"""The kinds of walls, what each lacks, and what this host gives."""
