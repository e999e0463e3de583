"""What the prompt says of the files that a user gave, besides their names."""
