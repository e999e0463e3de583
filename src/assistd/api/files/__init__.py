"""The door for files and uploads, which every other door names by their ids."""
