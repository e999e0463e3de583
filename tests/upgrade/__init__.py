"""What an older commit left behind, opened with today's code."""
