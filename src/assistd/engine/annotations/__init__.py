"""Links to files in what a model says, and how they are found."""
